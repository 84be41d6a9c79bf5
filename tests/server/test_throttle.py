"""What an address may do before it is left unanswered: counted by kind, taken back by right credentials, bounded."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.clock import Moment
from offhook.server import throttle
from offhook.server.throttle import (
    BANNED,
    FAILED_LOGIN,
    MOST_ADDRESSES,
    MOST_PROVEN,
    REFUSED_REQUEST,
    UNANSWERED_CHALLENGE,
    Throttle,
)

HOST = "198.51.100.1"
REMOTE = (HOST, 5060)
KINDS = (FAILED_LOGIN, REFUSED_REQUEST, UNANSWERED_CHALLENGE)


def at(seconds: float) -> Moment:
    return Moment(1000.0 + seconds, 1_767_225_600.0 + seconds)


def strict(*exempt: str) -> Throttle:
    """Two failed logins, three refused requests, four unanswered challenges within 60 s; a ban is of 600 s."""
    return Throttle((2, 3, 4), 60.0, 600.0, tuple(ip_network(network) for network in exempt))


def offend(it: Throttle, times: int, kind: int = FAILED_LOGIN, host: str = HOST, seconds: float = 0.0) -> list[int]:
    return [it.count((host, 1024 + number), kind, at(seconds)) for number in range(times)]


def test_all_names_exist() -> None:
    assert all(hasattr(throttle, name) for name in throttle.__all__)


@pytest.mark.parametrize(("kind", "most"), [(FAILED_LOGIN, 2), (REFUSED_REQUEST, 3), (UNANSWERED_CHALLENGE, 4)])
def test_one_too_many_of_a_kind_is_a_ban(kind: int, most: int) -> None:
    it = strict()
    for other in KINDS:
        if other != kind:
            assert offend(it, 2, other) == [1, 2]
    assert offend(it, most, kind) == list(range(1, most + 1))
    assert (it.has_bans, it.bars(REMOTE, at(0))) == (False, False)
    assert offend(it, 1, kind) == [BANNED]
    assert (it.has_bans, it.bars(REMOTE, at(0))) == (True, True)
    assert not it.bars(("198.51.100.2", 5060), at(0))


def test_a_ban_ends_and_counting_begins_anew() -> None:
    it = strict()
    offend(it, 3)
    assert it.bars(REMOTE, at(599))
    assert not it.bars(REMOTE, at(600))
    assert offend(it, 3, seconds=600) == [1, 2, BANNED]


def test_old_offences_are_forgotten() -> None:
    it = strict()
    assert offend(it, 2, seconds=0) == [1, 2]
    assert offend(it, 2, seconds=60) == [1, 2]


def test_no_limit_is_no_ban() -> None:
    it = Throttle((0, 0, 0), 60.0, 600.0)
    for kind in KINDS:
        assert offend(it, 100, kind)[-1] == 100
    assert not it.bars(REMOTE, at(0))


def test_right_credentials_take_an_offence_of_each_kind_back() -> None:
    """Many phones behind one address: each is challenged and answers, and now and then one has a wrong password."""
    it = strict()
    for _ in range(1000):
        assert offend(it, 1, UNANSWERED_CHALLENGE) == [1]
        assert offend(it, 1, FAILED_LOGIN) == [1]
        it.prove((HOST, 7000))
    assert offend(it, 2) == [1, 2]


def test_whoever_has_shown_a_password_is_not_shut_out_with_the_others() -> None:
    it = strict()
    it.prove((HOST, 7000))
    offend(it, 3)
    assert not it.bars((HOST, 7000), at(0))
    assert it.bars((HOST, 7001), at(0))
    # Until it fails itself.
    assert it.count((HOST, 7000), FAILED_LOGIN, at(1)) == 4
    assert it.bars((HOST, 7000), at(1))


def test_who_is_known_is_preferred() -> None:
    it = strict("192.0.2.0/24")
    it.prove((HOST, 7000))
    assert [it.prefers(remote) for remote in ((HOST, 7000), (HOST, 7001), ("192.0.2.1", 1))] == [True, False, True]
    it.count((HOST, 7000), FAILED_LOGIN, at(0))
    assert not it.prefers((HOST, 7000))


def test_a_ban_is_told_once() -> None:
    it = strict()
    assert offend(it, 20).count(BANNED) == 1


@pytest.mark.parametrize("host", ["192.0.2.7", "2001:db8::7", "fe80::1%eth0"])
def test_exempt_networks_are_not_counted(host: str) -> None:
    it = strict("192.0.2.0/24", "2001:db8::/32", "fe80::/10")
    assert offend(it, 10, host=host) == [0] * 10
    offend(it, 3)
    assert not it.bars((host, 5060), at(0))
    assert len(it) == 2


def test_a_customer_of_ipv6_is_one_source() -> None:
    it = strict()
    assert [it.count((f"2001:db8:1:2::{n}", 5060), FAILED_LOGIN, at(0)) for n in range(1, 4)] == [1, 2, BANNED]
    assert it.bars(("2001:db8:1:2:ffff::1", 5060), at(0))
    assert not it.bars(("2001:db8:1:3::1", 5060), at(0))


def test_memory_is_bounded_and_bans_outlive_a_flood_of_addresses() -> None:
    it = strict()
    offend(it, 3)
    hosts = [f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in range(3 * MOST_ADDRESSES)]
    for host in hosts:
        offend(it, 1, host=host)
        it.prove((host, 5060))
    assert it.bars(REMOTE, at(0))
    assert len(it) == MOST_ADDRESSES + 1
    for host in hosts[: MOST_ADDRESSES + 5]:
        offend(it, 3, host=host)
    assert len(it) == 2 * MOST_ADDRESSES
    assert not it.bars(REMOTE, at(0))
    for number in range(3 * MOST_PROVEN):
        it.prove((HOST, number))


def test_the_counts_of_one_who_goes_on_are_not_the_first_to_be_forgotten() -> None:
    it = strict()
    offend(it, 1)
    for number in range(MOST_ADDRESSES - 1):
        offend(it, 1, host=f"10.0.{number >> 8}.{number & 255}")
    offend(it, 1)
    offend(it, 1, host="192.0.2.1")
    assert offend(it, 1) == [BANNED]


@given(
    st.lists(
        st.tuples(st.sampled_from(["prove", "count"]), st.integers(0, 2), st.integers(1, 3), st.floats(0, 100)),
        max_size=60,
    )
)
def test_whatever_happens_nobody_is_barred_without_more_offences_than_are_allowed(
    steps: list[tuple[str, int, int, float]],
) -> None:
    it = strict()
    seconds = 0.0
    offences = 0
    for what, kind, port, pause in steps:
        seconds += pause
        if what == "prove":
            it.prove((HOST, port))
        else:
            offences += 1
            it.count((HOST, port), kind, at(seconds))
        if it.bars((HOST, 9), at(seconds)):
            assert offences > 2
