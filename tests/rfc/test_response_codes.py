"""What the response codes of RFC 3261 21 ask of whoever sends them, and of whoever gets them."""

from __future__ import annotations

import pytest

from offhook.clock import Moment
from offhook.flow import Flow
from offhook.server.config import DomainConfig
from offhook.sip.message import Response
from offhook.sip.serializer import new_request
from offhook.sip.status import PHRASES, telling_phrase
from offhook.sip.uri import parse_uri
from offhook.transaction.effects import Transmit
from tests.proxy.wiring import World
from tests.server.wiring import SERVER, Site
from tests.ua.household import OFFER, House, Phone, Script

ELSEWHERE = "sip:carol@192.0.2.8"


def called(*more: str) -> tuple[House, Phone, Script, Script]:
    """Alice calls bob at 192.0.2.9; 192.0.2.8 is there too."""
    house = House()
    alice, bob, other = house.phone("alice"), house.script(), house.script("192.0.2.8")
    alice.invite(parse_uri("sip:bob@192.0.2.9"))
    house.run(0.5)
    return house, alice, bob, other


def statuses(world: World) -> list[int]:
    return [status for status in world.alice.role.statuses() if status != 100]


@pytest.mark.rfc("3261 21 #1")
def test_codes_of_http_that_sip_has_not_taken_are_unknown_here() -> None:
    only_http = {101, 201, 203, 205, 206, 207, 303, 304, 307, 308, 409, 411, 418, 426, 431, 451, 506, 507, 511}
    assert only_http & PHRASES.keys() == set()


# 3xx


@pytest.mark.rfc("3261 21.3.2 #1", "3261 21.3.3 #1", "3261 21.3.3 #2")
@pytest.mark.parametrize("status", [300, 301, 302])
def test_the_new_address_is_called_and_not_kept_for_the_next_call(status: int) -> None:
    house, alice, bob, other = called()
    bob.respond(status, ("Contact", f"<{ELSEWHERE}>"))
    house.run(1.0)
    assert other.last("INVITE").request_uri == ELSEWHERE
    other.respond(486)
    house.run(40.0)
    alice.invite(parse_uri("sip:bob@192.0.2.9"))
    house.run(41.0)
    assert bob.last("INVITE").request_uri == "sip:bob@192.0.2.9"
    assert bob.last("INVITE").call_id != other.last("INVITE").call_id


@pytest.mark.rfc("3261 21.3.4 #1")
def test_the_same_request_goes_through_the_proxy_that_a_305_names() -> None:
    house, _, bob, proxy = called()
    bob.respond(305, ("Contact", "<sip:192.0.2.8;method=BYE?Subject=x>"))
    house.run(1.0)
    first, second = bob.last("INVITE"), proxy.last("INVITE")
    assert second.request_uri == first.request_uri == "sip:bob@192.0.2.9"
    assert second.texts("Route") == ["<sip:192.0.2.8;lr>"]
    assert (second.call_id, second.cseq_number) == (first.call_id, 2)
    # Where the proxy leads elsewhere it is out of the way; and no proxy is named twice.
    proxy.respond(302, ("Contact", "<sip:carol@192.0.2.9>"))
    house.run(1.5)
    assert (bob.last("INVITE").request_uri, bob.last("INVITE").texts("Route")) == ("sip:carol@192.0.2.9", [])
    bob.respond(305, ("Contact", "<sip:192.0.2.8>"))
    house.run(2.0)
    assert house.phones[0].heard[-1] == "ended: FAILED"


@pytest.mark.rfc("3261 21.3.4 #1")
def test_behind_an_outbound_proxy_it_is_the_next_one_on_the_way() -> None:
    house = House()
    outbound = parse_uri("sip:192.0.2.8")
    alice, proxy = house.phone("alice", outbound_proxy=outbound), house.script("192.0.2.8")
    alice.invite(parse_uri("sip:bob@192.0.2.9"))
    house.run(0.5)
    proxy.respond(305, ("Contact", "<sips:192.0.2.7>"))
    house.run(1.0)
    assert proxy.last("INVITE").texts("Route") == ["<sip:192.0.2.8;lr>", "<sips:192.0.2.7;lr>"]
    assert proxy.last("INVITE").request_uri == "sip:bob@192.0.2.9"


@pytest.mark.rfc("3261 21.3.4 #2")
def test_a_user_agent_alone_says_305() -> None:
    site = Site(domain=DomainConfig(name="example.com", mode="redirect"))
    alice, bob = site.phone("alice"), site.phone("bob")
    alice.register()
    bob.register()
    alice.invite("sip:bob@example.com")
    redirections = [m.status for m in site.messages(of=SERVER) if isinstance(m, Response) and 300 <= m.status < 400]
    assert redirections == [302]
    house = House()
    callee, caller, script = house.phone("bob"), house.phone("carol"), house.script()
    caller.invite(parse_uri(f"sip:bob@{callee.node.host}"))
    house.run(0.5)
    callee.refuse(305, contacts=(parse_uri("sip:192.0.2.9"),))
    house.run(1.0)
    assert script.last("INVITE").texts("Route") == ["<sip:192.0.2.9;lr>"]


