"""Request forwarding: RFC 3261 16.6 step by step."""

from __future__ import annotations

import pytest

from offhook.errors import ProtocolError
from offhook.flow import Flow, Target
from offhook.proxy import forwarding
from offhook.proxy.forwarding import Forwarder, query_of
from offhook.proxy.own import OwnNames
from offhook.proxy.passage import Passage
from offhook.proxy.record_route import NO_ROUTE, OwnRoute, RecordRoutes
from offhook.proxy.target_uri import TargetUri
from offhook.sip.message import Request
from tests.proxy.requests import draft, request
from tests.proxy.wiring import sip_uri
from tests.transaction.machines import received

OWN = OwnNames(frozenset(("example.com",)))
OWN.add("192.0.2.10", 5060)
FORWARDER = Forwarder(RecordRoutes(b"secret", OWN))
HERE = ("192.0.2.10", 5060)
HOP = Target("UDP", "192.0.2.101", 5060, "udp:192.0.2.10:5060", HERE, "192.0.2.10:5060")
FROM_ALICE = Flow("UDP", HOP.listener, HERE, ("192.0.2.1", 5060))


def copied(arrived: Request, target: TargetUri, own_routes: int = 0, breadth: int = 60) -> Request:
    routed = routes_of(arrived, own_routes)
    draft = FORWARDER.draft(Passage(arrived, FROM_ALICE, routed), target, breadth, HOP)
    return draft.request()


def routes_of(arrived: Request, own_routes: int) -> OwnRoute:
    """What the Routes say when so many of them are ours."""
    return OwnRoute(own_routes, leads_on=len(arrived.routes) > own_routes)


OURS = 'Digest username="alice", realm="example.com", nonce="n", uri="sip:bob@example.com", response="r"'
OURS_TOO = 'Digest username="alice", nonce="n", uri="sip:bob@example.com", response="r", REALM = "The \\\\Office"'
THEIRS = 'Digest username="alice", realm="EXAMPLE.com", nonce="n", uri="sip:bob@example.com", response="r"'
BEARER = "Bearer abcdef"
MALFORMED = 'Digest realm="example.com'


@pytest.mark.rfc("3261 22.3 #2", "3261 22.3 #7")
@pytest.mark.parametrize(
    ("given", "left"),
    [
        ([OURS], []),
        ([OURS, OURS_TOO], []),
        ([THEIRS], [THEIRS]),
        ([OURS, THEIRS, OURS_TOO, BEARER, MALFORMED], [THEIRS, BEARER, MALFORMED]),
        ([MALFORMED, OURS], [MALFORMED]),
        (["Digest\r\n realm=example.com,\r\n nonce=n"], []),
        ([], []),
    ],
)
def test_credentials_for_this_proxy_end_here(given: list[str], left: list[str]) -> None:
    made = draft()
    for number, credentials in enumerate(given):
        made.add("Proxy-Authorization", credentials).add("X-Between", str(number))
    arrived = received(made.request(), Request)
    forwarder = Forwarder(RecordRoutes(b"secret", OWN), frozenset(("example.com", "The \\Office")))
    copy = forwarder.copy(Passage(arrived, FROM_ALICE, NO_ROUTE), TargetUri("sip:bob@h"), 0).request()
    assert copy.texts("Proxy-Authorization") == left
    gone = [line for line in arrived.lines if line not in copy.lines and line[:19] == b"Proxy-Authorization"]
    kept = [line for line in arrived.lines[1:] if line not in gone and line[:12] != b"Max-Forwards"]
    assert [line for line in copy.lines[1:] if line[:12] != b"Max-Forwards"] == kept
    assert arrived.texts("Proxy-Authorization") == copied(arrived, TargetUri("sip:bob@h")).texts("Proxy-Authorization")


@pytest.mark.rfc("3261 16.6 step 1", "3261 16.6 #1", "3261 16.6 #2", "3261 16.6 #3", "3261 16.6 #4")
def test_what_no_step_names_stays_in_its_place_and_order() -> None:
    arrived = request(Subject="one", X_Odd="  kept ;; as it is", Route="<sip:192.0.2.77;lr>", Max_Breadth="9")
    copy = copied(arrived, TargetUri("sip:bob@192.0.2.101"), breadth=5)
    changed = {"INVITE", "Max-Forwards", "Max-Breadth"}
    before = [line for line in arrived.lines if line.partition(b" ")[0].strip(b":").decode() not in changed]
    after = [line for line in copy.lines if line.partition(b" ")[0].strip(b":").decode() not in changed]
    assert after == before
    assert arrived.request_uri == "sip:bob@example.com"


