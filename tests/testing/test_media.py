"""The media without sound."""

from __future__ import annotations

import pytest

from offhook.errors import TransportFailed
from offhook.sdp.negotiate import apply_answer, make_answer, make_offer
from offhook.testing.media import SilentProvider


def test_two_silent_ports_agree_like_real_ones() -> None:
    provider = SilentProvider()
    one, other = provider.port(), provider.port()
    assert one.port != other.port
    assert [port.direction for port in (one, other)] == [None, None]
    offer = make_offer(one.capabilities("192.0.2.1", "198.51.100.1"))
    assert str(offer.origin.address) == "198.51.100.1"
    answer = make_answer(offer, other.capabilities("192.0.2.2", "192.0.2.2"))
    one.apply(apply_answer(offer, answer))
    assert one.direction == "sendrecv"
    assert [codec.encoding for codec in one.sessions[-1].streams[0].send] == ["PCMU", "PCMA", "telephone-event"]


def test_a_closed_port_has_no_capabilities() -> None:
    port = SilentProvider().port()
    port.close()
    port.close()
    with pytest.raises(TransportFailed):
        port.capabilities("192.0.2.1", "192.0.2.1")


def test_abilities_open_nothing() -> None:
    provider = SilentProvider()
    assert provider.abilities("192.0.2.1").streams[0].media == "audio"
    assert provider.ports == []
