from __future__ import annotations

import io
from datetime import datetime

import pytest

from offhook.clock import Moment
from offhook.flow import Flow
from offhook.trace import transcript
from offhook.trace.transcript import Transcript, entry

UDP = Flow("UDP", "udp:192.0.2.1:5060", ("192.0.2.1", 5060), ("192.0.2.2", 5070))
TLS = Flow("TLS", "tls:[::1]:5061", ("::1", 5061), ("2001:db8::2", 40000), "0.0.0", 1)
NOW = Moment(0.0, 1_767_225_600.125)
TIME = datetime.fromtimestamp(NOW.wall).astimezone().isoformat(" ", "milliseconds")
OPTIONS = (
    b'OPTIONS sip:a SIP/2.0\r\nTo: caf\xc3\xa9 \xff <sip:a:pw@b>\r\nAuthorization: Digest response="00"\r\n\r\nv=0\r\n'
)


def test_all_names_exist() -> None:
    assert all(hasattr(transcript, name) for name in transcript.__all__)


def test_a_message_is_shown_with_its_way() -> None:
    assert entry("in", OPTIONS, UDP, NOW) == (
        f"{TIME} UDP 192.0.2.1:5060 <- 192.0.2.2:5070\n"
        "    OPTIONS sip:a SIP/2.0\n"
        "    To: café \\xff <sip:a:***@b>\n"
        "    Authorization: Digest response=***\n"
        "\n"
        "    v=0\n"
        "\n"
    )


def test_the_way_out_and_ipv6() -> None:
    assert entry("out", b"x", TLS, NOW) == f"{TIME} TLS [::1]:5061 -> [2001:db8::2]:40000\n    x\n\n"


def test_nothing_of_a_stranger_reaches_the_terminal_as_it_is() -> None:
    text = entry("in", b"A\x1b]0;title\x07\rB\x00\x9b\n\xe2\x80\xae", UDP, NOW)
    assert text.splitlines()[1:] == ["    A\\x1b]0;title\\x07\\x0dB\\x00\\x9b", "    \\u202e", ""]


def test_a_transcript_is_a_tap() -> None:
    sink = io.StringIO()
    tap = Transcript(sink)
    tap("out", b"one", UDP, NOW)
    tap("in", b"two", UDP, NOW)
    assert [line for line in sink.getvalue().splitlines() if line.startswith(" ")] == ["    one", "    two"]


class Broken(io.StringIO):
    """A sink whose reader is gone."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error
        self.tried = 0

    def write(self, text: str) -> int:
        self.tried += 1
        raise self.error


@pytest.mark.parametrize("error", [BrokenPipeError(), OSError(28, "full"), ValueError("closed")])
def test_a_sink_that_fails_is_left_alone(error: Exception) -> None:
    sink = Broken(error)
    tap = Transcript(sink)
    tap("out", b"one", UDP, NOW)
    tap("out", b"two", UDP, NOW)
    assert sink.tried == 1
