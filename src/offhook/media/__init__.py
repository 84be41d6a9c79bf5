"""Media: RTP and RTCP, codecs, audio, and the state machine of one audio stream, all without I/O of their own."""
