"""Audio files: reading whatever libsndfile reads, writing WAV that survives a kill.

Reading gives mono at the asked rate: channels are averaged, and other rates converted by soxr's band-limited
interpolation, whose filter keeps what lies above half the lower rate from folding back.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from struct import Struct
from typing import BinaryIO, Final

import numpy as np
import soundfile
import soxr

from offhook.errors import SipError
from offhook.media.audio.samples import Samples, silence

__all__ = ["AudioFileError", "AudioReader", "WavWriter", "check_writable", "read_all"]

HEADER: Final = Struct("<4sI4s4sIHHIIHH4sI")
MAX_DATA_OCTETS: Final = 0xFFFFFFFF - HEADER.size
_PCM: Final = 1
_FULL_SCALE: Final = 32768.0
_PIPE: Final = "it is a pipe, in which no place can be looked up twice"
"""To open one would wait, perhaps for ever, for whoever is at its other end."""


class AudioFileError(SipError):
    """An audio file cannot be read or written. The message names the file and the reason."""


class AudioReader:
    """An audio file, read piece by piece as mono samples at `rate`. Raises AudioFileError when it is none."""

    __slots__ = ("_file", "_path", "_resampler", "ended")

    def __init__(self, path: str | Path, rate: int = 8000) -> None:
        self._path = Path(path)
        if self._path.is_fifo():
            raise AudioFileError(f"cannot read {self._path}: {_PIPE}")
        try:
            # Before libsndfile, whose only word for a missing file is "System error".
            self._path.open("rb").close()
            self._file = soundfile.SoundFile(self._path)
        except OSError as error:
            raise AudioFileError(f"cannot read {self._path}: {error.strerror}") from error
        except (TypeError, soundfile.SoundFileError) as error:
            # TypeError: of samples without a header, by the name of the file, nobody knows the rate.
            raise AudioFileError(f"cannot read {self._path}: it is not an audio file that is known here") from error
        self.ended = False
        self._resampler: soxr.ResampleStream | None = None
        if self._file.samplerate != rate:
            self._resampler = soxr.ResampleStream(self._file.samplerate, rate, 1, dtype="float32", quality="HQ")

    def read(self, seconds: float) -> Samples:
        """The next `seconds` of the file, more or less: the filter holds some back until the end.

        At the end of the file `ended` is set. Raises AudioFileError for a broken file.
        """
        frames = max(1, int(seconds * self._file.samplerate))
        try:
            channels = self._file.read(frames, dtype="float32", always_2d=True)
        except (OSError, soundfile.SoundFileError) as error:
            raise AudioFileError(f"cannot read {self._path}: it is broken or was cut short") from error
        self.ended = len(channels) < frames
        mono = channels[:, 0] if channels.shape[1] == 1 else channels.mean(axis=1, dtype=np.float32)
        if self._resampler is not None:
            mono = self._resampler.resample_chunk(np.ascontiguousarray(mono), last=self.ended)
        samples: Samples = np.clip(np.rint(mono * _FULL_SCALE), -32768, 32767).astype(np.int16)
        return samples

    def close(self) -> None:
        self._file.close()


def check_writable(path: str | Path, played: str | Path | None = None) -> None:
    """Whether a file could be made or written, without doing so. Raises AudioFileError, also for the `played` one."""
    path = Path(path)
    if played is not None and path.exists() and Path(played).exists() and path.samefile(played):
        raise AudioFileError(f"cannot write {path}: it is the file to be played")
    folder = path.parent
    if path.is_fifo():
        raise AudioFileError(f"cannot write {path}: {_PIPE}")
    failure = 0
    if path.is_dir():
        failure = errno.EISDIR
    elif not folder.is_dir():
        failure = errno.ENOTDIR if folder.exists() else errno.ENOENT
    elif not os.access(path if path.exists() else folder, os.W_OK):
        failure = errno.EACCES
    if failure:
        raise AudioFileError(f"cannot write {path}: {os.strerror(failure)}")


class WavWriter:
    """A WAV file of 16-bit mono PCM at `rate`.

    The sizes in the header are brought up to date with every write, after the samples: whenever the program ends, the
    file is a valid WAV of all that its header tells. Raises AudioFileError when the file cannot be made or written;
    then nothing more is written, and what was stays readable.
    """

    __slots__ = ("_file", "_octets", "_rate", "path")

    def __init__(self, path: str | Path, rate: int = 8000) -> None:
        self.path = Path(path)
        self._rate = rate
        self._octets = 0
        if self.path.is_fifo():
            raise self._failed(_PIPE)
        try:
            self._file: BinaryIO = self.path.open("wb", buffering=0)
        except OSError as error:
            raise self._failed(error.strerror) from error
        try:
            self._write(self._header())
        except OSError as error:
            self._file.close()
            raise self._failed(error.strerror) from error

    @property
    def seconds(self) -> float:
        """How much audio the file holds."""
        return self._octets / 2 / self._rate

    def write(self, samples: Samples) -> None:
        """Append samples."""
        data = samples.astype("<i2", copy=False).tobytes()
        if self._octets + len(data) > MAX_DATA_OCTETS:
            raise self._failed("a WAV file cannot be larger than 4 GiB")
        try:
            self._file.seek(HEADER.size + self._octets)
            self._write(data)
            self._octets += len(data)
            self._file.seek(0)
            self._write(self._header())
        except OSError as error:
            raise self._failed(error.strerror) from error

    def close(self) -> None:
        self._file.close()

    def _write(self, data: bytes) -> None:
        """Write all of it: an unbuffered file may take a part, as it does when the disk is nearly full."""
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) :]

    def _header(self) -> bytes:
        octets = self._octets
        form = (b"fmt ", 16, _PCM, 1, self._rate, 2 * self._rate, 2, 16)
        return HEADER.pack(b"RIFF", HEADER.size - 8 + octets, b"WAVE", *form, b"data", octets)

    def _failed(self, reason: str | None) -> AudioFileError:
        return AudioFileError(f"cannot write {self.path}: {reason or 'unknown error'} (after {self.seconds:.1f} s)")


def read_all(path: str | Path, rate: int = 8000) -> Samples:
    """A whole audio file as mono samples at `rate`. Raises AudioFileError."""
    reader = AudioReader(path, rate)
    pieces = [silence(0)]
    while not reader.ended:
        pieces.append(reader.read(10.0))
    reader.close()
    return np.concatenate(pieces)
