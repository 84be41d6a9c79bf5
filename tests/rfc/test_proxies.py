"""What proxies do between peers: RFC 3261 16, in virtual time."""

from __future__ import annotations

import pytest

from offhook.clock import Moment
from offhook.proxy import ProxySettings
from offhook.proxy.access import Standing
from offhook.proxy.target_uri import TargetUri
from offhook.sip.message import Request
from offhook.sip.parser import parse
from offhook.sip.serializer import Draft, reply
from offhook.testing.network import VirtualNode
from offhook.testing.peer import ScriptedPeer
from offhook.transaction.effects import Transmit
from offhook.transaction.timers import TimerValues
from tests.proxy.wiring import PROXY, World
from tests.server.wiring import SERVER, Site

BOB = "sip:bob@example.com"
METHODS = (b"INVITE ", b"CANCEL ", b"ACK ")


def statuses(world: World) -> list[int]:
    return [status for status in world.alice.role.statuses() if status != 100]


def octets_to(world: World, host: str, beginning: bytes) -> list[bytes]:
    """What was sent to a host, of the messages that begin like this."""
    return [data for _, _, to, data in world.network.trace or [] if to == host and data.startswith(beginning)]


# 16.1, 16.2: the proxy as a UAS, and as a keeper of state


@pytest.mark.rfc("3261 16.1 #1", "3261 16.3 #2")
@pytest.mark.parametrize(
    ("method", "uri", "fields", "status"),
    [
        ("INVITE", BOB, {"Max-Forwards": "0"}, 483),
        ("MESSAGE", BOB, {"Proxy-Require": "foo"}, 420),
        ("MESSAGE", "sip:nobody@example.com", {}, 404),
        ("INVITE", "sip:nobody@example.com", {}, 404),
        ("SUBSCRIBE", "mailto:bob@example.com", {}, 416),
    ],
)
def test_an_answer_of_its_own_is_that_of_a_uas(method: str, uri: str, fields: dict[str, str], status: int) -> None:
    """8.2.6.2: Via, From, Call-ID and CSeq as they came, the To with a tag."""
    world = World()

    def edit(draft: Draft) -> None:
        for name, value in fields.items():
            draft.set(name, value)

    world.send(method, uri, edit)
    world.run()
    assert statuses(world) == [status]
    answer = world.alice.role.responses[-1]
    [sent] = {parse(data) for data in octets_to(world, PROXY, method.encode())[:1]}
    assert [answer.text(name) for name in ("From", "Call-ID", "CSeq")] == [
        sent.text(name) for name in ("From", "Call-ID", "CSeq")
    ]
    assert [(via.sent_by, via.branch) for via in answer.vias] == [(via.sent_by, via.branch) for via in sent.vias]
    assert answer.text("To") == f"<{uri}>;tag={answer.to_tag}"
    assert answer.to_tag


@pytest.mark.rfc("3261 16.2 #1", "3261 16.2 #2", "3261 16.7 #18")
@pytest.mark.parametrize(("method", "expected"), [("INVITE", [100]), ("MESSAGE", [])])
def test_an_invite_has_its_100_at_once_and_nothing_else_has(method: str, expected: list[int]) -> None:
    """The next hop is dead: whoever says 100 is the proxy."""
    world = World()
    world.callee().crash()
    world.send(method)
    world.run(0.3)
    assert world.alice.role.statuses() == expected
    world.run(3.0)
    assert world.alice.role.statuses() == expected


@pytest.mark.rfc("3261 16.7 #18")
def test_the_100_of_the_next_hop_goes_no_further() -> None:
    world = World()
    world.callee((0.01, 100), (0.05, 183))
    world.send()
    world.run(0.15)
    assert len(octets_to(world, PROXY, b"SIP/2.0 100 ")) == 1
    assert world.alice.role.statuses() == [183]


# 16.3: what is let through


