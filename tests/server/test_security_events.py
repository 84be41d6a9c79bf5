"""What strangers tried: one line for each offence, in one format, and none that they can write themselves."""

from __future__ import annotations

from structlog.testing import capture_logs

from offhook.clock import Moment
from offhook.flow import Flow
from offhook.server import security_events
from offhook.server.security_events import LINES_EACH, SecurityEvents
from offhook.server.throttle import FAILED_LOGIN, Throttle
from offhook.sip.message import Request
from offhook.sip.serializer import new_request

SERVER = ("192.0.2.10", 5060)


def at(seconds: float = 0.0) -> Moment:
    return Moment(1000.0 + seconds, 1_767_225_600.0 + seconds)


def flow(host: str = "198.51.100.1", port: int = 40000) -> Flow:
    return Flow("UDP", "udp:192.0.2.10:5060", SERVER, (host, port))


def request(method: str = "INVITE", to_tag: str = "") -> Request:
    draft = new_request(method, "sip:bob@example.com").add("Via", "SIP/2.0/UDP h;branch=z9hG4bKx")
    draft.add("From", "<sip:m@h>;tag=1").add("To", "<sip:bob@example.com>" + (f";tag={to_tag}" if to_tag else ""))
    return draft.add("Call-ID", "call").add("CSeq", f"1 {method}").request()


def events(most: int = 2) -> SecurityEvents:
    return SecurityEvents(Throttle((most, most, most), 60.0, 600.0), {SERVER})


def test_all_names_exist() -> None:
    assert all(hasattr(security_events, name) for name in security_events.__all__)


def test_a_line_begins_with_its_source() -> None:
    it = events()
    with capture_logs() as lines:
        it.failed(request("REGISTER"), flow(), 401, "alice", at())
        it.refused(request(), flow("2001:db8::1"), 403, "no relay", at())
        it.turned_away(request(), flow(), at())
    common = {
        "event": "security: refused",
        "log_level": "warning",
        "transport": "UDP",
        "port": 40000,
        "call_id": "call",
    }
    assert lines == [
        common
        | {
            "source": "198.51.100.1",
            "reason": "wrong credentials",
            "status": 401,
            "method": "REGISTER",
            "user": "alice",
        },
        common | {"source": "2001:db8::1", "reason": "no relay", "status": 403, "method": "INVITE"},
        common | {"source": "198.51.100.1", "reason": "no room for more requests", "status": 503, "method": "INVITE"},
    ]
    assert [list(line)[:4] for line in lines] == [["source", "port", "transport", "reason"]] * 3


def test_a_ban_has_a_line_of_its_own() -> None:
    it = events()
    with capture_logs() as lines:
        for _ in range(3):
            it.challenged(flow(), at())
        it.challenged(flow(), at())
    assert lines == [
        {
            "event": "security: banned",
            "log_level": "warning",
            "source": "198.51.100.1",
            "port": 40000,
            "transport": "UDP",
            "reason": "unanswered challenges",
            "seconds": 600.0,
        }
    ]


def test_whoever_is_banned_is_not_heard_but_for_what_exists() -> None:
    it = events()
    for _ in range(3):
        it.failed(request(), flow(), 407, "alice", at())
    barred = [it.bars(request(method), flow(), at()) for method in ("INVITE", "REGISTER", "OPTIONS", "ACK", "CANCEL")]
    assert barred == [True, True, True, False, False]
    assert not it.bars(request("BYE", "b"), flow(), at())
    assert not it.bars(request(), flow("198.51.100.2"), at())
    assert not it.bars(request(), flow(), at(600))


def test_whoever_showed_a_password_is_heard() -> None:
    it = events()
    it.proven(flow(port=7000))
    for _ in range(3):
        it.failed(request(), flow(), 407, "alice", at())
    assert not it.bars(request(), flow(port=7000), at())


def test_we_do_not_ban_ourselves() -> None:
    """What spirals comes from our own address, and a neighbour there is on the same machine."""
    it = events()
    for _ in range(10):
        it.refused(request(), flow("192.0.2.10", 5999), 404, "nobody there", at())
    assert not it.bars(request(), flow("192.0.2.10"), at())
    assert not it.throttle.has_bans


def test_we_and_those_we_know_are_preferred() -> None:
    it = events()
    it.proven(flow(port=7000))
    assert it.prefers(("198.51.100.1", 7000))
    assert it.prefers(SERVER)
    assert not it.prefers(("198.51.100.1", 7001))


def test_one_who_is_noisy_hides_no_other() -> None:
    it = events(1000)
    with capture_logs() as lines:
        for _ in range(LINES_EACH + 30):
            it.refused(request(), flow(), 403, "no relay", at())
        it.refused(request(), flow("198.51.100.2"), 403, "no relay", at())
    assert [line["source"] for line in lines] == ["198.51.100.1"] * LINES_EACH + ["198.51.100.2"]


def test_many_do_not_fill_the_log() -> None:
    it = events()
    with capture_logs() as lines:
        for number in range(60):
            it.refused(request(), flow(f"198.51.100.{number}"), 403, "no relay", at())
    assert len(lines) == 50
    with capture_logs() as lines:
        it.refused(request(), flow(), 403, "no relay", at(10))
    assert [line["not_logged_before"] for line in lines] == [10]


def test_bans_do_not_fill_the_log_either() -> None:
    it = SecurityEvents(Throttle((1, 1, 1), 60.0, 600.0), {SERVER})
    with capture_logs() as lines:
        for number in range(200):
            remote = flow(f"198.51.100.{number}")
            it.throttle.count(remote.remote, FAILED_LOGIN, at())
            it.challenged(remote, at())
            it.challenged(remote, at())
    assert len(lines) == 50


def test_a_request_without_a_call_id_has_a_line_too() -> None:
    broken = new_request("INVITE", "sip:bob@example.com").request()
    with capture_logs() as lines:
        events().refused(broken, flow(), 400, "no Call-ID", at())
    assert [("call_id" in line, line["source"]) for line in lines] == [(False, "198.51.100.1")]
