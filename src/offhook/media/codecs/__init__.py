"""Audio codecs and payload formats of RTP."""
