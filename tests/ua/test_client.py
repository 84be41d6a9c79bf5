"""One request until there is an answer that counts: every state and event, then what it does on the wire."""

from __future__ import annotations

import pytest

from offhook.clock import Moment
from offhook.errors import (
    AuthenticationFailed,
    ResolveFailed,
    SipError,
    TransactionTimeout,
    TransportFailed,
)
from offhook.flow import Query, Target
from offhook.ids import IdSource
from offhook.sip.message import Request, Response
from offhook.sip.serializer import Draft, new_response
from offhook.sip.uri import SipUri, Uri, parse_uri
from offhook.stack import FAILED, Stack
from offhook.testing.network import VirtualNode
from offhook.transaction.effects import Ended, Transmit
from offhook.transaction.machine import Transaction
from offhook.ua.client import MAX_CONTACTS, ClientRequest, RequestEvent, RequestState
from offhook.ua.context import Context
from offhook.ua.events import Failure
from offhook.ua.forming import Formed
from offhook.ua.methods import SERVED
from offhook.ua.settings import Settings
from tests.ua.household import House, Phone, Script, aor

NOW = Moment(0.0, 0.0)
RESOLVING, TRYING, PROCEEDING, CANCELLING, COMPLETED = RequestState
(
    TARGETS,
    UNREACHABLE,
    PROVISIONAL,
    CHALLENGE,
    NEXT_TARGET,
    NEXT_CONTACT,
    SUCCESS,
    FAILURE,
    LOST,
    CANCEL,
) = RequestEvent

OUTCOMES: dict[tuple[RequestState, RequestEvent], tuple[RequestState, list[str]]] = {
    # The number is taken when the request goes; this one is the second of the bench.
    (RESOLVING, TARGETS): (TRYING, ["INVITE 2"]),
    (RESOLVING, UNREACHABLE): (COMPLETED, ["failure", "over"]),
    (RESOLVING, CANCEL): (COMPLETED, ["failure", "over"]),
    (TRYING, PROVISIONAL): (PROCEEDING, ["1xx"]),
    (TRYING, CHALLENGE): (TRYING, ["INVITE 2"]),
    (TRYING, NEXT_TARGET): (TRYING, ["INVITE 1"]),
    # The contact is a numeric host, so that it is resolved at once.
    (TRYING, NEXT_CONTACT): (TRYING, ["INVITE 2"]),
    (TRYING, SUCCESS): (COMPLETED, ["2xx"]),
    (TRYING, FAILURE): (COMPLETED, ["failure"]),
    (TRYING, LOST): (COMPLETED, ["failure", "over"]),
    (TRYING, CANCEL): (CANCELLING, []),
    (PROCEEDING, PROVISIONAL): (PROCEEDING, ["1xx"]),
    (PROCEEDING, CHALLENGE): (TRYING, ["INVITE 2"]),
    (PROCEEDING, NEXT_TARGET): (TRYING, ["INVITE 1"]),
    (PROCEEDING, NEXT_CONTACT): (TRYING, ["INVITE 2"]),
    (PROCEEDING, SUCCESS): (COMPLETED, ["2xx"]),
    (PROCEEDING, FAILURE): (COMPLETED, ["failure"]),
    (PROCEEDING, LOST): (COMPLETED, ["failure", "over"]),
    # The transaction of this bench has no 1xx yet, so the CANCEL waits.
    (PROCEEDING, CANCEL): (CANCELLING, []),
    (CANCELLING, PROVISIONAL): (CANCELLING, ["1xx"]),
    (CANCELLING, SUCCESS): (COMPLETED, ["2xx"]),
    (CANCELLING, FAILURE): (COMPLETED, ["failure"]),
    (CANCELLING, LOST): (COMPLETED, ["failure", "over"]),
    (COMPLETED, SUCCESS): (COMPLETED, ["2xx"]),
}


class User:
    """Whose request it is: writes down what it is told. `fails` is raised instead of a draft."""

    def __init__(self, context: Context, body: bytes = b"") -> None:
        self.context = context
        self.body = body
        self.fails: SipError | None = None
        self.number = 0
        self.retries = 0
        self.told: list[str] = []
        self.failures: list[Failure] = []
        self.uris: list[str] = []

    def next_cseq(self) -> int:
        self.number += 1
        return self.number

    def draft(self, uri: Uri, target: Target, number: int) -> Draft:
        if self.fails is not None:
            raise self.fails
        self.uris.append(str(uri))
        routes = self.context.routes()
        return self.context.request("INVITE", uri, uri, "call", "tag", number, routes).body(self.body)

    def on_provisional(self, response: Response, transaction: Transaction, now: Moment) -> None:
        self.told.append("1xx")

    def on_success(self, response: Response, transaction: Transaction, now: Moment) -> None:
        self.told.append("2xx")

    def on_retry(self, now: Moment) -> None:
        self.retries += 1

    def on_failure(self, failure: Failure, now: Moment) -> None:
        self.told.append("failure")
        self.failures.append(failure)

    def on_over(self, now: Moment) -> None:
        self.told.append("over")


