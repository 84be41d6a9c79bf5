from __future__ import annotations

import pytest

from offhook.media.codecs.g711 import PCMA, PCMU
from offhook.media.parameters import AudioParameters


def test_without_a_word_it_is_pcmu_both_ways() -> None:
    parameters = AudioParameters()
    assert (parameters.sending(), parameters.send_payload_type) == (PCMU, 0)
    assert parameters.receiving() == {0: PCMU, 8: PCMA}
    assert parameters.sends
    assert parameters.receives
    assert parameters.rtcp_destination is None


@pytest.mark.parametrize(
    ("direction", "sends", "receives"),
    [("sendrecv", True, True), ("sendonly", True, False), ("recvonly", False, True), ("inactive", False, False)],
)
def test_directions_are_seen_from_this_end(direction: str, sends: bool, receives: bool) -> None:
    parameters = AudioParameters(direction=direction)
    assert (parameters.sends, parameters.receives) == (sends, receives)


@pytest.mark.rfc("3550 11")
def test_rtcp_goes_to_the_next_port_unless_told_otherwise() -> None:
    assert AudioParameters(remote=("192.0.2.1", 4000)).rtcp_destination == ("192.0.2.1", 4001)
    told = AudioParameters(remote=("192.0.2.1", 4000), remote_rtcp=("192.0.2.2", 53020))
    assert told.rtcp_destination == ("192.0.2.2", 53020)
    assert AudioParameters(remote=("192.0.2.1", 4000), rtcp_mux=True).rtcp_destination == ("192.0.2.1", 4000)


@pytest.mark.rfc("3264 8.4 #3")
@pytest.mark.parametrize("remote", [("0.0.0.0", 4000), ("::", 4000), ("192.0.2.1", 0)])
def test_an_address_that_means_nowhere_is_none(remote: tuple[str, int]) -> None:
    assert AudioParameters(remote=remote).remote is None


def test_addresses_are_canonical() -> None:
    assert AudioParameters(remote=("2001:DB8:0:0::1", 4000)).remote == ("2001:db8::1", 4000)


@pytest.mark.parametrize(
    "wrong",
    [
        {"direction": "both"},
        {"ptime": 0.0},
        {"ptime": 1.0},
        {"send_codec": "G729"},
        {"receive_codecs": {18: "G729"}},
        {"remote": ("example.com", 4000)},
        {"remote": ("192.0.2.1", 70000)},
    ],
)
def test_impossible_values_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        AudioParameters(**wrong)  # type: ignore[arg-type]


def test_behind_the_last_port_there_is_none_for_rtcp() -> None:
    assert AudioParameters(remote=("192.0.2.1", 65535)).rtcp_destination is None
    told = AudioParameters(remote=("192.0.2.1", 65535), remote_rtcp=("192.0.2.1", 4001))
    assert told.rtcp_destination == ("192.0.2.1", 4001)
