"""Each step of RFC 3261 10.3 by what goes in and out of the engine."""

from __future__ import annotations

from time import process_time

import pytest

from offhook.registrar import RegistrarSettings, registrar
from offhook.sip.message import Response
from tests.registrar.wiring import AOR, NAT, TCP, UDP, Desk, SlowLocation

CONTACT = "Contact: <sip:alice@192.0.2.1>"
URN = "urn:uuid:00000000-0000-1000-8000-000a95a0e128"


@pytest.fixture
def desk() -> Desk:
    return Desk()


def listed(response: Response) -> list[str]:
    assert response.status == 200
    return response.texts("Contact")


def test_all_names_exist() -> None:
    assert all(hasattr(registrar, name) for name in registrar.__all__)


# The good case


@pytest.mark.rfc("3261 10.3 #25")
def test_a_phone_registers_refreshes_and_leaves(desk: Desk) -> None:
    assert listed(desk.register(CONTACT)) == ["<sip:alice@192.0.2.1>;expires=3600"]
    desk.wait(1000)
    assert listed(desk.register(CONTACT, "Expires: 1800", cseq=2)) == ["<sip:alice@192.0.2.1>;expires=1800"]
    desk.wait(1799)
    assert desk.contacts() == ["sip:alice@192.0.2.1"]
    assert listed(desk.register(f"{CONTACT};expires=0", cseq=3)) == []
    assert desk.contacts() == []


def test_a_registration_ends_by_itself(desk: Desk) -> None:
    desk.register(CONTACT, "Expires: 60")
    desk.wait(59.9)
    assert desk.contacts() == ["sip:alice@192.0.2.1"]
    desk.wait(0.1)
    assert desk.contacts() == []


def test_the_wall_clock_decides(desk: Desk) -> None:
    desk.register(CONTACT)
    desk.clock.step_wall(3600)
    assert desk.contacts() == []


@pytest.mark.rfc("3261 8.2.6.2 #2", "3261 8.2.6.2 #3", "3261 8.2.6.2 #7", "3261 8.2.6.2 #8")
def test_the_answer_is_the_requests(desk: Desk) -> None:
    response = desk.register(CONTACT, to='"Alice" <sip:alice@example.com>;x=1', call_id="q@h", cseq=77)
    assert (response.status, response.reason) == (200, "OK")
    assert response.call_id == "q@h"
    assert response.text("CSeq") == "77 REGISTER"
    assert response.to.display_name == "Alice"
    assert response.to_tag
    assert response.from_tag == "1"
    assert response.branch == "z9hG4bK-1"
    assert desk.sent[-1][1] == UDP


@pytest.mark.rfc("3261 10.3 #32")
def test_the_answer_bears_the_date(desk: Desk) -> None:
    assert desk.register(CONTACT).text("Date") == "Thu, 01 Jan 2026 00:00:00 GMT"
    desk.wait(61.5)
    assert desk.register().text("Date") == "Thu, 01 Jan 2026 00:01:01 GMT"


@pytest.mark.rfc("3261 10.2 #1", "3261 10.3 #2", "3261 10.3 #3")
def test_record_route_is_ignored(desk: Desk) -> None:
    response = desk.register(CONTACT, "Record-Route: <sip:192.0.2.77;lr>")
    assert response.status == 200
    assert not response.has("Record-Route")


@pytest.mark.rfc("3261 10.3 #30", "3261 10.3 #31", "3261 8.2 #1")
def test_all_contacts_of_a_user_are_listed(desk: Desk) -> None:
    desk.register("Contact: <sip:alice@192.0.2.1>;q=0.7, <sip:alice@192.0.2.2>;q=0.1;expires=120")
    desk.register("Contact: <tel:+15550100>;q=0.35", call_id="b")
    assert listed(desk.register(call_id="c")) == [
        "<sip:alice@192.0.2.1>;q=0.7;expires=3600",
        "<sip:alice@192.0.2.2>;q=0.1;expires=120",
        "<tel:+15550100>;q=0.35;expires=3600",
    ]