@pytest.mark.rfc("3261 16.2 #3", "3261 16.3 #7", "3261 16.6 #21")
def test_a_method_that_nobody_knows_is_proxied_like_any_other() -> None:
    world = World()
    phone = world.callee()
    world.send("NEWMETHOD", edit=lambda draft: draft.add("New-Field", "new"))
    world.run(1.0)
    seen = phone.role.requests[0]
    assert (statuses(world), seen.method, seen.text("New-Field")) == ([200], "NEWMETHOD", "new")
    assert (seen.max_forwards, len(seen.vias), len(seen.record_routes)) == (69, 2, 1)
    world.send("NEWMETHOD", edit=lambda draft: draft.set("Max-Forwards", "0"), call_id="c2")
    world.run()
    assert statuses(world) == [200, 483]


@pytest.mark.rfc("3261 16.3 #3")
def test_merged_requests_are_both_forwarded() -> None:
    """They are one request that was forked before it came here: the same but for its branch."""
    world = World()
    phone = world.callee((0.1, 486))
    for _ in range(2):
        world.send()
    world.run(1.0)
    assert len(phone.role.requests) == 2
    assert statuses(world) == [486, 486]


@pytest.mark.rfc("3261 16.3 #6")
def test_what_a_proxy_does_not_read_may_be_malformed() -> None:
    world = World()
    phone = world.callee((0.1, 486))
    odd = {"Date": "no date", "Contact": "<sip:", "Record-Route": '"', "Expires": "soon", "Content-Type": "///"}

    def edit(draft: Draft) -> None:
        for name, value in odd.items():
            draft.set(name, value)

    world.send(edit=edit)
    world.run()
    assert statuses(world) == [486]
    assert {name: phone.role.requests[0].texts(name)[-1] for name in odd} == odd


# 16.4, 16.5: what a maddr says


@pytest.mark.rfc("3261 16.4 #5")
def test_a_maddr_of_ours_leads_by_the_port_and_transport_that_it_names() -> None:
    """The request comes by UDP, goes to ourselves by TCP, and is Bob's from there."""
    world = World()
    phone = world.callee((0.1, 200))
    world.send(uri=f"{BOB};transport=tcp;maddr={PROXY}")
    world.run(1.0)
    assert statuses(world) == [200]
    seen = phone.role.requests[0]
    assert seen.request_uri == phone.role.contact
    assert [via.transport for via in seen.vias] == ["UDP", "TCP", "UDP"]


@pytest.mark.rfc("3261 16.5 #1", "3261 16.5 #2", "3261 16.11 #3")
@pytest.mark.parametrize("stateless", [False, True])
def test_any_other_maddr_is_the_only_target(stateless: bool) -> None:
    world = World()
    phone = world.callee((0.1, 200))
    world.proxy.role.domain.stateless = stateless
    other = world.callee((0.1, 200))
    world.directory.bindings[BOB].pop()
    world.send(uri=f"{BOB};maddr={other.host}")
    world.run(1.0)
    assert (statuses(world), phone.role.requests) == ([200], [])
    assert other.role.requests[0].request_uri == f"{BOB};maddr={other.host}"


# 16.5: the target set


@pytest.mark.rfc("3261 16.5 #3", "3261 16.5 #4", "3261 16.5 #9")
def test_a_request_for_a_foreign_domain_goes_there_as_it_is() -> None:
    """It is sent to one place and back comes what is there, also a redirection, which only the caller may follow."""
    world = World()
    foreign = world.callee((0.1, 302))
    foreign.role.extra.append(("Contact", BOB))
    world.network.name("elsewhere.example", (foreign.host, 5060))
    uri = "sip:bob@elsewhere.example;x=y"
    world.send(uri=uri)
    world.run()
    assert [request.request_uri for request in foreign.role.requests] == [uri]
    assert statuses(world) == [302]


@pytest.mark.rfc("3261 16.5 #5")
@pytest.mark.parametrize("uri", ["sip:%62ob@EXAMPLE.com", "sip:bob@example.com;user=phone", "sip:bob:pw@example.com"])
def test_however_bob_is_written_he_is_found(uri: str) -> None:
    world = World()
    phone = world.callee((0.1, 486))
    world.send(uri=uri)
    world.run()
    assert len(phone.role.requests) == 1


def registers(world: World, host: str, q: float = 1.0) -> None:
    """Bob's phone at a host registers now."""
    bindings = world.directory.bindings[BOB]
    bindings.append(TargetUri(f"sip:bob@{host}:5060", None, (), q))
    world.proxy.call(lambda now: world.proxy.role.proxy.registered(BOB, bindings, now))


