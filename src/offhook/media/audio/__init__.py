"""Audio as samples: files, tones and their measurement.

Between parts of the program audio is `Samples`: a one-dimensional numpy array of int16, linear, mono.
"""