def test_parameters_of_a_contact_are_kept(desk: Desk) -> None:
    contact = (
        f'<sip:alice@192.0.2.1:5070;transport=udp>;expires=600;methods="INVITE, ACK";+sip.instance="<{URN}>";q=0.5'
    )
    response = desk.register(f'm: "Alice at home" {contact}', "User-Agent: Phone 5")
    assert listed(response) == [
        f'<sip:alice@192.0.2.1:5070;transport=udp>;methods="INVITE, ACK";+sip.instance="<{URN}>";q=0.5;expires=600'
    ]
    binding = desk.binding()
    assert (binding.instance, binding.reg_id, binding.user_agent, binding.q) == (URN, 0, "Phone 5", 0.5)
    assert (binding.call_id, binding.cseq) == ("a", 1)


# Step 1


@pytest.mark.parametrize(
    ("uri", "status"),
    [
        ("sip:example.com", 200),
        ("sip:Example.COM:5060;transport=tcp", 200),
        ("sip:192.0.2.10", 200),
        ("sip:192.0.2.10:5060", 200),
        ("sips:example.com", 200),
        ("sip:192.0.2.11", 404),
        ("sip:elsewhere.example", 404),
        ("tel:+15550100", 404),
    ],
)
def test_the_request_uri_names_a_domain_of_ours(desk: Desk, uri: str, status: int) -> None:
    assert desk.register(CONTACT, uri=uri).status == status
    assert len(desk.contacts()) == (status == 200)


def test_a_numeric_domain_is_one_too() -> None:
    desk = Desk(domains=("192.0.2.10", "[2001:db8::1]"))
    for cseq, host in enumerate(("192.0.2.10", "[2001:db8::1]", "[2001:DB8::0001]")):
        desk.identity = None
        address = f"<sip:alice@{host}>"
        response = desk.register(CONTACT, uri=f"sip:{host}", to=address, from_=f"{address};tag=1", cseq=cseq)
        assert response.status == 200
    assert desk.contacts("sip:alice@[2001:db8::1]") == desk.contacts("sip:alice@192.0.2.10") == ["sip:alice@192.0.2.1"]


# Step 2


@pytest.mark.rfc("3261 10.3 #8", "3261 8.2.2.3 #1", "3261 8.2.2.3 #2")
def test_an_unknown_extension_is_refused(desk: Desk) -> None:
    response = desk.register(CONTACT, "Require: path, gruu, Outbound", "Require: nothing-like-this")
    assert response.status == 420
    assert response.text("Unsupported") == "gruu, nothing-like-this"
    assert desk.contacts() == []
    assert desk.register(CONTACT, "Require: path", "Proxy-Require: whatever").status == 200


@pytest.mark.rfc("3261 8.2.3 #1", "3261 8.2.3 #2")
def test_a_body_that_must_be_understood_is_refused(desk: Desk) -> None:
    response = desk.register(CONTACT, "Content-Type: application/x-phone", body="hello")
    assert response.status == 415
    assert response.texts("Accept") == [""]
    optional = "Content-Disposition: session;handling=Optional"
    assert desk.register(CONTACT, "Content-Type: application/x-phone", optional, body="hello").status == 200


# Steps 3 and 4


@pytest.mark.rfc("3261 10.3 #10", "3261 10.3 #11")
def test_one_registers_for_oneself_alone(desk: Desk) -> None:
    desk.identity = "sip:mallory@example.com"
    assert desk.register(CONTACT).status == 403
    assert desk.register(f"{CONTACT};expires=0").status == 403
    assert desk.register().status == 403, "what others have is nobody's business"
    assert desk.contacts() == []


@pytest.mark.rfc("3261 10.3 #11")
def test_without_authentication_from_is_who_asks(desk: Desk) -> None:
    desk.identity = None
    assert desk.register(CONTACT).status == 200
    assert desk.register(CONTACT, from_="<sip:bob@example.com>;tag=1").status == 403
    assert desk.register(CONTACT, from_="<tel:+15550100>;tag=1").status == 403
    # The identity counts, whatever From says: a secretary may be named there (10.2).
    desk.identity = AOR
    assert desk.register(CONTACT, cseq=2, from_="<sip:bob@example.com>;tag=1").status == 200