def late_phone(world: World, *script: tuple[float, int]) -> VirtualNode[ScriptedPeer]:
    """A phone of Bob's that is not registered."""
    phone = world.callee(*script)
    world.directory.bindings[BOB].pop()
    return phone


@pytest.mark.rfc("3261 16.5 #10", "3261 16.5 #11")
def test_a_phone_that_registers_while_others_ring_rings_as_soon_as_one_has_failed() -> None:
    """RFC 5393 5.3.3: those that ring have all of Max-Breadth until then."""
    world = World()
    world.callee((0.1, 180), (2.0, 486))
    world.callee((0.1, 180), (20.0, 480))
    late = late_phone(world, (0.1, 180), (3.0, 200))
    world.send()
    world.run(1.0)
    registers(world, late.host)
    world.run(1.5)
    assert late.role.requests == []
    world.run()
    assert statuses(world) == [180, 180, 180, 200]
    assert (len(late.role.requests), len(world.callees[1].role.cancelled)) == (1, 1)
    assert world.left() == [0, 0, 0]
    assert len(world.proxy.role.proxy.branches.watch) == 0


@pytest.mark.rfc("3261 16.5 #11")
def test_a_late_phone_waits_for_its_preference() -> None:
    world = World()
    world.callee((0.1, 180), (2.0, 486), q=0.9)
    world.callee((0.1, 180), (20.0, 480), q=0.9)
    late = late_phone(world, (0.1, 486))
    world.send()
    world.run(1.0)
    registers(world, late.host, 0.5)
    world.run(19.0)
    assert late.role.requests == []
    world.run()
    assert len(late.role.requests) == 1
    assert statuses(world) == [180, 180, 486]


@pytest.mark.rfc("3261 16.5 #12")
def test_a_phone_that_registers_again_rings_once() -> None:
    world = World()
    phone = world.callee((0.1, 180), (2.0, 486))
    world.send()
    world.run(1.0)
    registers(world, phone.host)
    world.run()
    assert (len(phone.role.requests), statuses(world)) == (1, [180, 486])


@pytest.mark.parametrize(("method", "script"), [("MESSAGE", []), ("INVITE", [(0.1, 180), (0.5, 603)])])
def test_a_late_phone_rings_for_calls_alone_and_never_after_a_6xx(method: str, script: list[tuple[float, int]]) -> None:
    world = World()
    phones = [world.callee(*script), world.callee((0.1, 180))]
    for phone in phones:
        phone.role.script = lambda request, script=script: script  # type: ignore[misc]
    phones[1].crash()
    late = late_phone(world, (0.1, 200))
    world.send(method)
    world.run(1.0)
    assert world.proxy.role.proxy.seeks(BOB) is (method == "INVITE")
    registers(world, late.host)
    world.run()
    assert late.role.requests == []
    assert world.left() == [0, 0, 0]


@pytest.mark.rfc("3261 16.7 #15")
@pytest.mark.parametrize("method", ["INVITE", "MESSAGE"])
def test_after_a_6xx_no_other_address_is_tried(method: str) -> None:
    """Two phones, of which one has two addresses. The first of them is overloaded, and nobody asks for the second."""
    world = World()
    world.callee().role.script = lambda request: [(1.0, 603)]
    overloaded, spare = world.callee(), late_phone(world, (0.1, 200))
    overloaded.role.script = lambda request: [(2.0, 503)]
    world.network.name("phones.example.net", (overloaded.host, 5060), (spare.host, 5060))
    world.directory.bindings[BOB][1] = TargetUri("sip:bob@phones.example.net")
    world.send(method)
    world.run()
    assert (spare.role.requests, statuses(world)) == ([], [603])
    assert world.left() == [0, 0, 0]


# 16.6: the copy


@pytest.mark.rfc("3261 16.6 #7")
@pytest.mark.parametrize("method", ["INVITE", "MESSAGE"])
def test_what_no_request_uri_may_have_does_not_leave(method: str) -> None:
    world = World()
    phone = world.callee()
    phone.role.script = lambda request: [(0.1, 486)]
    world.send(method, f"sip:carol@{phone.host};method=INVITE;x=y?Subject=hello")
    world.run()
    assert [request.request_uri for request in phone.role.requests] == [f"sip:carol@{phone.host};x=y"]


