from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.flow import (
    TOKEN_MAC_OCTETS,
    TRANSPORTS,
    Flow,
    Query,
    Target,
    default_port,
    is_reliable,
    is_secure,
    secured,
)

SECRET = b"0123456789abcdef0123456789abcdef"
UDP = Flow("UDP", "udp:[2001:db8::1]:5060", ("2001:db8::1", 5060), ("2001:db8::2", 40000))
TCP = Flow("TCP", "tcp:127.0.0.1:5060", ("127.0.0.1", 5060), ("127.0.0.9", 50000), "n.0.b7", 3, accepted=True)
BASE64_URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


FIELDS = ("transport", "listener", "local", "remote", "origin", "serial", "accepted", "reliable", "secure", "key")


def same(one: Flow, other: Flow) -> bool:
    return all(getattr(one, name) == getattr(other, name) for name in FIELDS)


@pytest.mark.parametrize(
    ("transport", "reliable", "secure", "over_tls", "port"),
    [
        ("UDP", False, False, "", 5060),
        ("TCP", True, False, "TLS", 5060),
        ("TLS", True, True, "TLS", 5061),
        ("WS", True, False, "WSS", 80),
        ("WSS", True, True, "WSS", 443),
        ("SCTP", True, False, "SCTP", 5060),
    ],
)
def test_what_a_transport_brings(transport: str, reliable: bool, secure: bool, over_tls: str, port: int) -> None:
    flow = Flow(transport, "x", ("h", 1), ("h", 2))
    assert (is_reliable(transport), is_secure(transport)) == (flow.reliable, flow.secure) == (reliable, secure)
    assert (secured(transport), default_port(transport)) == (over_tls, port)


def test_what_asks_the_dns_for_a_transport() -> None:
    asked = {name: (row.service, row.srv) for name, row in TRANSPORTS.items()}
    assert asked == {
        "UDP": ("SIP+D2U", "_sip._udp"),
        "TCP": ("SIP+D2T", "_sip._tcp"),
        "TLS": ("SIPS+D2T", "_sips._tcp"),
        "WS": ("SIP+D2W", ""),
        "WSS": ("SIPS+D2W", ""),
    }


def test_a_datagram_flow_is_its_addresses() -> None:
    twin = Flow("UDP", "udp:[2001:db8::1]:5060", ("2001:db8::1", 5060), ("2001:db8::2", 40000), origin="another.boot")
    assert twin == UDP
    assert hash(twin) == hash(UDP)
    assert Flow("UDP", UDP.listener, UDP.local, ("2001:db8::2", 40001)) != UDP
    assert Flow("UDP", UDP.listener, ("2001:db8::3", 5060), UDP.remote) != UDP
    assert Flow("UDP", "other", UDP.local, UDP.remote) != UDP


def test_a_stream_flow_is_its_connection() -> None:
    """The same pair of addresses may be another connection, later or after a restart."""
    assert Flow("TCP", TCP.listener, TCP.local, TCP.remote, "n.0.b7", 3) == TCP
    assert Flow("TCP", TCP.listener, TCP.local, TCP.remote, "n.0.b7", 4, accepted=True) != TCP
    assert Flow("TCP", TCP.listener, TCP.local, TCP.remote, "n.0.b8", 3, accepted=True) != TCP


def test_a_flow_equals_nothing_else() -> None:
    text: object = UDP.key
    assert text != UDP
    assert len({UDP, TCP, Flow.parse(UDP.serialize())}) == 2


def test_a_flow_shows_its_addresses() -> None:
    assert repr(TCP) == "Flow(TCP 127.0.0.1:5060 <- 127.0.0.9:50000)"
    assert repr(UDP) == "Flow(UDP 2001:db8::1:5060 -- 2001:db8::2:40000)"


hosts = st.text(st.characters(codec="utf-8", exclude_characters="\x1f"), max_size=30)
addresses = st.tuples(hosts, st.integers(0, 65535))
flows = st.builds(
    Flow,
    st.sampled_from(["UDP", "TCP", "TLS", "WS", "WSS"]),
    hosts,
    addresses,
    addresses,
    hosts,
    st.integers(0, 2**63),
    st.booleans(),
)


@given(flows)
def test_what_is_serialized_is_read_back(flow: Flow) -> None:
    assert same(Flow.parse(flow.serialize()), flow)


@pytest.mark.parametrize(
    "text",
    ["", "x", UDP.serialize() + "\x1f", UDP.serialize().replace("5060\x1f", "port\x1f"), "\x1f" * 8],
)
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a serialized flow|invalid literal"):
        Flow.parse(text)


@given(flows, st.binary(max_size=64))
def test_a_token_is_read_back_with_its_secret(flow: Flow, secret: bytes) -> None:
    token = flow.token(secret)
    assert set(token) <= set(BASE64_URL)
    found = Flow.from_token(token, secret)
    assert found is not None
    assert same(found, flow)


@pytest.mark.rfc("5626 5.2")
def test_a_token_of_another_secret_is_refused() -> None:
    assert Flow.from_token(UDP.token(SECRET), b"another") is None


@pytest.mark.rfc("5626 5.2")
@pytest.mark.parametrize("flow", [UDP, TCP])
def test_a_token_with_any_character_changed_is_refused(flow: Flow) -> None:
    token = flow.token(SECRET)
    for index, was in enumerate(token):
        for other in (*BASE64_URL, "=", "+", "/", "!", " ", "é"):
            if other != was:
                changed = token[:index] + other + token[index + 1 :]
                assert Flow.from_token(changed, SECRET) is None, changed


@pytest.mark.parametrize("flow", [UDP, TCP])
def test_a_token_that_is_shorter_or_longer_is_refused(flow: Flow) -> None:
    token = flow.token(SECRET)
    for end in range(len(token)):
        assert Flow.from_token(token[:end], SECRET) is None
    for more in ("=", "==", "A", "AA", "AAAA", "!", "\n", "é", "\udcff"):
        assert Flow.from_token(token + more, SECRET) is None
        assert Flow.from_token(more + token, SECRET) is None


def test_the_parts_of_two_tokens_do_not_mix() -> None:
    """A token's first octets are its code: those of one flow do not vouch for another."""
    length = -(-TOKEN_MAC_OCTETS * 4 // 3)
    one, other = UDP.token(SECRET), TCP.token(SECRET)
    assert Flow.from_token(one[:length] + other[length:], SECRET) is None


@given(st.text(max_size=200))
def test_any_text_at_all_is_only_refused(token: str) -> None:
    assert Flow.from_token(token, SECRET) is None


def test_a_target_shows_where_it_leads() -> None:
    target = Target("TLS", "192.0.2.7", 5061, "tls:5061", ("192.0.2.1", 0), "192.0.2.1:5061", "example.com")
    assert repr(target) == "Target(TLS 192.0.2.7:5061 from 192.0.2.1:5061)"
    assert (target.server_name, target.flow) == ("example.com", None)


def test_queries_with_the_same_question_have_the_same_key() -> None:
    assert Query("example.com").key == Query("example.com", 0, "", False).key
    questions = [
        Query("example.com"),
        Query("example.org"),
        Query("example.com", 5060),
        Query("example.com", 0, "TCP"),
        Query("example.com", 0, "", True),
    ]
    assert len({query.key for query in questions}) == len(questions)