@pytest.mark.rfc("3261 10.3 #10", "3261 10.3 #11")
def test_a_third_party_registers_where_policy_allows() -> None:
    asked: list[tuple[str, str]] = []

    def may_register(identity: str, aor: str) -> bool:
        asked.append((identity, aor))
        return identity == "sip:boss@example.com"

    desk = Desk(RegistrarSettings(may_register=may_register))
    desk.identity = "sip:boss@example.com"
    assert desk.register(CONTACT).status == 200
    desk.identity = "sip:bob@example.com"
    assert desk.register(CONTACT, cseq=2).status == 403
    assert asked == [("sip:boss@example.com", AOR), ("sip:bob@example.com", AOR)]


# Step 5


@pytest.mark.rfc("3261 10.3 #12")
@pytest.mark.parametrize(
    ("to", "uri", "status"),
    [
        ("<sip:alice@example.org>", "sip:example.org", 200),
        ("<sip:alice@example.org>", "sip:192.0.2.10", 200),
        ("<sip:alice@example.org>", "sip:example.com", 404),
        ("<sip:alice@elsewhere.example>", "sip:example.com", 404),
        ("<sip:alice@elsewhere.example>", "sip:192.0.2.10", 404),
        ("<tel:+15550100>", "sip:example.com", 404),
        ("<sip:example.com>", "sip:example.com", 200),
        ("sip:alice@example.com", "sip:example.com", 200),
        ("<sip:alice@>", "sip:example.com", 400),
    ],
)
def test_the_user_belongs_to_the_domain(desk: Desk, to: str, uri: str, status: int) -> None:
    desk.identity = None
    assert desk.register(CONTACT, to=to, from_=f"{to};tag=1", uri=uri).status == status


@pytest.mark.rfc("3261 10.3 #13", "3261 10.3 #14", "3261 10.3 #15")
def test_users_are_told_apart_by_their_canonical_form(desk: Desk) -> None:
    for number, to in enumerate(
        (
            "<sip:alice@example.com>",
            "<sip:%61lice@EXAMPLE.com;user=phone>",
            "<sips:alice@example.com:5061>",
            "sip:alice@example.com;tag=9",
        )
    ):
        assert desk.register(f"Contact: <sip:{number}@192.0.2.1>", to=to).status == 200
    assert desk.contacts() == [f"sip:{number}@192.0.2.1" for number in range(4)]
    desk.identity = None
    assert desk.register(CONTACT, to="<sip:Alice@example.com>", from_="<sip:Alice@example.com>;tag=1").status == 200
    assert desk.contacts("sip:Alice@example.com") == ["sip:alice@192.0.2.1"]


# Step 6


@pytest.mark.rfc("3261 10.3 #30")
def test_without_a_contact_nothing_changes(desk: Desk) -> None:
    assert listed(desk.register()) == []
    desk.register(CONTACT, cseq=5)
    assert listed(desk.register("Expires: 0", cseq=4)) == ["<sip:alice@192.0.2.1>;expires=3600"]


@pytest.mark.rfc("3261 10.3 #17", "3261 10.3 #18")
def test_a_star_removes_all(desk: Desk) -> None:
    desk.register(CONTACT, "Contact: <sip:alice@192.0.2.2>")
    desk.register("Contact: <sip:alice@192.0.2.3>", call_id="b", cseq=50)
    assert listed(desk.register("Contact: *", "Expires: 0", cseq=2)) == []
    assert desk.contacts() == []


@pytest.mark.rfc("3261 10.3 #16")
@pytest.mark.parametrize(
    "headers",
    [
        ("Contact: *",),
        ("Contact: *", "Expires: 1"),
        ("Contact: *", "Expires: 3600"),
        ("Contact: *", "Expires: soon"),
        ("Contact: *, <sip:alice@192.0.2.9>", "Expires: 0"),
        ("Contact: *", "Contact: <sip:alice@192.0.2.9>", "Expires: 0"),
        ("Contact: *", "Contact: *", "Expires: 0"),
        ("Contact: *;expires=0", "Expires: 0"),
    ],
)
def test_a_star_stands_alone_and_with_expires_0(desk: Desk, headers: tuple[str, ...]) -> None:
    desk.register(CONTACT)
    assert desk.register(*headers, cseq=2).status == 400
    assert desk.contacts() == ["sip:alice@192.0.2.1"]


