"""Record-Route entries and what they prove: RFC 3261 16.4, 16.6 step 4, 16.12."""

from __future__ import annotations

import pytest

from offhook.flow import Flow
from offhook.proxy.own import OwnNames
from offhook.proxy.record_route import _MOST_EXPECTED, OwnRoute, Parties, RecordRoutes, side
from tests.proxy.requests import request

OWN = OwnNames(frozenset(("example.com",)))
OWN.add("192.0.2.10", 5060)
OWN.add("192.0.2.10", 5061)
ROUTES = RecordRoutes(b"secret", OWN)

CALLER = Flow("TCP", "tcp:192.0.2.10:5060", ("192.0.2.10", 5060), ("198.51.100.1", 40000), "0.0.1", 7, accepted=True)
CALLEE = Flow("UDP", "udp:192.0.2.10:5060", ("192.0.2.10", 5060), ("198.51.100.2", 40000))

HERE = "192.0.2.10:5060"
BYE_OF_CALLER = {"From": "<sip:alice@example.com>;tag=a", "To": "<sip:bob@example.com>;tag=b"}
BYE_OF_CALLEE = {"From": "<sip:bob@example.com>;tag=b", "To": "<sip:alice@example.com>;tag=a"}


def entry(
    caller: Flow | None = None,
    callee: Flow | None = None,
    transport: str = "UDP",
    sips: bool = False,
    sides: str = "",
) -> str:
    """What a dialog between the tags a and b got."""
    return ROUTES.entry(ROUTES.proof(request(), Parties(caller, callee, sides)), HERE, transport, sips).decode()


def said(found: OwnRoute) -> tuple[object, ...]:
    """All that a route says."""
    way = (found.count, found.flow, found.proven, found.leads_on, found.decides)
    return (*way, found.by_caller, found.sender, found.receiver)


def read(*routes: str, **headers: str) -> OwnRoute:
    arrived = request("BYE", Route=", ".join(routes), **{**BYE_OF_CALLER, **headers})
    return ROUTES.read(arrived)


@pytest.mark.rfc("3261 16.6 step 4", "3261 16.6 #13", "3261 16.6 #14", "3261 16.6 #15", "3261 16.6 #16")
@pytest.mark.parametrize(
    ("transport", "sips", "beginning"),
    [
        ("UDP", False, f"<sip:{HERE};lr;"),
        ("TCP", False, f"<sip:{HERE};transport=tcp;lr;"),
        ("TLS", False, f"<sip:{HERE};transport=tls;lr;"),
        ("TLS", True, f"<sips:{HERE};lr;"),
    ],
)
def test_an_entry_leads_back_to_us(transport: str, sips: bool, beginning: str) -> None:
    assert entry(transport=transport, sips=sips).startswith(beginning)


def test_an_entry_proves_its_dialog_to_both_sides() -> None:
    for headers in (BYE_OF_CALLER, BYE_OF_CALLEE):
        found = read(entry(), **headers)
        assert (found.count, found.proven, found.flow, found.leads_on, found.decides) == (1, True, None, False, True)


@pytest.mark.parametrize(
    "headers",
    [
        {"Call-ID": "another"},
        {"From": "<sip:alice@example.com>;tag=x"},
        {"From": "<sip:alice@example.com>"},
        # Without a To tag it is no request within a dialog, whatever Route it brings.
        {"To": "<sip:bob@example.com>"},
    ],
)
def test_an_entry_proves_nothing_to_others(headers: dict[str, str]) -> None:
    found = read(entry(), **headers)
    assert (found.count, found.proven, found.decides) == (1, False, False)


def test_another_secret_proves_nothing() -> None:
    other = RecordRoutes(b"other", OWN)
    assert not read(other.entry(other.proof(request(), Parties()), HERE, "UDP", False).decode()).proven


