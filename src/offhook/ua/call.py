"""A call in the hands of a program: what `UserAgent.invite` returns and `UserAgent.incoming` yields."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

from offhook.clock import Moment
from offhook.errors import InvalidState, SipError
from offhook.media.audio.wav import AudioFileError
from offhook.media.statistics import StreamStatistics
from offhook.sip.headers.address import NameAddr
from offhook.sip.uri import SipUri, TelUri, Uri, parse_uri
from offhook.ua.accept import ServerInvite
from offhook.ua.audio import AudioPort, Playable, check_playable, check_recordable
from offhook.ua.events import CallEnd
from offhook.ua.invite import ClientInvite

__all__ = ["Act", "Call", "IncomingCall", "Signals"]

Act = Callable[[Callable[[Moment], None]], None]
"""Lets something happen in the core now, and sends what comes of it. Passes errors on."""


class Signals(Protocol):
    """What an agent lets a call wait for."""

    def answered(self) -> Awaitable[None]:
        """The call stands. Raises CallFailed when it will not."""

    def ended(self) -> Awaitable[CallEnd]:
        """The call is over."""

    def changing(self, change: Callable[[Callable[[SipError | None, Moment], None], Moment], None]) -> Awaitable[None]:
        """Ask for a change, and wait for the peer. Raises what it was refused with."""


class Call:
    """A call. `remote` is who is at the other end, `call_id` the Call-ID that messages and logs bear.

    `on_hold` may be set: it is called with True when the peer puts the call on hold, with False when it takes it back.
    `on_digit` too: it gets each DTMF digit that the peer sends, and for how many seconds.
    """

    def __init__(
        self, session: ClientInvite | ServerInvite, audio: AudioPort, act: Act, signals: Signals, remote: NameAddr
    ) -> None:
        self.remote = remote
        self.on_hold: Callable[[bool], None] | None = None
        self._session = session
        self._audio = audio
        self._act = act
        self._signals = signals

    @property
    def call_id(self) -> str:
        return self._session.call_id

    @property
    def held(self) -> bool:
        """Whether the peer has put us on hold."""
        return self._session.held

    @property
    def end(self) -> CallEnd | None:
        """How the call ended; None as long as it goes on."""
        return self._session.end

    @property
    def file_failure(self) -> AudioFileError | None:
        """What went wrong with a file while it was played or recorded, such as a full disk; the call goes on without.

        None when nothing did. It is known once `ended` has returned.
        """
        return self._audio.file_failure

    @property
    def on_digit(self) -> Callable[[str, float], None] | None:
        return self._audio.on_digit

    @on_digit.setter
    def on_digit(self, hook: Callable[[str, float], None] | None) -> None:
        self._audio.on_digit = hook

    async def hang_up(self) -> None:
        """End the call: BYE, or a refusal of one that is not answered. Returns when it is over; later it does nothing.

        The peer's answer to the BYE is not waited for.
        """
        if self.end is None:
            self._act(self._session.hang_up)
        await self.ended()

    async def ended(self) -> CallEnd:
        """Wait for the end of the call; a recording is whole by then, unless there is a `file_failure`."""
        end = await self._signals.ended()
        await self._audio.closed()
        return end

    async def play(self, source: Playable) -> None:
        """Play a file, or samples of 8000 Hz, from now on.

        Raises AudioFileError, ValueError for an array that is not `Samples`, and InvalidState once the call is over.
        """
        await self._audio.play(source)

    def stop_playing(self) -> None:
        """Send silence from now on."""
        self._audio.stop_playing()

    async def record(self, path: str | Path) -> None:
        """Record what the peer says from now on. Raises AudioFileError, InvalidState once the call is over."""
        await self._audio.record(path)

    def send_dtmf(self, digits: str) -> None:
        """Send DTMF digits as telephone events (RFC 4733), 0.16 s each.

        They follow those that are still being sent; whoever hangs up before leaves the rest unsaid.

        Raises InvalidState when the peer takes none, ValueError for what is no digit.
        """
        self._audio.send_digits(digits)

    async def hold(self) -> None:
        """Put the peer on hold (RFC 3264 8.4).

        Raises InvalidState without a call to hold, RequestFailed and its like when the peer refuses.
        """
        await self._signals.changing(lambda done, now: self._session.hold(True, done, now))

    async def resume(self) -> None:
        """Take the peer back from hold. Raises as `hold` does."""
        await self._signals.changing(lambda done, now: self._session.hold(False, done, now))

    def statistics(self) -> StreamStatistics:
        """The numbers of the audio stream. Raises InvalidState without one."""
        return self._audio.statistics()

    async def start_audio(self, play: Playable | None, record: str | Path | None) -> None:
        """Record and play from now on; when that fails the call is ended and AudioFileError raised."""
        try:
            if record is not None:
                await self._audio.record(record)
            if play is not None:
                await self._audio.play(play)
        except InvalidState:
            # Only a peer that has hung up in the meantime leaves no audio.
            if self.end is None:
                raise
        except SipError:
            self._act(self._session.hang_up)
            raise


class IncomingCall(Call):
    """A call to us that waits for `answer`, or for one of the refusals.

    While nothing is decided the caller waits, up to the agent's `answer_time`; then it gets 480.
    """

    def __init__(self, session: ServerInvite, audio: AudioPort, act: Act, signals: Signals) -> None:
        super().__init__(session, audio, act, signals, session.caller)
        self._server = session

    @property
    def caller(self) -> NameAddr:
        """Who calls: name and address as the caller gives them."""
        return self.remote

    @property
    def called(self) -> Uri:
        """The URI that was called."""
        return self._server.request.uri

    async def ring(self, *, early_media: bool = False) -> None:
        """Tell the caller that the call is being announced: 180.

        With `early_media` 183 instead, with our session description: what is played is heard before the answer.
        Raises InvalidState once the call is answered or over.
        """
        self._act(lambda now: self._server.ring(now, early_media))

    async def answer(self, play: Playable | None = None, record: str | Path | None = None) -> None:
        """Answer, and begin to play and record.

        Raises InvalidState once the call is answered or over, CallFailed when it ends before it stands, ProtocolError
        (488) when there is no common codec, AudioFileError for files; the last before anything is answered when the
        file to be played cannot be read, or the recording cannot be made. So does ValueError, for an array to be played
        that is not `Samples`.
        """
        await check_playable(play)
        await check_recordable(record, play)
        self._act(self._server.answer)
        await self._signals.answered()
        await self.start_audio(play, record)

    async def decline(self) -> None:
        """Refuse for the user wherever he is: 603."""
        await self.refuse(603)

    async def busy(self) -> None:
        """Refuse here, others may take the call: 486."""
        await self.refuse(486)

    async def redirect(self, *uris: str | SipUri | TelUri) -> None:
        """Send the caller elsewhere: 302. Raises ParseError for what is no URI, ValueError without any."""
        contacts = tuple([parse_uri(uri) if isinstance(uri, str) else uri for uri in uris])
        await self.refuse(302, contacts)

    async def refuse(self, status: int, contacts: tuple[Uri, ...] = (), reason: str | None = None) -> None:
        """Refuse with any status from 300 to 699; `reason` is the phrase that tells the caller why, in one line.

        Raises InvalidState once the call is answered or over and for more than one line, ValueError for another status,
        and for a redirection (300 to 302) without contacts.
        """
        if not 300 <= status <= 699:
            raise ValueError(f"{status} refuses nothing")
        if status <= 302 and not contacts:
            # 13.3.1.2
            raise ValueError(f"{status} leads nowhere; name a URI to try instead")
        self._act(lambda now: self._server.refuse(status, now, contacts, reason))
        await self.ended()