def target(host: str, transport: str = "UDP") -> Target:
    return Target(transport, host, 5060, f"{transport.lower()}:x", ("192.0.2.1", 5060), "192.0.2.1:5060")


class Bench:
    """A request whose answers are made by hand; names resolve to `targets`, or later when there are none."""

    def __init__(self, targets: list[Target] | None, follow: bool = True) -> None:
        self.stack = Stack(IdSource.seeded(1), b"", lambda query: targets)
        self.context = Context(self.stack, Settings(aor("alice")), SERVED)
        self.user = User(self.context)
        self.request = ClientRequest(self.context, uri(), uri(), self.user, self.context.keyring.client(), follow)

    def sent(self) -> list[str]:
        """Method and CSeq number of what was sent since the last time."""
        lines: list[str] = []
        for effect in self.stack.drain():
            if isinstance(effect, Transmit):
                method = effect.data.split(b" ", 1)[0].decode("ascii")
                number = effect.data.split(b"CSeq: ", 1)[1].split(b" ", 1)[0].decode("ascii")
                lines.append(f"{method} {number}")
        return lines

    def answer(self, status: int, *headers: tuple[str, str]) -> None:
        assert self.request.transaction is not None
        draft = new_response(status)
        for name, value in headers:
            draft.add(name, value)
        self.request.on_response(draft.response(), self.request.transaction, NOW)


def uri(text: str = "sip:bob@biloxi.com") -> SipUri:
    parsed = parse_uri(text)
    assert isinstance(parsed, SipUri)
    return parsed


@pytest.mark.parametrize("event", list(RequestEvent))
@pytest.mark.parametrize("state", list(RequestState))
def test_every_state_and_event(state: RequestState, event: RequestEvent) -> None:
    bench = Bench([target("192.0.2.9")])
    request = bench.request
    request.start(NOW)
    bench.sent()
    request._contacts.append(Formed(uri("sip:carol@192.0.2.7")))
    machine = request.machine
    machine.state = state
    machine.row = machine.table[state]
    listed = machine.fire(event, new_response(200).response(), NOW)
    expected = OUTCOMES.get((state, event))
    assert listed is (expected is not None)
    assert (machine.state, bench.sent() + bench.user.told) == (expected or (state, []))


@pytest.mark.rfc("3261 8.1.2 #1")
def test_nothing_is_sent_before_the_target_is_known() -> None:
    bench = Bench(None)
    bench.request.start(NOW)
    assert bench.sent() == []
    bench.request.on_resolved(0, [target("192.0.2.7")], None, NOW)
    assert bench.sent() == []
    bench.request.on_resolved(1, [target("192.0.2.7")], None, NOW)
    assert bench.sent() == ["INVITE 1"]


def test_a_name_without_an_address_fails_with_what_dns_says() -> None:
    bench = Bench(None)
    bench.request.start(NOW)
    bench.request.on_resolved(1, [], ResolveFailed("biloxi.com does not exist"), NOW)
    assert bench.user.told == ["failure", "over"]
    assert (bench.user.failures[0].status, bench.user.failures[0].reason) == (503, "biloxi.com does not exist")


def test_an_answer_of_dns_after_a_cancel_sends_nothing() -> None:
    bench = Bench(None)
    bench.request.start(NOW)
    bench.request.cancel(NOW)
    assert not bench.request.open
    bench.request.on_resolved(1, [target("192.0.2.7")], None, NOW)
    assert bench.sent() == []
    assert bench.user.failures[0].status == 487


def test_a_uri_without_a_way_is_refused() -> None:
    bench = Bench([])
    request = ClientRequest(
        bench.context, parse_uri("tel:+1"), parse_uri("tel:+1"), bench.user, bench.context.keyring.client()
    )
    request.start(NOW)
    assert bench.user.failures[0].status == 416