@pytest.mark.rfc("5626 5.3")
def test_an_entry_names_the_flow_of_the_other_side() -> None:
    both = entry(CALLER, CALLEE)
    assert read(both).flow == CALLEE
    assert read(both, **BYE_OF_CALLEE).flow == CALLER
    assert read(entry(CALLER)).flow is None
    assert read(entry(CALLER), **BYE_OF_CALLEE).flow == CALLER
    flow = read(entry(CALLER), **BYE_OF_CALLEE).flow
    assert flow is not None
    assert (flow.serial, flow.accepted, flow.key) == (7, True, CALLER.key)


def test_flows_cannot_be_exchanged() -> None:
    """Nobody makes this server send anywhere by writing a flow of his own."""
    plain, flowing = entry(), entry(CALLER, CALLEE)
    mac, flows = plain.partition(";oh-mac=")[2][:-1], flowing.partition(";oh-a=")[2]
    assert not read(f"<sip:{HERE};lr;oh-mac={mac};oh-a={flows}").proven
    assert not read(flowing.replace(";oh-a=", ";oh-c=").replace(";oh-b=", ";oh-a=").replace(";oh-c=", ";oh-b=")).proven
    assert not read(flowing.partition(";oh-b=")[0] + ">").proven


@pytest.mark.rfc("5658 4")
def test_the_entries_of_both_sides_go_together() -> None:
    found = read(entry(CALLER, CALLEE, "TCP"), entry(CALLER, CALLEE), "<sip:192.0.2.77;lr>")
    assert (found.count, found.proven, found.flow, found.leads_on) == (2, True, CALLEE, True)


def test_a_spiral_is_gone_through_at_once() -> None:
    """The first pass knows the side that a request comes from, the last one that which it goes to."""
    first = entry(CALLER, None, sides="192.0.2.1/192.0.2.10")
    second = entry(None, CALLEE, sides="192.0.2.10/192.0.2.2")
    found = read(first, second)
    assert (found.count, found.flow, found.leads_on, found.sender, found.receiver) == (
        2,
        CALLEE,
        False,
        "192.0.2.1",
        "192.0.2.2",
    )
    found = read(second, first, **BYE_OF_CALLEE)
    assert (found.count, found.flow, found.sender, found.receiver) == (2, CALLER, "192.0.2.2", "192.0.2.1")
    assert (read(second).count, read(second).flow, read(second).sender) == (1, CALLEE, "192.0.2.10")


def test_passes_in_opposite_directions_are_none_of_one_request() -> None:
    """Whoever makes two calls of one Call-ID has entries of both."""
    other = ROUTES.entry(ROUTES.proof(request(From="<sip:m@foreign.example>;tag=b"), Parties()), HERE, "UDP", False)
    found = read(entry(), other.decode())
    assert (found.count, found.leads_on, found.by_caller) == (1, True, True)


SIDES = "192.0.2.1+edge.example.net+alice.example.net/2001:db8::2"


@pytest.mark.parametrize("writing", [(";lr;", ";lr;"), (";lr;", ";lr=on;")])
def test_an_entry_names_the_sides_that_are_ours(writing: tuple[str, str]) -> None:
    written = entry(sides=SIDES).replace(*writing)
    found = read(written)
    assert (found.by_caller, found.sender, found.receiver) == (True, "192.0.2.1", "2001:db8::2")
    assert [found.leads_to(host) for host in ("2001:db8::2", "2001:DB8:0::2", "192.0.2.1", "")] == [
        True,
        True,
        False,
        False,
    ]
    found = read(written, **BYE_OF_CALLEE)
    assert (found.by_caller, found.sender) == (False, "2001:db8::2")
    hosts = ("192.0.2.1", "Edge.example.NET", "alice.example.net", "example.net", "192.0.2.1+edge.example.net")
    assert [found.leads_to(host) for host in hosts] == [True, True, True, False, False]


@pytest.mark.parametrize(("sides", "ours"), [("", ("", "")), ("/192.0.2.2", ("", "192.0.2.2")), ("h/", ("h", ""))])
def test_a_foreign_side_is_not_named(sides: str, ours: tuple[str, str]) -> None:
    found = read(entry(sides=sides))
    assert (found.sender, found.receiver) == ours
    assert not found.leads_to("")
    assert (";oh-p=" in entry(sides=sides)) is bool(sides)