@pytest.mark.rfc("3261 10.3 #18", "3261 10.3 #19")
def test_a_star_that_is_late_fails(desk: Desk) -> None:
    desk.register(CONTACT, cseq=5)
    desk.register("Contact: <sip:alice@192.0.2.3>", call_id="b")
    for cseq in (4, 5):
        assert desk.register("Contact: *", "Expires: 0", cseq=cseq).status == 500
    assert len(desk.contacts()) == 2
    assert desk.register("Contact: *", "Expires: 0", cseq=6).status == 200


# Step 7


@pytest.mark.rfc("3261 10.3 #20", "3261 10.3 #21", "3261 10.3 #22", "3261 10.2 #10")
@pytest.mark.parametrize(
    ("headers", "expires"),
    [
        ((CONTACT,), 3600),
        ((CONTACT, "Expires: 600"), 600),
        ((f"{CONTACT};expires=300", "Expires: 600"), 300),
        ((CONTACT, "Expires: 100000"), 7200),
        ((CONTACT, "Expires: 99999999999999999999"), 7200),
        ((f"{CONTACT};expires=4294967295",), 7200),
        ((CONTACT, "Expires: 60"), 60),
        ((CONTACT, "Expires: Thu, 01 Dec 1994 16:00:00 GMT"), 3600),
        ((f'{CONTACT};expires="Thu, 01 Dec 1994 16:00:00 GMT"',), 3600),
        ((f"{CONTACT};q=1;expires=00300",), 300),
    ],
)
def test_how_long_a_binding_holds(desk: Desk, headers: tuple[str, ...], expires: int) -> None:
    desk.register(*headers)
    assert desk.binding().expires == desk.now.wall + expires


@pytest.mark.rfc("3261 10.3 #23")
@pytest.mark.parametrize(
    "headers", [(CONTACT, "Expires: 59"), (f"{CONTACT};expires=1",), (f"{CONTACT};q=0;expires=9",)]
)
def test_what_is_too_brief_is_refused(desk: Desk, headers: tuple[str, ...]) -> None:
    response = desk.register(*headers)
    assert response.status == 423
    assert response.text("Min-Expires") == "60"
    assert desk.contacts() == []


@pytest.mark.rfc("3261 10.3 #22")
def test_who_says_nothing_gets_the_default() -> None:
    desk = Desk(RegistrarSettings(default_expires=900))
    assert listed(desk.register(CONTACT)) == ["<sip:alice@192.0.2.1>;expires=900"]


def test_an_hour_is_never_too_brief() -> None:
    desk = Desk(RegistrarSettings(default_expires=3600, min_expires=3600))
    assert desk.register(CONTACT, "Expires: 3599").status == 423
    assert desk.register(CONTACT, "Expires: 3600").status == 200


@pytest.mark.rfc("3261 10.3 #5", "3261 10.3 #27", "3261 8.2 #2")
def test_all_or_nothing(desk: Desk) -> None:
    desk.register(CONTACT, "Contact: <sip:alice@192.0.2.2>", cseq=5)
    contacts = "Contact: <sip:alice@192.0.2.3>, <sip:alice@192.0.2.1>;expires=0, <sip:alice@192.0.2.2>;expires=5"
    assert desk.register(contacts, cseq=6).status == 423
    assert desk.register("Contact: <sip:alice@192.0.2.3>", "Contact: <sip:alice@192.0.2.2>", cseq=5).status == 500
    assert desk.register("Contact: <sip:alice@192.0.2.3>, <sip:broken", cseq=6).status == 400
    assert desk.contacts() == ["sip:alice@192.0.2.1", "sip:alice@192.0.2.2"]
    assert desk.bindings()[0].cseq == 5


@pytest.mark.rfc("3261 10.3 #24", "3261 10.3 #26")
def test_requests_of_a_client_are_taken_in_order(desk: Desk) -> None:
    assert desk.register(CONTACT, cseq=5).status == 200
    assert desk.register(CONTACT, cseq=4).status == 500
    assert desk.register(CONTACT, cseq=5).status == 500, "not higher"
    assert desk.register(f"{CONTACT};expires=0", cseq=5).status == 500
    assert desk.register(CONTACT, cseq=1, call_id="rebooted").status == 200
    assert (desk.binding().call_id, desk.binding().cseq) == ("rebooted", 1)