@pytest.mark.rfc("3261 16.6 step 3", "3261 16.6 #8", "3261 16.6 #9", "3261 16.6 #10")
@pytest.mark.parametrize(("given", "sent"), [(None, 70), ("70", 69), ("1", 0), ("255", 254)])
def test_max_forwards(given: str | None, sent: int) -> None:
    assert copied(request(Max_Forwards=given), TargetUri("sip:bob@h")).max_forwards == sent


@pytest.mark.rfc("5393 5.3.3 #5")
def test_max_breadth_is_written_where_there_is_a_part_of_it() -> None:
    assert copied(request(), TargetUri("sip:bob@h"), breadth=7).number("Max-Breadth") == 7
    assert copied(request(Max_Breadth="60"), TargetUri("sip:bob@h"), breadth=7).number("Max-Breadth") == 7
    twice = request(Max_Breadth="60", max_breadth="50")
    assert copied(twice, TargetUri("sip:bob@h"), breadth=7).texts("Max-Breadth") == ["7"]
    assert copied(request(), TargetUri("sip:bob@h"), breadth=0).number("Max-Breadth") is None


def test_our_own_routes_go() -> None:
    arrived = request(Route="<sip:192.0.2.10;lr>, <sip:192.0.2.10;lr>, <sip:192.0.2.77;lr>")
    assert copied(arrived, TargetUri("sip:bob@h"), own_routes=2).texts("Route") == ["<sip:192.0.2.77;lr>"]


@pytest.mark.rfc("3327 5.2", "3261 16.6 #24")
def test_a_path_goes_above_what_is_left_of_the_route() -> None:
    target = TargetUri("sip:bob@h", None, ("<sip:edge;lr>", "<sip:inner;lr>"))
    copy = copied(request(Route="<sip:192.0.2.77;lr>"), target)
    assert [str(route) for route in copy.routes] == ["<sip:edge;lr>", "<sip:inner;lr>", "<sip:192.0.2.77;lr>"]


@pytest.mark.rfc("3261 16.6 step 6", "3261 16.6 #28", "3261 16.6 #29", "3261 16.6 #30", "3261 16.6 #31")
@pytest.mark.parametrize(
    ("routes", "path", "request_uri", "left"),
    [
        ("<sip:192.0.2.77;lr>", (), "sip:bob@h", ["<sip:192.0.2.77;lr>"]),
        ("<sip:192.0.2.77>", (), "sip:192.0.2.77", ["<sip:bob@h>"]),
        ("<sip:192.0.2.77>, <sip:192.0.2.78;lr>", (), "sip:192.0.2.77", ["<sip:192.0.2.78;lr>", "<sip:bob@h>"]),
        ("<sip:192.0.2.77;method=INVITE?Subject=x>", (), "sip:192.0.2.77", ["<sip:bob@h>"]),
        ("<sip:192.0.2.78;lr>", ("<sip:edge>",), "sip:edge", ["<sip:192.0.2.78;lr>", "<sip:bob@h>"]),
    ],
)
def test_a_strict_router_finds_itself_in_the_request_uri(
    routes: str, path: tuple[str, ...], request_uri: str, left: list[str]
) -> None:
    copy = copied(request(Route=routes), TargetUri("sip:bob@h", None, path))
    assert (copy.request_uri, [str(route) for route in copy.routes]) == (request_uri, left)


