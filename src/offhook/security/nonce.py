"""Nonces that a server can check without having kept them, and the guard against their replay.

A nonce is its time of issue, some random octets and a MAC over both, the realm and whatever else it is bound to
(RFC 7616 3.3 and 5.4). Its age alone decides that it is stale, so any worker or node that has the secret can check
it, and nothing has to be remembered.
"""

from __future__ import annotations

from collections import OrderedDict
from enum import StrEnum
from hashlib import blake2b
from hmac import compare_digest
from typing import Final

from offhook.ids import IdSource

__all__ = ["NonceGuard", "NonceSource", "NonceState"]

MIN_SECRET_OCTETS: Final = 16
MAX_SECRET_OCTETS: Final = 64
FUTURE_TOLERANCE: Final = 5.0
"""Seconds by which the clocks of two nodes that share a secret may differ."""

_TIME_OCTETS: Final = 6
_RANDOM_OCTETS: Final = 8
_MAC_OCTETS: Final = 13
_HEAD_OCTETS: Final = _TIME_OCTETS + _RANDOM_OCTETS
_OCTETS: Final = _HEAD_OCTETS + _MAC_OCTETS
_DIGITS: Final = 2 * _OCTETS
_PERSON: Final = b"offhook nonce"
"""Keeps what the same secret signs elsewhere from being a nonce."""
_WINDOW: Final = 64
_WINDOW_MASK: Final = (1 << _WINDOW) - 1


class NonceState(StrEnum):
    """What a nonce is worth.

    `STALE` is one of ours that has aged. `FORGED` is none of ours: made up, bound to something else, or from before
    the secret changed. A challenge says ``stale=true`` for either when the digest over it was right, so that a phone
    tries again without asking its user for the password (RFC 2617 3.2.1); else it does not.
    """

    FRESH = "fresh"
    STALE = "stale"
    FORGED = "forged"


class NonceSource:
    """Makes and checks nonces. `secret` is 16 to 64 random octets, `lifetime` is in seconds.

    Keep the secret over restarts and share it among workers, or every phone has to answer a second challenge.
    """

    __slots__ = ("_ids", "_secret", "lifetime")

    def __init__(self, secret: bytes, ids: IdSource, lifetime: float = 300.0) -> None:
        if not MIN_SECRET_OCTETS <= len(secret) <= MAX_SECRET_OCTETS:
            raise ValueError(f"a nonce secret has {MIN_SECRET_OCTETS} to {MAX_SECRET_OCTETS} octets")
        if lifetime <= 0:
            raise ValueError("the lifetime of a nonce must be above 0 seconds")
        self._secret = secret
        self._ids = ids
        self.lifetime = lifetime

    def issue(self, realm: str, wall: float, source: str = "") -> str:
        """A new nonce of 54 hexadecimal digits.

        `wall` is the present in seconds since 1970-01-01 UTC. `source` binds it further, for instance to the address
        that asked; behind a NAT that may change within minutes, so leave it empty unless the network is your own.
        """
        milliseconds = max(0, int(wall * 1000.0))
        head = milliseconds.to_bytes(_TIME_OCTETS, "big") + bytes.fromhex(self._ids.unique())
        return (head + self._mac(head, realm, source)).hex()

    def check(self, nonce: str, realm: str, wall: float, source: str = "") -> NonceState:
        """What a nonce that came back is worth at `wall`, for the same realm and source."""
        raw = _decode(nonce)
        if raw is None:
            return NonceState.FORGED
        head = raw[:_HEAD_OCTETS]
        if not compare_digest(raw[_HEAD_OCTETS:], self._mac(head, realm, source)):
            return NonceState.FORGED
        age = wall - _issued(raw) / 1000.0
        # One from the future is from before the clock was set back: what it says about its age is worth nothing.
        if age > self.lifetime or age < -FUTURE_TOLERANCE:
            return NonceState.STALE
        return NonceState.FRESH

    def _mac(self, head: bytes, realm: str, source: str) -> bytes:
        name = realm.encode("utf-8", "surrogateescape")
        # The length keeps a realm and a source from being cut at another place.
        bound = head + len(name).to_bytes(4, "big") + name + source.encode("utf-8", "surrogateescape")
        # Keyed BLAKE2 is a MAC by itself (RFC 7693 1), and costs a fifth of HMAC here.
        return blake2b(bound, digest_size=_MAC_OCTETS, key=self._secret, person=_PERSON).digest()


def _decode(nonce: str) -> bytes | None:
    if len(nonce) != _DIGITS:
        return None
    try:
        raw = bytes.fromhex(nonce)
    except ValueError:
        return None
    # Python passes over white space and takes capitals; a nonce has one writing only.
    return raw if raw.hex() == nonce else None


def _issued(raw: bytes) -> int:
    return int.from_bytes(raw[:_TIME_OCTETS], "big")


class _Use:
    """Which nonce-counts of one nonce have been seen: the highest, and a bit for each of the 64 below and at it."""

    __slots__ = ("highest", "seen")

    def __init__(self, highest: int) -> None:
        self.highest = highest
        self.seen = 1


class NonceGuard:
    """Refuses credentials that were used before, by their nonce-count (RFC 7616 3.4, nc).

    Optional: a stateless proxy through which a request spirals sees the same credentials twice for good reason. It
    remembers at most `capacity` nonces. When it must drop the least recently used one, it stops accepting unknown
    nonces as old as that, which costs their owners one more challenge: so its bound opens no way for a replay.
    """

    __slots__ = ("_capacity", "_horizon", "_uses")

    def __init__(self, capacity: int = 65_536) -> None:
        if capacity < 1:
            raise ValueError("a nonce guard needs room for at least one nonce")
        self._capacity = capacity
        self._horizon = -1
        self._uses: OrderedDict[str, _Use] = OrderedDict()

    def __len__(self) -> int:
        return len(self._uses)

    def accept(self, nonce: str, nonce_count: int) -> bool:
        """Note one use of a nonce that was found fresh, by credentials that were found right.

        `nonce_count` is that of the credentials, 0 for those without a qop: then a nonce serves once. False means
        that this use was seen before, or can no longer be told; the answer is a challenge with ``stale=true``.
        Counts may come out of order by up to 64, for requests overtake each other.
        """
        use = self._uses.get(nonce)
        if use is None:
            return self._begin(nonce, nonce_count)
        self._uses.move_to_end(nonce)
        ahead = nonce_count - use.highest
        if ahead > 0:
            use.seen = ((use.seen << ahead) | 1) & _WINDOW_MASK if ahead < _WINDOW else 1
            use.highest = nonce_count
            return True
        if ahead <= -_WINDOW:
            return False
        bit = 1 << -ahead
        if use.seen & bit:
            return False
        use.seen |= bit
        return True

    def has_accepted(self, nonce: str, nonce_count: int) -> bool:
        """Whether this use of a nonce has been noted, as far back as that is remembered."""
        use = self._uses.get(nonce)
        if use is None:
            return False
        behind = use.highest - nonce_count
        return 0 <= behind < _WINDOW and bool(use.seen & (1 << behind))

    def _begin(self, nonce: str, nonce_count: int) -> bool:
        raw = _decode(nonce)
        if raw is None or _issued(raw) <= self._horizon:
            return False
        self._uses[nonce] = _Use(nonce_count)
        if len(self._uses) > self._capacity:
            dropped, _ = self._uses.popitem(last=False)
            old = _decode(dropped)
            if old is not None:
                self._horizon = max(self._horizon, _issued(old))
        return True
