"""The user's secrets: who may ask for them, and what was answered last (RFC 3261 22.1 to 22.3)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from offhook.ids import IdSource
from offhook.security.digest_client import DigestClient, Sessions
from offhook.sip.host import canonical_host
from offhook.sip.uri import SipUri, Uri
from offhook.ua.settings import Settings

__all__ = ["Keyring"]

_MOST_REALMS: Final = 16
_DESTINATIONS: Final = 256
"""For how many destinations at a time it is remembered what they asked for."""


class Keyring:
    """The secrets of one user agent.

    A secret belongs to a realm (22.1), which alone may have a digest made with it: whoever gets one can try passwords
    against it. Where the user has not said which realm it is, it is the one that is called like the user's own domain,
    and those in which the user's own servers ask: the registrar, the servers of the domain, and the outbound proxy,
    which is the first to ask of all that a request meets.
    """

    def __init__(self, settings: Settings, ids: IdSource) -> None:
        self._settings = settings
        self._ids = ids
        self._domain = canonical_host(settings.aor.host)
        self._realms: set[str] = set()
        self._kept: OrderedDict[str, Sessions] = OrderedDict()

    def client(self, to: Uri | None = None) -> DigestClient:
        """What answers the challenges to one Call-ID.

        `to` is the destination, for which what servers asked for is kept over Call-IDs (22.2); None where it is not
        the user who chose it. What proxies ask for is not kept so (22.3).
        """
        return DigestClient(self._settings.secrets, self._ids, self.admits, None if to is None else self._of(to))

    def admits(self, realm: str) -> bool:
        """Whether it is known that a realm is one of the user's own."""
        return realm in self._realms or canonical_host(realm) == self._domain

    def asked(self, method: str, uri: Uri, within_dialog: bool, status: int, realms: Sequence[str]) -> None:
        """Take note of the realms that a 401 or 407 to a request asks for credentials in."""
        own = [realm for realm in realms if self.admits(realm)]
        if method == "REGISTER" or (not own and not within_dialog and self._is_of_own_server(uri, status)):
            own = [*realms]
        for realm in own:
            if len(self._realms) < _MOST_REALMS:
                self._realms.add(realm)

    def _is_of_own_server(self, uri: Uri, status: int) -> bool:
        """Whether a server of ours asks, as far as can be told: whom we call may ask too, with 401."""
        at_home = isinstance(uri, SipUri) and canonical_host(uri.host) == self._domain
        if at_home and status == 407:
            return True
        return not self._realms and (at_home or self._settings.outbound_proxy is not None)

    def _of(self, to: Uri) -> Sessions:
        key = str(to)
        kept = self._kept.get(key)
        if kept is None:
            kept = self._kept[key] = {}
            if len(self._kept) > _DESTINATIONS:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(key)
        return kept