def dialog(world: World) -> list[str]:
    """Alice calls Bob's first phone; the Record-Route values that she gets."""
    world.send()
    world.run(1.0)
    return [str(route) for route in world.alice.role.responses[-1].record_routes]


def within(world: World, method: str, routes: list[str], transport: str = "UDP") -> None:
    """Alice sends a request within her dialog."""
    phone = world.callees[0]

    def act(now: Moment) -> None:
        draft = world.alice.role.request(method, phone.role.contact, "c1", 2, "b101")
        for route in routes:
            draft.add("Route", route)
        world.alice.role.send(draft, world.alice.target_to(PROXY, 5060, transport), now)

    world.alice.call(act)
    world.run(world.network.clock.monotonic + 1.0)


@pytest.mark.rfc("3261 16.6 #12")
@pytest.mark.parametrize(
    ("method", "entries"), [("INVITE", 1), ("SUBSCRIBE", 1), ("NOTIFY", 1), ("REFER", 1), ("BYE", 0), ("UPDATE", 0)]
)
def test_a_request_within_a_dialog_can_set_it_up_anew(method: str, entries: int) -> None:
    """A UA that lost its routes finds them there. A deviation: what sets up no dialog has none, for nobody reads it."""
    world = World()
    phone = world.callee((0.1, 200))
    within(world, method, dialog(world))
    seen = phone.role.requests[-1]
    assert (seen.method, len(seen.record_routes)) == (method, entries)


@pytest.mark.rfc("3261 16.6 #46")
@pytest.mark.parametrize("stateless", [False, True])
def test_content_length_is_added_for_a_stream(stateless: bool) -> None:
    world = World()
    phone = world.callee(transport="tcp")
    world.proxy.role.domain.stateless = stateless
    flow = world.alice.stack.flow_to(world.alice.target_to(PROXY, 5060))
    draft = world.alice.role.request("MESSAGE", BOB).prepend("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKlone")
    octets = draft.body(b"hello", "text/plain").request().serialize().replace(b"Content-Length: 5\r\n", b"")
    assert b"content-length" not in octets.lower()
    world.alice.call(lambda now: world.alice.stack.transactions.effects.append(Transmit(octets, flow)))
    world.run(1.0)
    assert (phone.role.requests[0].text("Content-Length"), phone.role.requests[0].body) == ("5", b"hello")


@pytest.mark.rfc("3261 16.6 #44", "3261 16.6 #45")
def test_cancel_and_ack_bear_the_branch_of_their_invite() -> None:
    world = World()
    phone = world.callee((0.1, 180), (60.0, 200))
    invite = world.send()
    world.run(1.0)
    world.alice.call(lambda now: world.alice.role.stack.cancel(invite, now))
    world.run()
    sent = {method: {parse(data).branch for data in octets_to(world, phone.host, method)} for method in METHODS}
    assert [len(branches) for branches in sent.values()] == [1, 1, 1]
    assert len(set.union(*sent.values())) == 1


@pytest.mark.rfc("3261 16.6 #22")
def test_a_user_agent_takes_no_route_from_one_call_to_the_next() -> None:
    site = Site()
    alice, bob = site.phone("alice"), site.phone("bob")
    bob.register()
    for _ in range(2):
        call = alice.invite("sip:bob@example.com")
        bob.node.call(bob.rings[-1].answer)
        site.run(1.0)
        alice.node.call(call.hang_up)
        site.run(1.0)
    sent = [message for message in site.messages(to=SERVER, of=alice.node.host) if isinstance(message, Request)]
    assert {message.holds("route") for message in sent if message.method == "INVITE"} == {False}
    assert {message.holds("route") for message in sent if message.method == "BYE"} == {True}
    assert len(bob.rings) == 2


