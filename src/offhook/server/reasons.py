"""What the operating system says, as a part of a sentence."""

from __future__ import annotations

__all__ = ["reason_of"]


def reason_of(error: OSError) -> str:
    """Why something failed, in words that begin small."""
    text = error.strerror or str(error)
    return f"{text[:1].lower()}{text[1:]}"