def test_sides_cannot_be_exchanged() -> None:
    written = entry(sides="192.0.2.1/")
    for forged in ("192.0.2.9/", "/192.0.2.1", "192.0.2.1/192.0.2.9"):
        assert not read(written.replace("192.0.2.1/", forged)).proven
        assert not read(written.replace("192.0.2.1/", forged).replace(";lr;", ";lr=on;")).proven
    assert not read(written.replace(";oh-p=192.0.2.1/", "")).proven


@pytest.mark.parametrize(
    ("hosts", "written"),
    [
        (("192.0.2.1",), "192.0.2.1"),
        (("192.0.2.1", "192.0.2.1", ""), "192.0.2.1"),
        (("192.0.2.1", "Phone.Example.net", "phone.example.NET"), "192.0.2.1+phone.example.net"),
        (("2001:db8::1", "2001:DB8:0:0::1", "h"), "2001:db8::1+h"),
        (("fe80::1%eth0.7", "h"), "fe80::1~eth0.7+h"),
        # Nothing long, and nothing that could be taken for something else.
        (("192.0.2.1", "x" * 65, "y" * 64), "192.0.2.1+" + "y" * 64),
        (("192.0.2.1", "a+b", "a/b"), "192.0.2.1"),
        (("fe80::1%a;b", "h"), ""),
    ],
)
def test_a_side_is_its_address_and_the_names_that_are_others(hosts: tuple[str, ...], written: str) -> None:
    assert side(*hosts) == written


def test_a_zone_comes_back_as_it_was() -> None:
    assert read(entry(sides=f"{side('fe80::1%eth0')}/")).sender == "fe80::1%eth0"


@pytest.mark.rfc("3261 16.4")
@pytest.mark.parametrize(
    ("routes", "count", "leads_on"),
    [
        (["<sip:192.0.2.10;lr>"], 1, False),
        (["<sip:example.com;lr>"], 1, False),
        (["<sip:192.0.2.10;lr>", "<sip:192.0.2.10:5061;lr>"], 2, False),
        (["<sip:192.0.2.10;lr>", "<sip:192.0.2.77;lr>"], 1, True),
        (["<sip:192.0.2.77;lr>", "<sip:192.0.2.10;lr>"], 0, True),
        (["<tel:+1555>"], 0, True),
        (["<sip:192.0.2.10:5999;lr>"], 0, True),
    ],
)
def test_routes_that_a_phone_loaded_go_and_prove_nothing(routes: list[str], count: int, leads_on: bool) -> None:
    found = read(*routes)
    assert (found.count, found.leads_on, found.proven, found.decides) == (count, leads_on, False, leads_on)


def test_a_loaded_route_above_a_proven_one_goes_with_it() -> None:
    found = read("<sip:192.0.2.10;lr>", entry(None, CALLEE))
    assert (found.count, found.proven, found.flow) == (2, True, CALLEE)


def test_parameters_that_others_add_do_no_harm() -> None:
    assert read(entry(None, CALLEE).replace(";lr;", ";lr=on;maybe=x;")).flow == CALLEE


def test_no_route_decides_nothing() -> None:
    found = ROUTES.read(request("BYE", **BYE_OF_CALLER))
    assert (found.count, found.proven, found.decides, found.leads_on, found.flow) == (0, False, False, False, None)