@pytest.mark.rfc("3263 4.2 #2", "3263 4.3 #1", "3261 8.1.2 #8", "3261 21.5.4 #2")
def test_503_goes_to_the_next_server_with_the_same_cseq() -> None:
    bench = Bench([target("192.0.2.7"), target("192.0.2.8")])
    bench.request.start(NOW)
    assert bench.sent() == ["INVITE 1"]
    bench.answer(503)
    # The ACK to the 503 goes first.
    assert "INVITE 1" in bench.sent()
    assert bench.user.retries == 1
    bench.answer(503)
    assert bench.user.told == ["failure"]
    assert bench.user.failures[0].status == 503


@pytest.mark.rfc("3263 4.2 #2", "3263 4.3 #1", "3261 8.1.2 #8")
def test_silence_and_transport_failures_go_to_the_next_server() -> None:
    for cause, error in (("timeout", TransactionTimeout), ("transport", TransportFailed)):
        bench = Bench([target("192.0.2.7"), target("192.0.2.8")])
        bench.request.start(NOW)
        first = bench.request.transaction
        assert first is not None
        bench.request.on_ended(first, cause, "", NOW)
        second = bench.request.transaction
        assert second is not None
        assert second is not first
        # The first has nothing more to say.
        bench.request.on_ended(first, cause, "", NOW)
        assert bench.user.told == []
        bench.request.on_ended(second, cause, "", NOW)
        assert bench.user.told == ["failure", "over"]
        assert isinstance(bench.user.failures[0].error, error)


@pytest.mark.rfc("3261 8.1.3.1 #2")
def test_a_transport_failure_says_why() -> None:
    bench = Bench([target("192.0.2.7", "TCP")])
    bench.request.start(NOW)
    flow = bench.request.transaction.flow if bench.request.transaction is not None else None
    assert flow is not None
    bench.stack.drain()
    bench.stack.flow_changed(flow, FAILED, "Connection refused", NOW)
    for effect in bench.stack.drain():
        if isinstance(effect, Ended):
            bench.request.on_ended(effect.transaction, effect.cause, effect.reason, NOW)
    assert bench.user.failures[0].reason == "192.0.2.7:5060 over TCP: Connection refused"
    assert bench.user.failures[0].status == 503


@pytest.mark.rfc("3261 8.1.3.1 #1")
def test_silence_after_a_1xx_is_final() -> None:
    bench = Bench([target("192.0.2.7"), target("192.0.2.8")])
    bench.request.start(NOW)
    bench.answer(180)
    assert bench.request.transaction is not None
    bench.request.on_ended(bench.request.transaction, "timeout", "", NOW)
    assert bench.user.told == ["1xx", "failure", "over"]
    assert bench.user.failures[0].status == 408


def test_the_end_of_the_transaction_is_told_after_the_answer() -> None:
    bench = Bench([target("192.0.2.7")])
    bench.request.start(NOW)
    bench.answer(200)
    assert bench.request.transaction is not None
    bench.request.on_ended(bench.request.transaction, "terminated", "", NOW)
    assert bench.user.told == ["2xx", "over"]


@pytest.mark.rfc("3261 8.1.3.4 #1", "3261 8.1.3.4 #2", "3261 8.1.3.4 #4", "3261 8.1.3.4 #5", "3261 8.1.3.4 #6")
def test_redirections_are_followed_best_first_and_each_once() -> None:
    bench = Bench([target("192.0.2.7")])
    bench.request.start(NOW)
    contacts = (
        "<sip:low@a>;q=0.1, <sip:high@b;method=BYE?Subject=x>;q=0.9, <sip:bob@biloxi.com>, <mailto:x@y>, <sip:none@c>"
    )
    bench.answer(302, ("Contact", contacts))
    bench.answer(404)
    bench.answer(302, ("Contact", "<sip:high@b>, <sip:late@d>"))
    bench.answer(486)
    assert bench.user.told == []
    bench.answer(200)
    assert bench.user.told == ["2xx"]
    # The one that is its own target is not tried again, nor is one twice.
    assert bench.user.uris == ["sip:bob@biloxi.com", "sip:none@c", "sip:high@b", "sip:low@a", "sip:late@d"]
    assert (bench.user.number, bench.user.retries) == (5, 4)


