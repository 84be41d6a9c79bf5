"""What an audio stream wants done, and what it has to tell: the outputs of its state machine."""

from __future__ import annotations

from typing import TypeAlias

from offhook.media.audio.source import AudioSource
from offhook.media.rtp.session import Address

__all__ = ["DigitReceived", "PeerLeft", "PlaybackEnded", "RemoteLatched", "SendRtcp", "SendRtp", "StreamEffect"]


class SendRtp:
    """Send this datagram from the RTP port."""

    __slots__ = ("data", "destination")

    def __init__(self, data: bytes, destination: Address) -> None:
        self.data = data
        self.destination = destination


class SendRtcp:
    """Send this datagram from the RTCP port, or from the RTP port where the two are one."""

    __slots__ = ("data", "destination")

    def __init__(self, data: bytes, destination: Address) -> None:
        self.data = data
        self.destination = destination


class PlaybackEnded:
    """The last sample of a source has been sent; silence follows."""

    __slots__ = ("source",)

    def __init__(self, source: AudioSource) -> None:
        self.source = source


class DigitReceived:
    """A DTMF digit has ended: one of ``0``-``9 * # A-D``, and how long it lasted, in seconds."""

    __slots__ = ("digit", "duration")

    def __init__(self, digit: str, duration: float) -> None:
        self.digit = digit
        self.duration = duration


class RemoteLatched:
    """Audio is heard from this address from now on, and sent to it."""

    __slots__ = ("address",)

    def __init__(self, address: Address) -> None:
        self.address = address


class PeerLeft:
    """The source that was heard said goodbye (RTCP BYE)."""

    __slots__ = ("ssrc",)

    def __init__(self, ssrc: int) -> None:
        self.ssrc = ssrc


StreamEffect: TypeAlias = SendRtp | SendRtcp | PlaybackEnded | DigitReceived | RemoteLatched | PeerLeft