@pytest.mark.rfc("3261 19.1.4 #1")
def test_contacts_are_compared_as_uris(desk: Desk) -> None:
    desk.register("Contact: <sip:alice@PC33.example;newparam=5>;q=0.1")
    desk.register("Contact: <sip:%61lice@pc33.Example>;q=0.2", cseq=2)
    assert desk.contacts() == ["sip:%61lice@pc33.Example"]
    desk.register("Contact: <sip:alice@pc33.example:5060>", cseq=3)
    assert len(desk.contacts()) == 2


def test_there_is_a_bound_on_contacts() -> None:
    desk = Desk(RegistrarSettings(max_contacts=2))
    assert desk.register(CONTACT, "Contact: <sip:alice@192.0.2.2>").status == 200
    assert desk.register("Contact: <sip:alice@192.0.2.3>", cseq=2).status == 403
    assert desk.register(CONTACT, cseq=2).status == 200
    assert len(desk.contacts()) == 2


@pytest.mark.parametrize("expires", [60, 0])
def test_there_is_a_bound_on_the_contacts_of_one_request(expires: int) -> None:
    """Each is compared with each: with thousands of them, everybody else would wait for minutes."""
    desk = Desk(RegistrarSettings(max_contacts=2))
    desk.register(CONTACT, "Contact: <sip:alice@192.0.2.2>")
    many = ", ".join([f"<sip:{number}>;expires={expires}" for number in range(2000)])
    began = process_time()
    assert desk.register(f"Contact: {many}", cseq=2).status == 403
    assert process_time() - began < 1.0
    assert len(desk.contacts()) == 2
    gone = [f"Contact: <sip:alice@192.0.2.{number}>;expires=0" for number in (1, 2)]
    come = [f"Contact: <sip:alice@192.0.2.{number}>" for number in (3, 4)]
    assert desk.register(*come, *gone, cseq=3).status == 200


def test_there_is_a_bound_on_what_a_binding_keeps() -> None:
    desk = Desk(RegistrarSettings(max_octets=300))
    assert desk.register(f"Contact: <sip:alice@192.0.2.1;x={'x' * 300}>").status == 513
    assert desk.register(CONTACT, call_id="x" * 300).status == 513
    assert desk.register(f"{CONTACT};x={'x' * 300}").status == 513
    assert desk.register(CONTACT, "Supported: path", f"Path: <sip:p.example;lr;x={'x' * 300}>").status == 513
    assert desk.contacts() == []
    assert desk.register(CONTACT, f"User-Agent: {'x' * 3000}").status == 200
    assert len(desk.binding().user_agent) == 128


# Extensions


@pytest.mark.rfc("3327 5.3")
def test_a_path_is_kept_and_told(desk: Desk) -> None:
    path = "Path: <sip:p3.example;lr>,<sip:p1.example;lr>"
    response = desk.register(CONTACT, "Supported: 100rel, Path", path, "Path: sip:p0.example")
    assert response.texts("Path") == ["<sip:p3.example;lr>,<sip:p1.example;lr>", "sip:p0.example"]
    assert desk.binding().path == ("<sip:p3.example;lr>", "<sip:p1.example;lr>", "<sip:p0.example>")
    assert desk.binding().way(lambda flow: True) == "sip:p3.example;lr"
    assert desk.register("Supported: path", path, cseq=2).texts("Path") == ["<sip:p3.example;lr>,<sip:p1.example;lr>"]


@pytest.mark.rfc("3327 5.3")
def test_a_path_that_the_phone_does_not_know_is_refused() -> None:
    desk = Desk()
    response = desk.register(CONTACT, "Supported: outbound", "Path: <sip:p1.example;lr>")
    assert (response.status, response.text("Unsupported")) == (420, "path")
    assert desk.register(CONTACT, "Require: path", "Path: <sip:p1.example;lr>").status == 200
    assert Desk(RegistrarSettings(path_unasked=True)).register(CONTACT, "Path: <sip:p1.example;lr>").status == 200
    assert desk.register(CONTACT, "Supported: path", "Path: <sip:p1", cseq=2).status == 400


