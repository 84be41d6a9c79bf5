"""Datagrams that only keep a NAT's binding alive: empty lines, NULs, STUN. They never reach the parser."""

from __future__ import annotations

from offhook.transport.stun import binding_response, is_stun

__all__ = ["is_keep_alive", "keep_alive_answer"]


def is_keep_alive(data: bytes) -> bool:
    """Whether a datagram holds no SIP message: nothing at all, line ends, NULs or blanks only, or STUN.

    RFC 5626 knows STUN alone over UDP (3.5.2); phones send all the others, and empty lines before a message are to be
    ignored anyhow (RFC 3261 7.5).
    """
    return not data.strip(b"\r\n\0 \t") or is_stun(data)


def keep_alive_answer(data: bytes, remote: tuple[str, int]) -> bytes | None:
    """What a keep-alive from `remote` is answered with: a Binding response (RFC 5626 8), or nothing.

    Empty lines get a pong over connections only (RFC 5626 3.5.1).
    """
    return binding_response(data, remote) if is_stun(data) else None
