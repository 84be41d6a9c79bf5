"""The redirect server (RFC 3261 8.3): tells callers where to try, and takes itself out of the way."""

from __future__ import annotations

from offhook.redirect.redirect import Redirect

__all__ = ["Redirect"]