@pytest.mark.rfc("5630 5.2")
@pytest.mark.parametrize(
    ("uri", "headers", "status"),
    [
        ("sips:example.com", (), 200),
        ("sip:example.com", (), 400),
        ("sips:example.com", ("Supported: path", "Path: <sips:p.example;lr>"), 200),
        ("sips:example.com", ("Supported: path", "Path: <sips:p.example;lr>, <sip:q.example;lr>"), 400),
    ],
)
def test_a_sips_contact_needs_a_sips_way(desk: Desk, uri: str, headers: tuple[str, ...], status: int) -> None:
    assert desk.register("Contact: <sips:alice@192.0.2.1>", *headers, uri=uri).status == status
    assert desk.register(f"{CONTACT};q=0.5", "Contact: <sips:alice@192.0.2.1>;expires=0", cseq=2).status == 200


@pytest.mark.rfc("5626 6")
def test_a_phone_binds_itself_to_its_flow(desk: Desk) -> None:
    def contact(address: str, reg_id: int, expires: int = 3600) -> str:
        return f'Contact: <sip:alice@{address}>;expires={expires};reg-id={reg_id};+sip.instance="<{URN.upper()}>"'

    supported = "Supported: path, outbound"
    response = desk.register(contact("10.0.0.1", 1), supported, flow=NAT)
    assert response.text("Require") == "outbound"
    assert listed(response) == [f'<sip:alice@10.0.0.1>;reg-id=1;+sip.instance="<{URN.upper()}>";expires=3600']
    assert desk.binding().way(lambda flow: True) == NAT
    assert (desk.binding().instance, desk.binding().reg_id) == (URN, 1)
    desk.register(contact("10.0.0.1", 2), supported, flow=TCP, transport="TCP", cseq=2)
    desk.register(contact("10.9.9.9", 1), supported, call_id="rebooted")
    assert [(one.contact, one.reg_id) for one in desk.bindings()] == [
        ("sip:alice@10.9.9.9", 1),
        ("sip:alice@10.0.0.1", 2),
    ]
    assert len(listed(desk.register(contact("10.0.0.1", 2, 0), supported, cseq=3))) == 1


@pytest.mark.rfc("5626 6")
def test_a_removal_may_stand_beside_a_bound_contact(desk: Desk) -> None:
    bound = f'Contact: <sip:alice@10.0.0.1>;reg-id=1;+sip.instance="<{URN}>"'
    desk.register("Contact: <sip:alice@192.0.2.2>")
    assert desk.register(bound, "Contact: <sip:alice@192.0.2.3>", cseq=2).status == 400
    assert desk.register(bound, "Contact: <sip:alice@192.0.2.2>;expires=0", cseq=2).status == 200
    assert desk.contacts() == ["sip:alice@10.0.0.1"]


# The way back


def test_a_phone_behind_a_nat_is_reached_over_its_flow(desk: Desk) -> None:
    desk.register("Contact: <sip:alice@192.168.1.5:5060>", flow=NAT, sent_by="192.168.1.5:5060")
    assert desk.binding().way(desk.stack.is_open) == NAT
    desk.register("Contact: <sip:alice@192.168.1.5:5060>", flow=TCP, transport="TCP", cseq=2)
    assert desk.binding().way(desk.stack.is_open) == TCP
    assert desk.sent[-1][1] == TCP


def test_another_place_is_reached_by_its_contact(desk: Desk) -> None:
    desk.register("Contact: <sip:alice@voicemail.example.net>")
    assert desk.binding().way(desk.stack.is_open) == "sip:alice@voicemail.example.net"


# Retransmissions where the service answers at once


@pytest.mark.rfc("3261 8.2.7 #5")
@pytest.mark.parametrize("contact", [CONTACT, f"{CONTACT};expires=0", "Contact: *\r\nExpires: 0"])
def test_a_retransmission_gets_the_same_answer(desk: Desk, contact: str) -> None:
    if contact != CONTACT:
        desk.register(CONTACT)
    octets = desk.text(contact, cseq=2, branch="z9hG4bKsame")
    [first] = desk.receive(octets)
    before = [binding.row() for binding in desk.bindings()]
    [second] = desk.receive(octets)
    assert first.status == 200
    assert first.serialize() == second.serialize()
    assert [binding.row() for binding in desk.bindings()] == before
    assert not desk.stack.transactions.servers


