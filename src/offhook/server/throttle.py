"""What one address may do before it is left unanswered for a while.

It is known from fail2ban, but happens here: an offence counts for the address that it came from, and one that has too
many of a kind within a time is banned. Right credentials take an offence of each kind back, and whoever has shown them
is not shut out with the others behind the same address; so that a house, or a datagram with a false source, bans no
phone of ours.
"""

from __future__ import annotations

from collections import OrderedDict
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Final

from offhook.clock import Moment
from offhook.recent import Recent
from offhook.sip.host import customer_of

__all__ = ["BANNED", "FAILED_LOGIN", "REFUSED_REQUEST", "UNANSWERED_CHALLENGE", "Throttle"]

FAILED_LOGIN: Final = 0
REFUSED_REQUEST: Final = 1
UNANSWERED_CHALLENGE: Final = 2
"""The kinds of offences, which are counted each by itself."""

BANNED: Final = -1

MOST_ADDRESSES: Final = 10_000
"""How many addresses are counted, and how many banned; the one that was quiet for longest is forgotten for another."""
MOST_PROVEN: Final = 32_768

Network = IPv4Network | IPv6Network


class _Record:
    """The offences of one address since `begun`, by kind."""

    __slots__ = ("begun", "counts")

    def __init__(self, begun: float) -> None:
        self.begun = begun
        self.counts = [0, 0, 0]


class Throttle:
    """Counts by address; of IPv6 by the /64, which is what one customer has.

    `allowed` is how many offences of each kind, in the order of their numbers, an address has in `within` seconds; 0
    stands for any number. Beyond it is banned for `ban` seconds. Networks that are `exempt` are never counted. Remote
    sides are (host, port).
    """

    __slots__ = ("_addresses", "_allowed", "_banned", "_exempt", "_proven", "_records", "_within", "ban")

    def __init__(
        self, allowed: tuple[int, int, int], within: float, ban: float, exempt: tuple[Network, ...] = ()
    ) -> None:
        self._allowed = allowed
        self._within = within
        self.ban = ban
        self._exempt = exempt
        self._addresses: dict[str, str] = {}
        self._records: OrderedDict[str, _Record] = OrderedDict()
        self._banned: dict[str, float] = {}
        self._proven: Recent[tuple[str, int], bool] = Recent(MOST_PROVEN)

    def __len__(self) -> int:
        """How many addresses something is kept of."""
        return len(self._records) + len(self._banned)

    @property
    def has_bans(self) -> bool:
        """Whether anybody is banned, so that there is something to ask."""
        return bool(self._banned)

    def count(self, remote: tuple[str, int], offence: int, now: Moment) -> int:
        """Count an offence: the how many-th of its kind it is, BANNED when that is one too many, 0 where none counts.

        An address that is banned already is not banned once more.
        """
        address = self._address(remote[0])
        if not address:
            return 0
        if offence == FAILED_LOGIN and self._proven.get(remote):
            self._proven.note(remote, False)
        banned = self._is_banned(address, now)
        record = self._records.get(address)
        if record is None or now.monotonic - record.begun >= self._within:
            record = self._records[address] = _Record(now.monotonic)
            if len(self._records) > MOST_ADDRESSES:
                self._records.popitem(last=False)
        self._records.move_to_end(address)
        record.counts[offence] += 1
        counted = record.counts[offence]
        if counted <= self._allowed[offence] or not self._allowed[offence] or banned:
            return counted
        self._ban(address, now)
        return BANNED

    def prove(self, remote: tuple[str, int]) -> None:
        """Take note of right credentials from a remote side."""
        self._proven.note(remote, True)
        if not self._records:
            return
        record = self._records.get(self._address(remote[0]))
        if record is not None:
            record.counts = [max(0, count - 1) for count in record.counts]

    def prefers(self, remote: tuple[str, int]) -> bool:
        """Whether a remote side has shown a password, or is exempt: whom to serve when not all can be."""
        return bool(self._proven.get(remote)) or not self._address(remote[0])

    def bars(self, remote: tuple[str, int], now: Moment) -> bool:
        """Whether what begins something from a remote side is to be left unanswered."""
        return self._is_banned(self._address(remote[0]), now) and not self._proven.get(remote)

    def _is_banned(self, address: str, now: Moment) -> bool:
        until = self._banned.get(address)
        if until is None:
            return False
        if until > now.monotonic:
            return True
        del self._banned[address]
        self._records.pop(address, None)
        return False

    def _ban(self, address: str, now: Moment) -> None:
        # All bans are equally long, so that they end in the order in which they began.
        while self._banned:
            first = next(iter(self._banned))
            if self._banned[first] > now.monotonic and len(self._banned) < MOST_ADDRESSES:
                break
            del self._banned[first]
        self._banned[address] = now.monotonic + self.ban

    def _address(self, host: str) -> str:
        """What a host is counted under; empty for an exempt one."""
        address = self._addresses.get(host)
        if address is None:
            if len(self._addresses) >= MOST_ADDRESSES:
                self._addresses.clear()
            address = self._addresses[host] = self._counted_under(host)
        return address

    def _counted_under(self, host: str) -> str:
        address = ip_address(host.partition("%")[0])
        if any(address in network for network in self._exempt):
            return ""
        return customer_of(host)
