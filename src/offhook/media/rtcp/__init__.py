"""RTCP (RFC 3550 section 6): the packets, their timing and their timestamps."""