@pytest.mark.rfc("3261 8.1.3.2 #1", "3261 8.1.3.2 #2")
@pytest.mark.parametrize("status", [400, 499, 500, 599, 600, 699])
def test_a_failure_that_is_not_known_is_one_of_its_class(status: int) -> None:
    bench = Bench([target("192.0.2.7")])
    bench.request.start(NOW)
    bench.answer(302, ("Contact", "<sip:a@a>, <sip:b@b>"))
    bench.answer(status)
    # 6xx ends the search, 4xx and 5xx go on with it.
    assert bench.user.uris[-1] == ("sip:a@a" if status >= 600 else "sip:b@b")
    bench.answer(status)
    assert (bench.user.told, bench.user.failures[0].status) == (["failure"], status)


@pytest.mark.rfc("3261 8.1.3.2 #1", "3261 8.1.3.2 #2")
@pytest.mark.parametrize("status", [200, 299])
def test_a_success_that_is_not_known_is_one(status: int) -> None:
    bench = Bench([target("192.0.2.7")])
    bench.request.start(NOW)
    bench.answer(status)
    assert bench.user.told == ["2xx"]


@pytest.mark.rfc("3261 8.1.3.2 #1", "3261 8.1.3.2 #2")
@pytest.mark.parametrize("status", [300, 399])
def test_a_redirection_that_is_not_known_is_followed(status: int) -> None:
    bench = Bench([target("192.0.2.7")])
    bench.request.start(NOW)
    bench.answer(status, ("Contact", "<sip:a@a>"))
    assert bench.user.uris == ["sip:bob@biloxi.com", "sip:a@a"]


@pytest.mark.rfc("3261 8.1.3.5 #4")
def test_a_number_that_the_proxy_cannot_call_is_called_as_a_sip_uri() -> None:
    bench = Bench([target("192.0.2.7")])
    number, proxy = parse_uri("tel:+1-555-0100;ext=7"), uri("sip:proxy.example.com;lr")
    bench.request = ClientRequest(bench.context, number, proxy, bench.user, bench.context.keyring.client(), True)
    bench.request.start(NOW)
    bench.answer(416)
    assert bench.user.uris == ["tel:+1-555-0100;ext=7", "sip:+1-555-0100;ext=7@example.com;user=phone"]
    assert bench.user.number == 2
    bench.answer(416)
    assert bench.user.failures[0].status == 416


@pytest.mark.rfc("3261 8.1.2 #3", "3261 8.1.2 #4", "3261 26.3.1 #5")
@pytest.mark.parametrize(
    ("request_uri", "next_hop", "secure"),
    [
        ("sips:bob@biloxi.com", "sips:bob@biloxi.com", True),
        ("sips:bob@biloxi.com", "sip:proxy.example.com;lr", True),
        ("sip:bob@biloxi.com", "sips:proxy.example.com;lr", True),
        ("sip:bob@biloxi.com", "sip:proxy.example.com;lr", False),
    ],
)
def test_whoever_asks_for_sips_gets_tls_on_every_way(request_uri: str, next_hop: str, secure: bool) -> None:
    """For the first server and for those that a redirection leads to."""
    asked: list[Query] = []

    def resolve(query: Query) -> list[Target]:
        asked.append(query)
        return [target("192.0.2.7")]

    bench = Bench([])
    bench.stack = Stack(IdSource.seeded(1), b"", resolve)
    bench.context = Context(bench.stack, Settings(aor("alice")), SERVED)
    first, digest = uri(next_hop), bench.context.keyring.client()
    bench.request = ClientRequest(bench.context, uri(request_uri), first, bench.user, digest, True)
    bench.request.start(NOW)
    bench.answer(302, ("Contact", f"<{request_uri.replace('bob', 'carol')}>"))
    assert [query.secure for query in asked] == [secure, secure]
    assert {query.host for query in asked} == {uri(next_hop).host}


def test_redirections_end() -> None:
    bench = Bench([target("192.0.2.7")])
    bench.request.start(NOW)
    for number in range(20):
        if bench.request.open:
            bench.answer(302, ("Contact", f"<sip:{number}@a>, <sip:{number}@b>"))
    assert bench.user.failures[0].status == 302
    assert bench.user.number == 1 + MAX_CONTACTS


def test_a_6xx_ends_the_search() -> None:
    bench = Bench([target("192.0.2.7")])
    bench.request.start(NOW)
    bench.answer(302, ("Contact", "<sip:a@a>, <sip:b@b>"))
    bench.answer(603)
    assert bench.user.failures[0].status == 603


@pytest.mark.rfc("3261 8.1.3.4 #3")
def test_nobody_is_led_from_sips_to_sip() -> None:
    bench = Bench([target("192.0.2.7", "TLS")])
    secure = uri("sips:bob@biloxi.com")
    bench.request = ClientRequest(bench.context, secure, secure, bench.user, bench.context.keyring.client(), True)
    bench.request.start(NOW)
    bench.answer(302, ("Contact", "<sip:plain@a>"))
    assert bench.user.failures[0].status == 302


