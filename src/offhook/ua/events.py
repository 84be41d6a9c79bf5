"""What a user agent tells its user."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from offhook.errors import RequestFailed, SipError
from offhook.sip.message import Response

__all__ = ["Answered", "CallEnd", "CallEvent", "EndCause", "Ended", "Failure", "Held", "Progress"]


class EndCause(StrEnum):
    """Why a call is over."""

    HUNG_UP = "we hung up"
    PEER_HUNG_UP = "the peer hung up"
    CANCELLED = "the caller gave up"
    REFUSED = "we refused it"
    NOT_ANSWERED = "nobody answered"
    FAILED = "it could not be set up"
    LOST = "the peer is gone"
    NOT_ACKNOWLEDGED = "the caller never acknowledged the answer"
    TOO_LONG = "the longest time for a call is over"
    NO_MEDIA = "no media could be agreed on"


@dataclass(frozen=True, slots=True)
class CallEnd:
    """How a call ended.

    `status` and `reason` are those of the final response where there was one that was no success; `reason` may also be
    what the peer's Reason header says (RFC 3326).
    """

    cause: EndCause
    status: int | None = None
    reason: str | None = None

    def __str__(self) -> str:
        detail = " ".join(str(part) for part in (self.status, self.reason) if part is not None)
        return f"{self.cause} ({detail})" if detail else self.cause.value


@dataclass(frozen=True, slots=True)
class Progress:
    """A provisional response came. `early_media`: the peer plays something already, such as its own ringing tone."""

    status: int
    reason: str
    early_media: bool = False

    def __str__(self) -> str:
        return f"{self.status} {self.reason}"


@dataclass(frozen=True, slots=True)
class Answered:
    """The call stands."""


@dataclass(frozen=True, slots=True)
class Held:
    """The peer put the call on hold, or took it back."""

    held: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """The call is over."""

    end: CallEnd


CallEvent = Progress | Answered | Held | Ended


class Failure:
    """How a request of ours failed.

    `status` and `reason` of the final response, or what its absence counts as (RFC 3261 8.1.3.1); `response` itself
    where there was one; `error` when it was no response that failed it.
    """

    __slots__ = ("error", "reason", "response", "status")

    def __init__(
        self, status: int, reason: str, response: Response | None = None, error: SipError | None = None
    ) -> None:
        self.status = status
        self.reason = reason
        self.response = response
        self.error = error

    def __repr__(self) -> str:
        return f"Failure({self.status} {self.reason})"

    @property
    def exception(self) -> SipError:
        """What a caller that waits is to be told."""
        return RequestFailed(self.status, self.reason) if self.error is None else self.error

    @property
    def ends_dialog(self) -> bool:
        """Whether a dialog in which the request was sent is lost with it (RFC 3261 12.2.1.2).

        That no answer came is a 408. A transport failure is a 503 (8.1.3.1), and the dialog stays as it was (14.1).
        """
        return self.status in (408, 481)