@pytest.mark.rfc("3261 16.6 #20", "3261 16.6 #22")
def test_a_record_route_of_one_dialog_is_of_no_use_to_another() -> None:
    """A request may spiral through here: each pass has an entry of its own."""
    world = World()
    phone = world.callee((0.1, 200))
    world.network.name("example.com", (PROXY, 5060))
    world.directory.bindings["sip:sales@example.com"] = [TargetUri("sip:bob@example.com")]
    world.send(uri="sip:sales@example.com")
    world.run(1.0)
    entries = [str(route) for route in phone.role.requests[0].record_routes]
    assert len(entries) == 2
    world.send(edit=lambda draft: draft.add("Route", entries[0]), call_id="c2")
    world.run(2.0)
    assert world.proxy.role.gate.standings[-1] is Standing.OUTSIDE


# 16.7: what goes back


@pytest.mark.rfc("3261 16.7 #3", "3261 16.7 #19", "3261 16.7 #30", "3261 16.7 #31", "3261 16.7 #32")
@pytest.mark.rfc("3261 16.7 #33", "3261 16.7 #39", "3261 16.7 #40", "3261 16.7 #41", "3261 16.7 #29")
@pytest.mark.rfc("3261 16.11 #17", "3261 16.11 #18")
@pytest.mark.parametrize("stateless", [False, True])
@pytest.mark.parametrize("status", [183, 200, 302, 404, 500, 603])
@pytest.mark.parametrize("to_tag", ["", "theirs"])
def test_a_response_goes_back_as_it_came_but_for_our_via(status: int, to_tag: str, stateless: bool) -> None:
    world = World()
    phone = world.callee()
    phone.role.script = lambda request: []
    world.proxy.role.domain.stateless = stateless
    world.alice.call(
        lambda now: send_to_proxy(world, world.alice.role.request("INVITE", BOB, to_tag=to_tag).body(b"x", "a/b"), now)
    )
    world.run(0.1)
    request = phone.role.requests[0]
    answer = reply(request, status, None, to_tag or "b").copy("Record-Route", request)
    answer.add("sUbJect", "  odd   spacing;; ").add("Contact", "<sip:").add("X", '"a, b" <c>').add("x", "2")
    answer.body(b"\x00\xffbody", "x/y")
    response = answer.response()
    back = phone.stack.flow_to(phone.target_to(PROXY, 5060))
    phone.call(lambda now: phone.stack.reply_stateless(response, request, back))
    world.run(0.15)
    [came] = octets_to(world, world.alice.host, b"SIP/2.0 %d " % status)
    lines = response.serialize().split(b"\r\n")
    vias = [line for line in lines if line.startswith(b"Via:")]
    assert (b";received=" in vias[1] or b";rport=" in vias[1], len(vias)) == (True, 2)
    lines.remove(vias[0])
    assert came.split(b"\r\n") == lines


def send_to_proxy(world: World, draft: Draft, now: Moment) -> None:
    world.alice.role.send(draft, world.alice.target_to(PROXY, 5060), now)


@pytest.mark.rfc("3261 16.7 #10", "3261 16.7 #11", "3261 16.7 #12")
@pytest.mark.parametrize(("second", "expected"), [(200, [200]), (416, [416]), (404, [404])])
def test_who_does_not_know_tel_gets_a_sip_uri(second: int, expected: list[int]) -> None:
    world = World()
    edge = world.callee()
    edge.role.script = lambda request: [(0.1, second if request.request_uri.startswith("sip:") else 416)]
    world.directory.bindings[BOB] = [TargetUri("tel:+15550100", None, (f"<sip:{edge.host};lr>",))]
    world.send()
    world.run()
    asked = [(request.request_uri, [str(route) for route in request.routes]) for request in edge.role.requests]
    route = [f"<sip:{edge.host};lr>"]
    assert asked == [("tel:+15550100", route), ("sip:+15550100@example.com;user=phone", route)]
    assert statuses(world) == expected
    assert world.left() == [0, 0, 0]


@pytest.mark.rfc("3261 16.7 #12")
def test_a_416_to_a_sip_uri_is_an_answer_like_any_other() -> None:
    world = World()
    phone = world.callee((0.1, 416))
    world.send()
    world.run()
    assert (statuses(world), len(phone.role.requests)) == ([416], 1)


