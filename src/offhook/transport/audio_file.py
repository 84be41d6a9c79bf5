"""Audio files beside the event loop: reading ahead and writing behind in a thread, so that no disk delays a packet."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

from offhook.media.audio.samples import Samples, silence
from offhook.media.audio.wav import AudioFileError, AudioReader, WavWriter

__all__ = ["FilePlayback", "Recording"]

BLOCK_SECONDS: Final = 1.0
READ_AHEAD_SECONDS: Final = 2.0
WRITE_BEHIND_SECONDS: Final = 0.5
MAX_BACKLOG_SECONDS: Final = 60.0
"""So long may one write take. What waits is not counted: a process that was stopped gets it all at once."""


class FilePlayback:
    """A file as an `AudioSource`. `failure` is set when the file turned out to be broken; then it has ended there."""

    def __init__(self, reader: AudioReader, first: Samples, rate: int) -> None:
        self._reader = reader
        self._blocks: deque[Samples] = deque((first,))
        self._position = 0
        self._ready = len(first)
        self._read_ahead = int(READ_AHEAD_SECONDS * rate)
        self._job: asyncio.Future[Samples] | None = None
        self._closed = False
        self.failure: AudioFileError | None = None

    @classmethod
    async def open(cls, path: str | Path, rate: int) -> FilePlayback:
        """Open the file and read its beginning. Raises AudioFileError."""
        reader = await asyncio.to_thread(AudioReader, path, rate)
        try:
            return cls(reader, await asyncio.to_thread(reader.read, BLOCK_SECONDS), rate)
        except BaseException:
            reader.close()
            raise

    @property
    def ended(self) -> bool:
        # While a job runs its thread may have seen the file's end already, but the last block is still to come.
        return self._job is None and not self._ready and (self.failure is not None or self._reader.ended)

    def read(self, count: int) -> Samples:
        pieces = []
        while count and self._blocks:
            block = self._blocks[0]
            piece = block[self._position : self._position + count]
            pieces.append(piece)
            count -= len(piece)
            self._ready -= len(piece)
            self._position += len(piece)
            if self._position >= len(block):
                self._blocks.popleft()
                self._position = 0
        self._fill()
        return np.concatenate(pieces) if pieces else silence(0)

    def close(self) -> None:
        """Give the file back; what was read already is forgotten."""
        self._closed = True
        self._blocks.clear()
        self._ready = 0
        if self._job is None:
            self._reader.close()

    def _fill(self) -> None:
        idle = self._job is None and not self._closed and self.failure is None and not self._reader.ended
        if idle and self._ready < self._read_ahead:
            loop = asyncio.get_running_loop()
            self._job = loop.run_in_executor(None, self._reader.read, BLOCK_SECONDS)
            self._job.add_done_callback(self._filled)

    def _filled(self, job: asyncio.Future[Samples]) -> None:
        self._job = None
        if job.cancelled() or self._closed:
            self._reader.close()
            return
        try:
            block = job.result()
        except AudioFileError as error:
            self.failure = error
            return
        self._blocks.append(block)
        self._ready += len(block)
        self._fill()


class Recording:
    """A WAV file as an `AudioSink`.

    At most about half a second is not yet in the file. When the file cannot be written, `on_failed` is called once with
    the error and the rest is dropped: whoever is on the phone shall not suffer for a full disk.
    """

    def __init__(self, writer: WavWriter, rate: int, on_failed: Callable[[AudioFileError], None]) -> None:
        self._writer = writer
        self._rate = rate
        self._on_failed = on_failed
        self._pieces: list[Samples] = []
        self._waiting = 0
        self._job: asyncio.Future[None] | None = None
        self._since = 0.0
        self.failure: AudioFileError | None = None

    @classmethod
    async def open(cls, path: str | Path, rate: int, on_failed: Callable[[AudioFileError], None]) -> Recording:
        """Make the file, or empty it. Raises AudioFileError."""
        return cls(await asyncio.to_thread(WavWriter, path, rate), rate, on_failed)

    def write(self, samples: Samples) -> None:
        if self.failure is not None:
            return
        self._pieces.append(samples)
        self._waiting += len(samples)
        if self._job is None:
            if self._waiting >= WRITE_BEHIND_SECONDS * self._rate:
                self._flush()
        elif asyncio.get_running_loop().time() - self._since > MAX_BACKLOG_SECONDS:
            self._fail(AudioFileError(f"cannot write {self._writer.path}: the disk does not keep up"))

    async def close(self) -> None:
        """Write what waits and close the file."""
        while self._job is not None or self._waiting:
            if self._job is None:
                self._flush()
            else:
                await asyncio.wait([self._job])
        self._writer.close()

    def _flush(self) -> None:
        samples = np.concatenate(self._pieces)
        self._drop()
        loop = asyncio.get_running_loop()
        self._since = loop.time()
        self._job = loop.run_in_executor(None, self._writer.write, samples)
        self._job.add_done_callback(self._flushed)

    def _flushed(self, job: asyncio.Future[None]) -> None:
        self._job = None
        if not job.cancelled():
            try:
                job.result()
            except AudioFileError as error:
                self._fail(error)

    def _fail(self, error: AudioFileError) -> None:
        self._drop()
        if self.failure is None:
            self.failure = error
            self._on_failed(error)

    def _drop(self) -> None:
        self._pieces = []
        self._waiting = 0
