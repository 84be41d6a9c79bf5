"""How the registrar is set up."""

from __future__ import annotations

from collections.abc import Callable

from offhook.location.update import DEFAULT_MAX_CONTACTS

__all__ = ["RegistrarSettings"]


class RegistrarSettings:
    """`default_expires`, `min_expires` and `max_expires` in seconds (RFC 3261 10.3 step 7).

    A shorter lifetime than the minimum is refused with 423, a longer one than the maximum is cut; a minimum above an
    hour cannot be kept up, as longer ones must not be refused. `max_contacts` of one address-of-record; `max_octets`
    of all that one binding keeps.

    `path_unasked`: a Path is taken though the phone does not support it (RFC 3327 5.3 recommends 420).
    `may_register(identity, aor)` allows somebody to register for another's address-of-record (RFC 3261 10.3 step 4);
    without it nobody may.
    """

    __slots__ = (
        "default_expires",
        "max_contacts",
        "max_expires",
        "max_octets",
        "may_register",
        "min_expires",
        "path_unasked",
    )

    def __init__(
        self,
        default_expires: int = 3600,
        min_expires: int = 60,
        max_expires: int = 7200,
        max_contacts: int = DEFAULT_MAX_CONTACTS,
        max_octets: int = 4096,
        path_unasked: bool = False,
        may_register: Callable[[str, str], bool] | None = None,
    ) -> None:
        if not 1 <= min_expires <= default_expires <= max_expires:
            raise ValueError("expires: 1 <= min <= default <= max does not hold")
        if min_expires > 3600:
            raise ValueError("min_expires is above 3600: RFC 3261 lets nobody refuse an hour")
        if max_contacts < 1 or max_octets < 256:
            raise ValueError("max_contacts must be at least 1, max_octets at least 256")
        self.default_expires = default_expires
        self.min_expires = min_expires
        self.max_expires = max_expires
        self.max_contacts = max_contacts
        self.max_octets = max_octets
        self.path_unasked = path_unasked
        self.may_register = may_register