@pytest.mark.rfc("3261 16.7 #33")
def test_an_answer_of_our_own_keeps_the_tag_of_the_request() -> None:
    """A lone 503 goes up as a 500 of ours."""
    world = World()
    world.callee((0.1, 503))
    world.alice.call(lambda now: send_to_proxy(world, world.alice.role.request("INVITE", BOB, to_tag="theirs"), now))
    world.run()
    assert [response.to_tag for response in world.alice.role.responses if response.status == 500] == ["theirs"]


@pytest.mark.rfc("3261 16.7 #37", "3261 16.7 #38")
def test_each_side_gets_an_entry_of_its_own_that_needs_no_rewriting() -> None:
    """RFC 5658: the response brings back what the request was given, and the caller's is the one that it came by."""
    world = World()
    phone = world.callee((0.1, 200))
    world.send(transport="TCP")
    world.run(1.0)
    theirs = [str(route) for route in phone.role.requests[0].record_routes]
    assert [str(route) for route in world.alice.role.responses[-1].record_routes] == theirs
    assert [";transport=tcp" in entry for entry in theirs] == [False, True]


# 16.8: Timer C


@pytest.mark.rfc("3261 16.8 #1", "3261 16.8 #3")
def test_timer_c_counts_a_silent_phone_as_408() -> None:
    """Timer B, which is sooner as a rule, is slower here."""
    world = World(settings=ProxySettings(timer_c=181.0), values=TimerValues(t1=4.0))
    world.callee().crash()
    world.send()
    world.run(180.0)
    assert statuses(world) == []
    world.run(182.0)
    assert statuses(world) == [408]
    world.run()
    assert world.left() == [0, 0, 0]


# 16.10: CANCEL


@pytest.mark.rfc("3261 16.10 #2")
def test_a_cancel_has_its_200_at_once() -> None:
    world = World()
    world.callee((0.1, 180)).crash()
    invite = world.send()
    world.run(1.0)
    world.alice.call(lambda now: world.alice.role.stack.cancel(invite, now))
    world.run(1.1)
    answers = [parse(data) for data in octets_to(world, world.alice.host, b"SIP/2.0 200 ")]
    assert [answer.text("CSeq") for answer in answers] == ["1 CANCEL"]


# 16.11: without state


@pytest.mark.rfc("3261 16.11 #1")
def test_without_state_there_is_no_100_of_ours() -> None:
    world = World()
    world.callee().crash()
    world.proxy.role.domain.stateless = True
    world.send()
    world.run(3.0)
    assert world.alice.role.responses == []
    assert len(octets_to(world, PROXY, b"INVITE ")) == 3


@pytest.mark.rfc("3261 16.11 #6", "3261 16.11 #8", "3261 16.11 #11", "3261 16.11 #12")
def test_without_state_a_path_is_written_the_same_again() -> None:
    world = World()
    edge = world.callee()
    edge.role.script = lambda request: []
    path = (f"<sip:{edge.host};lr>", "<sip:192.0.2.66;lr>")
    world.directory.bindings[BOB] = [TargetUri("sip:bob@10.1.1.1", None, path)]
    world.proxy.role.domain.stateless = True
    world.send("MESSAGE")
    world.run(3.0)
    sent = octets_to(world, edge.host, b"MESSAGE ")
    assert (len(sent), len(set(sent))) == (3, 1)
    forwarded = parse(sent[0])
    assert [str(route) for route in forwarded.routes] == list(path)
    assert (forwarded.number("Max-Forwards"), len(forwarded.vias)) == (69, 2)


@pytest.mark.rfc("3261 16.11 #7")
def test_without_state_an_ack_goes_where_its_invite_went() -> None:
    """It names the callee as the INVITE did, as a UAC does that got no Record-Route and no Contact."""
    world = World()
    phones = [world.callee((0.1, 200)) for _ in range(3)]
    world.proxy.role.domain.stateless = True
    world.send()
    world.run(1.0)
    target = world.alice.target_to(PROXY, 5060)
    ack = world.alice.role.request("ACK", BOB, to_tag="b101")
    world.alice.call(lambda now: (world.alice.role.stack.send_ack(ack, target), None)[1])
    world.run(2.0)
    seen = [[request.method for request in phone.role.requests] for phone in phones]
    assert sorted(seen) == [[], [], ["INVITE", "ACK"]]