@pytest.mark.rfc("3261 16.6 step 7", "3261 16.6 #34", "3261 16.6 #35", "3261 16.6 #27")
@pytest.mark.parametrize(
    ("target", "routes", "own", "key"),
    [
        (TargetUri("sip:bob@h"), None, 0, "/h/0/False"),
        (TargetUri("sip:bob@h:5070;transport=TCP"), None, 0, "TCP/h/5070/False"),
        (TargetUri("sip:bob@h;maddr=192.0.2.5"), None, 0, "/192.0.2.5/0/False"),
        (TargetUri("sip:bob@[2001:db8::1]:5070"), None, 0, "/2001:db8::1/5070/False"),
        (TargetUri("sips:bob@h"), None, 0, "/h/0/True"),
        (TargetUri("sip:bob@h", secure=True), None, 0, "/h/0/True"),
        (TargetUri("sip:bob@h"), "<sip:p;lr>", 0, "/p/0/False"),
        (TargetUri("sip:bob@h"), "<sip:p;lr>", 1, "/h/0/False"),
        (TargetUri("sip:bob@h"), "<sip:o;lr>, <sip:p;lr>", 1, "/p/0/False"),
        (TargetUri("sip:bob@h"), "<sips:p;lr>", 0, "/p/0/True"),
        # Whatever the Route is, a sips Request-URI goes over TLS.
        (TargetUri("sips:bob@h"), "<sip:p;lr>", 0, "/p/0/True"),
        (TargetUri("sip:bob@h", None, ("<sip:edge;lr>",)), "<sip:p;lr>", 0, "/edge/0/False"),
        (TargetUri("sips:bob@h", None, ("<sip:edge;lr>",)), None, 0, "/edge/0/True"),
        (TargetUri("tel:+1555"), "<sip:gateway;lr>", 0, "/gateway/0/False"),
    ],
)
def test_the_next_hop_is_the_topmost_route_else_the_request_uri(
    target: TargetUri, routes: str | None, own: int, key: str
) -> None:
    arrived = request(Route=routes)
    assert FORWARDER.next_hop(arrived, target, routes_of(arrived, own)).key == key


@pytest.mark.parametrize(("uri", "status"), [("tel:+1555", 404), ("mailto:bob@h", 416)])
def test_what_no_hop_is_known_for(uri: str, status: int) -> None:
    with pytest.raises(ProtocolError) as error:
        FORWARDER.next_hop(request(), TargetUri(uri), NO_ROUTE)
    assert error.value.status == status


def test_a_query_says_what_the_uri_says() -> None:
    assert query_of(sip_uri("sip:h")).key == "/h/0/False"
    assert query_of(sip_uri("sip:h"), secure=True).key == "/h/0/True"


def recorded(
    arrived: Request,
    target: TargetUri,
    arrival: Flow = FROM_ALICE,
    hop: Target = HOP,
    came_to: str = "192.0.2.10:5060",
    sips: bool = False,
) -> list[str]:
    passage = Passage(arrived, arrival, NO_ROUTE)
    passage.came_to = came_to
    draft = FORWARDER.copy(passage, target, 0)
    FORWARDER.record(draft, passage, target, hop, sips)
    return [str(value) for value in draft.request().record_routes]


BOB = TargetUri("sip:bob@192.0.2.101")


@pytest.mark.rfc("3261 16.6 step 4", "3261 16.6 #11", "3261 16.6 #13", "3261 16.6 #14")
def test_one_entry_above_all_others() -> None:
    values = recorded(request(Record_Route="<sip:192.0.2.77;lr>"), BOB)
    assert len(values) == 2
    assert values[0].startswith("<sip:192.0.2.10:5060;lr;oh-mac=")
    assert values[1] == "<sip:192.0.2.77;lr>"


TLS_ARRIVAL = Flow("TLS", "tls:192.0.2.10:5061", ("192.0.2.10", 5061), ("192.0.2.1", 40000), "0", 1, accepted=True)
TLS_HOP = Target("TLS", "192.0.2.101", 5061, "tls:192.0.2.10:5061", ("192.0.2.10", 5061), "192.0.2.10:5061", "h")
OTHER_SIDE = Target("UDP", "10.0.0.5", 5060, "udp:10.0.0.1:5060", ("10.0.0.1", 5060), "10.0.0.1:5060")


