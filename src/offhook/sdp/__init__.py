"""Session descriptions: SDP (RFC 8866) and the offer/answer model (RFC 3264)."""

from __future__ import annotations

from offhook.sdp.parser import parse
from offhook.sdp.session import MediaDescription, SessionDescription

__all__ = ["MediaDescription", "SessionDescription", "parse"]
