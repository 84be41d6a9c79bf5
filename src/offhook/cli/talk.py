"""What `call` and `answer` share: the files of a call, and a call that is up until somebody ends it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from offhook.cli.say import say
from offhook.errors import ConfigError
from offhook.media.audio.wav import AudioFileError
from offhook.ua.audio import check_playable, check_recordable
from offhook.ua.call import Call

__all__ = ["check_files", "until_over"]


async def check_files(play: Path | None, record: Path | None) -> None:
    """Find out before anything is sent whether the files can be used. Raises ConfigError."""
    try:
        await check_playable(play)
        await check_recordable(record, play)
    except AudioFileError as error:
        raise ConfigError(str(error)) from error


async def until_over(call: Call, seconds: float | None) -> None:
    """Wait until the peer hangs up, the time is over, or Ctrl-C; say how it ended.

    Raises AudioFileError when a file could not be played or recorded to its end.
    """
    try:
        async with asyncio.timeout(seconds):
            end = await call.ended()
    except (TimeoutError, asyncio.CancelledError):
        # Ctrl-C too: that is how a person hangs up, and no failure.
        await call.hang_up()
        end = await call.ended()
    say(f"the call is over: {end}")
    if call.file_failure is not None:
        raise call.file_failure