# 4xx


BROKEN = (
    b"OPTIONS sip:192.0.2.10 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bKx\r\n%bContent-Length: 0\r\n\r\n"
)


@pytest.mark.rfc("3261 21.4.1 #1")
@pytest.mark.parametrize(
    ("fields", "phrase"),
    [
        (b"From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 1\r\n", "Call-ID"),
        (b"From: <sip:a@b>;tag=1\r\nTo: <sip:c@d\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 1\r\n", "closed"),
        (b"From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: x\r\nCSeq: x\r\nMax-Forwards: 1\r\n", "CSeq"),
        (
            b"From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\nRequire: a b\r\n",
            "token",
        ),
    ],
)
def test_a_400_says_what_is_wrong(fields: bytes, phrase: str) -> None:
    status_line = answered(Site(), BROKEN % fields)
    assert status_line.startswith("SIP/2.0 400 ")
    assert phrase.lower() in status_line.lower()


def answered(site: Site, data: bytes) -> str:
    """The status line of what the server answers octets with."""
    node, now = site.server, site.network.clock.now()
    node.stack.receive(data, Flow("UDP", "udp", (SERVER, 5060), ("198.51.100.1", 5060)), now)
    for effect in node.stack.pending:
        if not isinstance(effect, Transmit):
            node.role.receive(effect, now)
    sent = [effect.data for effect in node.stack.drain() if isinstance(effect, Transmit)]
    return sent[-1].split(b"\r\n", 1)[0].decode("ascii")


@pytest.mark.rfc("3261 21.4.1 #1")
def test_a_phone_and_a_registrar_say_so_too() -> None:
    site = Site()
    bob, stranger = site.phone("bob"), site.stranger()
    bob.register()
    whom = f"sip:bob@{bob.node.host}"

    def ask(now: Moment) -> None:
        draft = stranger.role.request("INVITE", whom).add("Require", "a b")
        stranger.role.send(draft, stranger.target_to(bob.node.host, 5060), now)

    stranger.call(ask)
    site.run(1.0)
    answer = stranger.role.responses[-1]
    assert (answer.status, answer.reason) == (400, "Require: 'a b' is not a token")


def test_what_a_stranger_writes_into_a_phrase_stays_one_short_line() -> None:
    phrase = telling_phrase(400, 'x "y"\r\nVia: \udc80<\u20ac>%' + "z" * 999)
    assert phrase is not None
    assert phrase.startswith("X 'y'??Via: ????")
    assert len(phrase) == 120
    assert telling_phrase(505, "no such version") is None
    assert telling_phrase(400, "") is None


@pytest.mark.rfc("3261 21.4.10 #1")
def test_nobody_is_gone_for_good() -> None:
    site = Site()
    alice = site.phone("alice")
    assert alice.message("sip:nobody@example.com") == [404]


@pytest.mark.rfc("3261 21.4.16 #2", "3261 21.4.16 #3", "3261 20.5 #2")
def test_who_supports_nothing_is_served_all_the_same() -> None:
    house = House()
    bob, script = house.phone("bob"), house.script()
    draft = new_request("INVITE", f"sip:bob@{bob.node.host}").add("Max-Forwards", "70")
    draft.add("From", "<sip:peer@192.0.2.9>;tag=peer").add("To", "<sip:bob@example.com>").add("Call-ID", "c")
    script.send(
        draft.add("CSeq", "1 INVITE").add("Contact", "<sip:peer@192.0.2.9>").body(OFFER, "application/sdp"), bob
    )
    house.run(0.5)
    bob.ring(early_media=True)
    bob.answer()
    house.run(1.0)
    assert [response.status for response in script.responses if response.status != 100] == [183, 200]
    assert not any(response.has("Require") for response in script.responses)
    # Without Allow it says nothing of the methods that it takes; it still gets our requests.
    bob.do(bob.got[-1].hang_up)
    house.run(80.0)
    assert script.methods()[-1] == "BYE"


@pytest.mark.rfc("3261 21.4.18 #1", "3261 21.4.18 #2")
def test_a_480_says_why() -> None:
    site = Site()
    alice, bob = site.phone("alice"), site.phone("bob")
    alice.register()

    def reason() -> str:
        answers = [message for message in site.messages(to=alice.node.host) if isinstance(message, Response)]
        assert answers[-1].status == 480
        return answers[-1].reason

    alice.invite("sip:bob@example.com")
    assert reason() == "Not Registered"
    bob.register()
    alice.invite("sip:bob@example.com")
    bob.node.call(lambda now: bob.rings[-1].refuse(480, now, reason="Asleep until Seven"))
    site.run(1.0)
    assert reason() == "Asleep until Seven"
    bob.core.on_call = None
    alice.invite("sip:bob@example.com")
    assert reason() == "Nobody Takes Calls"