@pytest.mark.parametrize("headers", [(), (("Contact", '"broken'),)])
def test_a_redirection_to_nowhere_is_a_failure(headers: tuple[tuple[str, str], ...]) -> None:
    bench = Bench([target("192.0.2.7")])
    bench.request.start(NOW)
    bench.answer(302, *headers)
    assert bench.user.failures[0].status == 302


def test_without_follow_a_3xx_is_final() -> None:
    bench = Bench([target("192.0.2.7")], follow=False)
    bench.request.start(NOW)
    bench.answer(302, ("Contact", "<sip:a@a>"))
    assert bench.user.failures[0].status == 302


def test_a_draft_that_cannot_be_made_fails_the_request() -> None:
    bench = Bench([target("192.0.2.7")])
    bench.user.fails = TransportFailed("no port is free")
    bench.request.start(NOW)
    assert bench.user.told == ["failure", "over"]
    assert bench.user.failures[0].exception is bench.user.fails


def test_while_cancelling_nothing_is_tried_again() -> None:
    for status, header in ((401, ("WWW-Authenticate", 'Digest realm="r", nonce="n"')), (503, ("X", "y"))):
        bench = Bench([target("192.0.2.7"), target("192.0.2.8")])
        bench.request.start(NOW)
        bench.sent()
        bench.request.cancel(NOW)
        bench.answer(status, header)
        assert bench.user.told == ["failure"]
        assert "INVITE 1" not in bench.sent()


@pytest.mark.rfc("3261 18.1.1 #1", "3261 18.1.1 #2", "3261 18.1.1 #4")
def test_a_large_request_goes_by_tcp_first_and_falls_back_once() -> None:
    wide = target("192.0.2.7")
    wide.stream = target("192.0.2.7", "TCP")
    bench = Bench([wide])
    bench.user.body = b"x" * 1300
    bench.request.start(NOW)
    assert bench.request.transaction is not None
    assert bench.request.transaction.flow.transport == "TCP"
    assert bench.request.transaction.request.top_via.transport == "TCP"
    bench.request.on_ended(bench.request.transaction, "transport", "", NOW)
    assert bench.request.transaction.flow.transport == "UDP"
    assert bench.request.transaction.request.top_via.transport == "UDP"
    bench.request.on_ended(bench.request.transaction, "transport", "", NOW)
    assert bench.user.told == ["failure", "over"]


def challenge(realm: str, header: str = "WWW-Authenticate", nonce: str = "abc", more: str = "") -> tuple[str, str]:
    return (header, f'Digest realm="{realm}", nonce="{nonce}", qop="auth", algorithm=MD5{more}')


def asking(*statuses: tuple[int, tuple[str, str]]) -> tuple[House, Script]:
    """A peer that asks for credentials, once for each status, and takes the INVITE then."""
    house = House()
    script = house.script()
    left = list(statuses)

    def answer(request: object, transaction: object, now: Moment) -> None:
        if getattr(request, "method", "") == "INVITE":
            house.network.at(0.0, script_node(script), lambda: reply_next(script, left))

    script.on_request = answer
    return house, script


def script_node(script: Script) -> VirtualNode[Script]:
    assert script.node is not None
    return script.node


def reply_next(script: Script, left: list[tuple[int, tuple[str, str]]]) -> None:
    if left:
        status, header = left.pop(0)
        script.respond(status, header)
    else:
        script.respond(486)


@pytest.mark.rfc("3261 22.2 #2", "3261 22.2 #4", "3261 8.1.3.5 #1", "3261 8.1.3.5 #6", "3261 26.3.1 #7")
def test_a_challenge_is_answered_with_a_new_cseq_and_the_same_call_id() -> None:
    house, script = asking((401, challenge("example.com")))
    alice = house.phone("alice", "secret")
    alice.invite(parse_uri("sip:peer@192.0.2.9"))
    house.run()
    first, second = [request for request, _ in script.requests if request.method == "INVITE"]
    assert (first.cseq_number, second.cseq_number) == (1, 2)
    assert first.call_id == second.call_id
    assert first.texts("From") == second.texts("From")
    assert first.texts("To") == second.texts("To")
    assert not first.has("Authorization")
    credentials = second.text("Authorization") or ""
    assert 'username="alice"' in credentials
    assert 'uri="sip:peer@192.0.2.9"' in credentials
    assert "nc=00000001" in credentials


