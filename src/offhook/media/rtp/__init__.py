"""RTP (RFC 3550): packets, sequence numbers, sources, sessions, the jitter buffer and symmetric RTP."""