@pytest.mark.rfc("3261 8.2.7 #1", "3261 8.2.7 #2")
def test_an_answer_without_a_transaction_is_the_only_one_and_never_sent_again(desk: Desk) -> None:
    desk.receive(desk.text(CONTACT))
    desk.receive(desk.text(CONTACT, "Expires: 5"))
    desk.wait(100)
    assert [answer.status for answer, _ in desk.sent] == [200, 423]


def test_a_late_copy_does_not_bring_back_what_was_removed(desk: Desk) -> None:
    octets = desk.text(CONTACT, cseq=1)
    desk.receive(octets)
    desk.register(f"{CONTACT};expires=0", cseq=2)
    [late] = desk.receive(octets)
    assert late.status == 500
    assert desk.contacts() == []
    assert desk.register(CONTACT, cseq=3).status == 200
    desk.register("Contact: *", "Expires: 0", cseq=4)
    assert desk.register(CONTACT, cseq=3).status == 500
    assert desk.register(CONTACT, cseq=1, call_id="another").status == 200


# A service that takes its time, or fails


def test_the_answer_waits_for_the_service() -> None:
    slow = SlowLocation()
    desk = Desk(location=slow)
    octets = desk.text(CONTACT)
    assert desk.receive(octets) == []
    assert desk.receive(octets) == [], "a retransmission is absorbed"
    assert slow.asked == 1
    [answer] = desk.release()
    assert listed(answer) == ["<sip:alice@192.0.2.1>;expires=3600"]
    [again] = desk.receive(octets)
    assert again.serialize() == answer.serialize()
    assert slow.asked == 1
    assert desk.receive(desk.text(cseq=2)) == []
    assert listed(desk.release()[0]) == ["<sip:alice@192.0.2.1>;expires=3600"]


def test_a_service_that_refuses_is_obeyed() -> None:
    desk = Desk(location=SlowLocation())
    desk.receive(desk.text(CONTACT, cseq=5))
    desk.release()
    assert desk.receive(desk.text(CONTACT, cseq=4)) == []
    assert [answer.status for answer in desk.release()] == [500]


@pytest.mark.parametrize("kept", [True, False])
def test_what_comes_after_a_removal_is_late_though_the_service_takes_its_time(kept: bool) -> None:
    """The network may hand over a REGISTER for the first time after the one that took its binding away."""
    desk = Desk(location=SlowLocation())
    desk.receive(desk.text(CONTACT, cseq=1))
    desk.release()
    desk.receive(desk.text("Contact: *", "Expires: 0", cseq=3))
    if kept:
        desk.release()
    assert desk.register(CONTACT, cseq=2).status == 500
    if not kept:
        desk.release()
    assert desk.bindings() == []
    desk.receive(desk.text(CONTACT, cseq=4))
    assert [answer.status for answer in desk.release()] == [200]


def test_an_answer_that_comes_too_late_is_not_sent() -> None:
    desk = Desk(location=SlowLocation())
    desk.receive(desk.text(CONTACT))
    desk.wait(100)
    assert [answer.status for answer, _ in desk.sent] == [100]
    assert desk.release() == []
    assert not desk.stack.transactions.servers


def test_what_can_be_refused_without_the_service_is() -> None:
    slow = SlowLocation()
    desk = Desk(location=slow)
    assert desk.register(CONTACT, "Expires: 5").status == 423
    assert slow.asked == 0
    assert not desk.stack.transactions.servers


def test_whoever_wants_to_know_is_told_what_was_registered(desk: Desk) -> None:
    told: list[tuple[str, list[str]]] = []
    desk.registrar.registered = lambda aor, bindings, now: told.append((aor, [one.contact for one in bindings]))
    desk.register(CONTACT)
    desk.register("Contact: <sip:alice@192.0.2.2>", cseq=2)
    desk.register(cseq=3)
    assert told == [(AOR, ["sip:alice@192.0.2.1"]), (AOR, ["sip:alice@192.0.2.1", "sip:alice@192.0.2.2"])]


@pytest.mark.parametrize(("error", "expected"), [(None, [AOR]), (OSError("full"), [])])
def test_a_slow_service_tells_when_it_has_kept_it(error: Exception | None, expected: list[str]) -> None:
    desk = Desk(location=SlowLocation())
    told: list[str] = []
    desk.registrar.registered = lambda aor, bindings, now: told.append(aor)
    desk.receive(desk.text(CONTACT))
    assert told == []
    desk.release(error)
    assert told == expected