@pytest.mark.rfc(
    "3261 22.3 #4",
    "3261 22.3 #5",
    "3261 22.3 #11",
    "3261 8.1.3.5 #1",
    "3261 20.7 #1",
    "3261 20.28 #1",
    "3261 21.4.8 #1",
)
def test_several_realms_are_answered_one_after_the_other() -> None:
    house, script = asking((407, challenge("proxy", "Proxy-Authenticate")), (401, challenge("example.com")))
    house.network.name("example.com", ("192.0.2.9", 5060))
    alice = house.phone("alice", "secret")
    alice.invite(parse_uri("sip:peer@example.com"))
    house.run()
    last = script.last("INVITE")
    assert last.cseq_number == 3
    assert 'realm="proxy"' in (last.text("Proxy-Authorization") or "")
    assert 'realm="example.com"' in (last.text("Authorization") or "")


@pytest.mark.rfc("3261 22.1 #9")
@pytest.mark.parametrize("header", ["WWW-Authenticate", "Proxy-Authenticate"])
def test_a_foreign_realm_gets_no_digest_and_is_named(header: str) -> None:
    """It could try passwords against one; who asks is for the user to judge."""
    house, script = asking((401 if header[0] == "W" else 407, challenge("elsewhere.example", header)))
    alice = house.phone("alice", "secret")
    call = alice.invite(parse_uri("sip:peer@192.0.2.9"))
    house.run()
    assert script.methods() == ["INVITE"]
    assert call.failure is not None
    assert isinstance(call.failure.exception, AuthenticationFailed)
    assert call.failure.exception.realm == "elsewhere.example"
    assert "realm 'elsewhere.example'" in str(call.failure.exception)


def invited(house: House, script: Script, alice: Phone, *answers: tuple[int, tuple[str, str]]) -> list[Request]:
    """The INVITEs of one more call, which is refused once its challenges are answered."""
    before = len(script.requests)
    left = list(answers)
    script.on_request = lambda request, transaction, now: (
        house.network.at(0.0, script_node(script), lambda: reply_next(script, left)) if transaction else None
    )
    alice.invite(parse_uri("sip:peer@example.com"))
    house.run()
    return [request for request, _ in script.requests[before:] if request.method == "INVITE"]


@pytest.mark.rfc("3261 22.2 #3", "3261 22.3 #6")
def test_what_a_server_asked_for_is_kept_for_its_destination_and_what_a_proxy_did_is_not() -> None:
    house = House()
    script = house.script()
    house.network.name("example.com", ("192.0.2.9", 5060))
    alice = house.phone("alice", "secret")
    proxy, server = challenge("example.com", "Proxy-Authenticate"), challenge("example.com")
    assert len(invited(house, script, alice, (407, proxy), (401, server))) == 3
    [later] = invited(house, script, alice)
    assert 'nonce="abc"' in (later.text("Authorization") or "")
    assert "nc=00000002" in (later.text("Authorization") or "")
    assert not later.has("Proxy-Authorization")


@pytest.mark.rfc("3261 22.1 #10")
def test_a_wrong_password_fails_with_authentication_failed() -> None:
    house, _ = asking((401, challenge("example.com")), (401, challenge("example.com")))
    alice = house.phone("alice", "wrong")
    call = alice.invite(parse_uri("sip:peer@192.0.2.9"))
    house.run()
    assert call.failure is not None
    assert isinstance(call.failure.exception, AuthenticationFailed)
    assert call.failure.status == 401


@pytest.mark.rfc("3261 22.1 #10")
def test_a_stale_nonce_is_answered_again() -> None:
    house, script = asking(
        (401, challenge("example.com")), (401, challenge("example.com", nonce="new", more=", stale=true"))
    )
    alice = house.phone("alice", "secret")
    alice.invite(parse_uri("sip:peer@192.0.2.9"))
    house.run()
    assert script.last("INVITE").cseq_number == 3
    assert 'nonce="new"' in (script.last("INVITE").text("Authorization") or "")


@pytest.mark.rfc("3261 22.1 #9")
def test_without_a_password_a_challenge_is_final() -> None:
    house, script = asking((401, challenge("example.com")))
    alice = house.phone("alice")
    call = alice.invite(parse_uri("sip:peer@192.0.2.9"))
    house.run()
    assert script.methods() == ["INVITE"]
    assert call.failure is not None
    assert isinstance(call.failure.error, AuthenticationFailed)
    assert call.failure.error.realm == "example.com"