@pytest.mark.rfc("5658 4", "3261 16.6 #17")
@pytest.mark.parametrize(
    ("uri", "arrival", "came_to", "hop", "sips", "starts"),
    [
        (
            "sip:b@h",
            FROM_ALICE,
            "192.0.2.10:5060",
            OTHER_SIDE,
            False,
            ["<sip:10.0.0.1:5060;lr", "<sip:192.0.2.10:5060;lr"],
        ),
        (
            "sip:b@h",
            TLS_ARRIVAL,
            "192.0.2.10:5061",
            HOP,
            False,
            ["<sip:192.0.2.10:5060;lr", "<sip:192.0.2.10:5061;transport=tls;lr"],
        ),
        (
            "sip:b@h",
            FROM_ALICE,
            "192.0.2.10:5060",
            TLS_HOP,
            True,
            ["<sips:192.0.2.10:5061;lr", "<sip:192.0.2.10:5060;lr"],
        ),
        ("sips:b@h", TLS_ARRIVAL, "192.0.2.10:5061", TLS_HOP, True, ["<sips:192.0.2.10:5061;lr"]),
        (
            "sips:b@h",
            FROM_ALICE,
            "192.0.2.10:5060",
            TLS_HOP,
            True,
            ["<sips:192.0.2.10:5061;lr", "<sip:192.0.2.10:5060;lr"],
        ),
    ],
)
def test_an_entry_for_each_side_where_they_differ(
    uri: str, arrival: Flow, came_to: str, hop: Target, sips: bool, starts: list[str]
) -> None:
    values = recorded(request(uri=uri), TargetUri(uri), arrival, hop, came_to, sips)
    assert len(values) == len(starts)
    assert [value.startswith(start) for value, start in zip(values, starts, strict=True)] == [True] * len(starts)


@pytest.mark.rfc("5626 5.1")
@pytest.mark.parametrize(
    ("contact", "source", "kept"),
    [
        ("<sip:alice@192.0.2.1>", ("192.0.2.1", 5060), False),
        ("<sip:alice@192.0.2.1:5060>", ("192.0.2.1", 5060), False),
        ("<sip:192.0.2.1;transport=udp>", ("192.0.2.1", 5060), False),
        ("sip:alice@192.0.2.1", ("192.0.2.1", 5060), False),
        ("<sip:alice@192.0.2.1:5070>", ("192.0.2.1", 5070), False),
        ("<sip:alice@[2001:db8::1]:5070>", ("2001:db8::1", 5070), False),
        ("<sip:alice@192.0.2.1:5070>", ("192.0.2.1", 5060), True),
        ("<sip:alice@192.0.2.1>", ("192.0.2.1", 5070), True),
        ("<sip:alice@10.0.0.1:5060>", ("192.0.2.1", 5060), True),
        # Parts of other addresses.
        ("<sip:alice@192.0.2.1:50601>", ("192.0.2.1", 5060), True),
        ("<sip:alice@192.0.2.10>", ("192.0.2.1", 5060), True),
        ("<sip:alice@192.0.2.1>", ("92.0.2.1", 5060), True),
        (None, ("192.0.2.1", 5060), True),
    ],
)
def test_a_callers_flow_is_kept_where_its_contact_does_not_lead_to_it(
    contact: str | None, source: tuple[str, int], kept: bool
) -> None:
    arrival = Flow("UDP", HOP.listener, HERE, source)
    (value,) = recorded(request(Contact=contact), BOB, arrival)
    assert (";oh-a=" in value) is kept


def test_the_flow_of_another_proxy_is_not_the_callers() -> None:
    arrived = request(Via="SIP/2.0/UDP 192.0.2.77;branch=z9hG4bKp, SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKa")
    arrival = Flow("UDP", HOP.listener, HERE, ("192.0.2.77", 5060))
    assert ";oh-a=" not in recorded(arrived, BOB, arrival)[0]


@pytest.mark.parametrize(("accepted", "kept"), [(True, True), (False, False)])
def test_a_connection_is_kept_when_its_other_end_opened_it(accepted: bool, kept: bool) -> None:
    way = Flow("TCP", "tcp:192.0.2.10:5060", HERE, ("192.0.2.1", 40000), "0", 3, accepted)
    value = recorded(request(), BOB, way)[0]
    assert (";oh-a=" in value) is kept
    value = recorded(request(), TargetUri("sip:bob@10.0.0.7", way))[0]
    assert (";oh-b=" in value) is kept


