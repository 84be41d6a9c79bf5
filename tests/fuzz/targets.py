"""Everything that is fuzzed."""

from __future__ import annotations

from typing import Final

from tests.fuzz.bodies import BODIES
from tests.fuzz.dns_answers import DNS_ANSWERS
from tests.fuzz.header_values import HEADERS
from tests.fuzz.keepalives import KEEPALIVES
from tests.fuzz.media import RTCP, RTP
from tests.fuzz.messages import MESSAGES
from tests.fuzz.sessions import SESSIONS
from tests.fuzz.streams import STREAMS
from tests.fuzz.target import Target
from tests.fuzz.uris import URIS

__all__ = ["TARGETS"]

TARGETS: Final[dict[str, Target]] = {
    target.name: target
    for target in (MESSAGES, STREAMS, HEADERS, URIS, SESSIONS, BODIES, DNS_ANSWERS, RTP, RTCP, KEEPALIVES)
}
"""By name."""
