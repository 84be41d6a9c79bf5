"""Dialogs, and the machines of an INVITE's use of one (RFC 3261 12 to 15, RFC 3262, RFC 3264)."""