@pytest.mark.rfc("3261 21.4.18 #1")
@pytest.mark.parametrize("mode", ["redirect", "stateless"])
def test_the_other_servers_say_so_too(mode: str) -> None:
    site = Site(domain=DomainConfig(name="example.com", mode=mode))  # type: ignore[arg-type]
    alice = site.phone("alice")
    alice.register()
    alice.message("sip:bob@example.com")
    answers = [message for message in site.messages(of=SERVER) if isinstance(message, Response)]
    assert (answers[-1].status, answers[-1].reason) == (480, "Not Registered")


# 5xx and 6xx


@pytest.mark.rfc("3261 21.5.4 #2", "3261 21.5.4 #3")
def test_a_proxy_leaves_an_overloaded_server_alone_as_long_as_it_says() -> None:
    world = World()
    overloaded = world.callee((0.1, 503))
    living = world.callee((0.1, 486))
    world.network.name("phones.example.net", (overloaded.host, 5060), (living.host, 5060))
    overloaded.role.extra = [("Retry-After", "60")]
    for seconds, asked in ((0, 1), (30, 1), (59, 1), (61, 2)):
        world.run(float(seconds))
        world.send(uri="sip:bob@phones.example.net", call_id=f"c{seconds}")
        world.run(seconds + 0.9)
        assert len(overloaded.role.requests) == asked
    assert len(living.role.requests) == 4
    assert statuses(world) == [486] * 4


@pytest.mark.rfc("3261 21.5.4 #3")
def test_without_another_server_nobody_is_asked_but_within_a_dialog() -> None:
    world = World()
    overloaded = world.callee((0.1, 503))
    overloaded.role.extra = [("Retry-After", "60")]
    uri = f"sip:bob@{overloaded.host}"
    for number in range(2):
        world.send(uri=uri, call_id=f"c{number}")
        world.run(number + 1.0)
    assert (statuses(world), len(overloaded.role.requests)) == ([500, 500], 1)
    world.send("BYE", uri, lambda draft: draft.set("To", f"<{uri}>;tag=b"))
    world.run(3.0)
    assert len(overloaded.role.requests) == 2


@pytest.mark.rfc("3261 21.5.4 #1")
def test_without_a_time_it_is_asked_for_the_next_request_again() -> None:
    world = World()
    overloaded = world.callee((0.1, 503))
    for number in range(2):
        world.send(uri=f"sip:bob@{overloaded.host}", call_id=f"c{number}")
        world.run(number + 1.0)
    assert (statuses(world), len(overloaded.role.requests)) == ([500, 500], 2)


@pytest.mark.rfc("3261 21.5.4 #1", "3261 21.5.4 #3")
@pytest.mark.parametrize(("after", "asked"), [((), 2), ((("Retry-After", "60"),), 1)])
def test_a_user_agent_leaves_it_alone_too(after: tuple[tuple[str, str], ...], asked: int) -> None:
    house, alice, bob, _ = called()
    bob.respond(503, *after)
    house.run(1.0)
    second = alice.invite(parse_uri("sip:bob@192.0.2.9"))
    house.run(2.0)
    assert bob.methods().count("INVITE") == asked
    if after:
        assert second.failure is not None
        assert (second.failure.status, "Retry-After" in second.failure.reason) == (503, True)
        house.run(61.0)
        alice.invite(parse_uri("sip:bob@192.0.2.9"))
        house.run(61.5)
        assert bob.methods().count("INVITE") == 2


@pytest.mark.rfc("3261 21.4.24 #1")
def test_who_is_busy_everywhere_can_say_so() -> None:
    house = House()
    bob, alice = house.phone("bob"), house.phone("alice")
    for status in (486, 600):
        call = alice.invite(parse_uri(f"sip:bob@{bob.node.host}"))
        house.run(house.now + 0.5)
        bob.refuse(status)
        house.run(house.now + 1.0)
        assert call.failure is not None
        assert call.failure.status == status


@pytest.mark.rfc("3261 20.43 #1")
@pytest.mark.parametrize("warnings", [(), (("Warning", '301 a "x"'), ("Warning", '399 a "call sip:b@c instead"'))])
def test_a_warning_makes_nobody_do_anything(warnings: tuple[tuple[str, str], ...]) -> None:
    house, alice, bob, _ = called()
    bob.respond(488, *warnings)
    house.run(60.0)
    assert bob.methods() == ["INVITE"]
    assert alice.heard == ["ended: FAILED"]
    assert house.nothing_is_left()