def test_a_registered_address_that_the_contact_names_needs_no_flow() -> None:
    way = Flow("UDP", HOP.listener, HERE, ("192.0.2.101", 5060))
    assert ";oh-b=" not in recorded(request(), TargetUri("sip:bob@192.0.2.101", way))[0]
    assert ";oh-b=" in recorded(request(), TargetUri("sip:bob@10.0.0.7", way))[0]


def test_a_long_request_uri_is_not_remembered() -> None:
    """What strangers write costs no memory."""
    before = forwarding._remembered.cache_info().currsize
    query = FORWARDER.next_hop(request(), TargetUri(f"sip:{'x' * 200}@192.0.2.5"), NO_ROUTE)
    assert (query.host, forwarding._remembered.cache_info().currsize) == ("192.0.2.5", before)


def test_where_all_routes_are_ours_none_is_left() -> None:
    assert copied(request(Route="<sip:192.0.2.10;lr>"), TargetUri("sip:bob@h"), own_routes=1).routes == []


TCP_OPENED = Flow("TCP", "tcp:192.0.2.10:5060", HERE, ("192.0.2.1", 5060), "0", 3, accepted=False)
BY_PROXY = "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKp, SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKa"


@pytest.mark.parametrize(
    ("headers", "arrival", "target", "ours", "written"),
    [
        ({}, FROM_ALICE, BOB, (False, False), ""),
        ({}, FROM_ALICE, BOB, (True, False), "192.0.2.1/"),
        ({}, FROM_ALICE, BOB, (False, True), "/192.0.2.101"),
        ({}, FROM_ALICE, BOB, (True, True), "192.0.2.1/192.0.2.101"),
        # The Contact of a phone behind a NAT is of no use, and its flow is kept.
        ({"Contact": "<sip:alice@10.0.0.1>"}, FROM_ALICE, BOB, (True, False), "192.0.2.1/"),
        # Behind another proxy, its route and the phone behind it.
        (
            {
                "Via": BY_PROXY,
                "Contact": "<sip:a@Phone.example.net>",
                "Record-Route": "<sip:edge.example.net;lr>, <sip:x>",
            },
            FROM_ALICE,
            BOB,
            (True, False),
            "192.0.2.1+edge.example.net+phone.example.net/",
        ),
        ({"Via": BY_PROXY, "Contact": "<tel:+1555>"}, FROM_ALICE, BOB, (True, False), "192.0.2.1/"),
        ({"Via": BY_PROXY, "Contact": "<sip:"}, FROM_ALICE, BOB, (True, False), "192.0.2.1/"),
        ({"Via": BY_PROXY, "Contact": "*"}, FROM_ALICE, BOB, (True, False), "192.0.2.1/"),
        ({"Contact": "<sip:alice@phone.example.net>"}, TCP_OPENED, BOB, (True, False), "192.0.2.1+phone.example.net/"),
        ({}, FROM_ALICE, TargetUri("sip:bob@bob.example.net"), (False, True), "/192.0.2.101+bob.example.net"),
        ({}, FROM_ALICE, TargetUri("sip:bob@bob.example.net;maddr=192.0.2.101"), (False, True), "/192.0.2.101"),
        (
            {},
            FROM_ALICE,
            TargetUri("sip:bob@10.0.0.1", None, ("<sip:edge.example.net;lr>",)),
            (False, True),
            "/192.0.2.101+edge.example.net+10.0.0.1",
        ),
        (
            {},
            FROM_ALICE,
            TargetUri("tel:+1555", None, ("<sip:edge.example.net;lr>",)),
            (False, True),
            "/192.0.2.101+edge.example.net",
        ),
    ],
)
def test_the_sides_that_are_ours_by_all_that_leads_to_them(
    headers: dict[str, str], arrival: Flow, target: TargetUri, ours: tuple[bool, bool], written: str
) -> None:
    passage = Passage(request(**headers), arrival, NO_ROUTE)
    passage.came_to = HOP.sent_by
    passage.caller_ours, passage.callee_ours = ours
    sides = FORWARDER.sides(passage, target, HOP)
    assert sides == written
    draft = FORWARDER.copy(passage, target, 0)
    FORWARDER.record(draft, passage, target, HOP, False)
    assert (f";oh-p={written}" in str(draft.request().record_routes[0])) is bool(written)