@pytest.mark.parametrize("caller", [None, CALLER])
@pytest.mark.parametrize("callee", [None, CALLEE])
@pytest.mark.parametrize("transport", ["UDP", "TCP", "TLS"])
@pytest.mark.parametrize("sips", [False, True])
@pytest.mark.parametrize("sides", ["", SIDES, "/192.0.2.2", "fe80::1~eth0/"])
@pytest.mark.parametrize("headers", [BYE_OF_CALLER, BYE_OF_CALLEE])
def test_the_fast_way_and_the_grammar_say_the_same(
    caller: Flow | None, callee: Flow | None, transport: str, sips: bool, sides: str, headers: dict[str, str]
) -> None:
    """What is written as we write it is not decoded; another writing of it is, and means the same."""
    written = entry(caller, callee, transport, sips, sides)
    fast, slow = read(written, **headers), read(written.replace(";lr;", ";lr=on;"), **headers)
    assert fast.proven
    assert said(fast) == said(slow)


@pytest.mark.parametrize("caller", [None, CALLER])
@pytest.mark.parametrize("callee", [None, CALLEE])
@pytest.mark.parametrize("sides", ["", SIDES, "/192.0.2.2", "fe80::1~eth0/"])
@pytest.mark.parametrize("headers", [BYE_OF_CALLER, BYE_OF_CALLEE])
def test_what_was_written_lately_says_what_its_mac_proves(
    caller: Flow | None, callee: Flow | None, sides: str, headers: dict[str, str]
) -> None:
    routes = RecordRoutes(b"secret", OWN)
    written = entry(caller, callee, sides=sides)
    routes.expect(request(), written.encode(), Parties(caller, callee, sides))
    bye = request("BYE", Route=written, **headers)
    known, proven = routes.read(bye), ROUTES.read(bye)
    assert known.proven
    assert said(known) == said(proven)


@pytest.mark.parametrize(
    ("call_id", "tag", "padding", "kept"),
    [
        ("c" * 128, "t" * 128, 0, True),
        ("c" * 129, "t", 0, False),
        ("c", "t" * 129, 0, False),
        ("c", "t", 512, False),
    ],
)
def test_what_strangers_write_costs_no_memory(call_id: str, tag: str, padding: int, kept: bool) -> None:
    routes = RecordRoutes(b"secret", OWN)
    invite = request(Call_ID=call_id, From=f"<sip:alice@example.com>;tag={tag}")
    entry = routes.entry(routes.proof(invite, Parties()), HERE, "UDP", False)
    routes.expect(invite, entry + b"x" * padding, Parties())
    assert len(routes._expected) == kept
    bye = request("BYE", Call_ID=call_id, From=f"<sip:a@h>;tag={tag}", To="<sip:b@h>;tag=b", Route=entry.decode())
    assert routes.read(bye).proven


@pytest.mark.parametrize(
    "changed", [{"Call-ID": "another"}, {"From": "<sip:alice@example.com>;tag=x"}, {"To": "<sip:bob@example.com>"}]
)
def test_what_was_written_lately_is_of_its_dialog_alone(changed: dict[str, str]) -> None:
    routes = RecordRoutes(b"secret", OWN)
    # Not even a MAC that would prove nothing: an entry is known with its dialog, or not at all.
    forged = entry().replace("oh-mac=", "oh-mac=0")
    routes.expect(request(), forged.encode(), Parties())
    assert routes.read(request("BYE", Route=forged, **BYE_OF_CALLER)).proven
    assert not routes.read(request("BYE", Route=forged, **{**BYE_OF_CALLER, **changed})).proven


def test_old_entries_are_known_by_their_mac_again() -> None:
    routes = RecordRoutes(b"secret", OWN)
    forged = entry().replace("oh-mac=", "oh-mac=0")
    bye = request("BYE", Route=forged, **BYE_OF_CALLER)
    routes.expect(request(), forged.encode(), Parties())
    for number in range(_MOST_EXPECTED):
        assert routes.read(bye).proven
        routes.expect(request(**{"Call-ID": f"call-{number}"}), b"<sip:other>", Parties())
    for number in range(_MOST_EXPECTED):
        routes.expect(request(**{"Call-ID": f"later-{number}"}), b"<sip:other>", Parties())
    assert not routes.read(bye).proven
    assert routes.read(request("BYE", Route=entry(), **BYE_OF_CALLER)).proven
