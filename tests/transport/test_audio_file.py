from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from offhook.media.audio.samples import Samples, silence
from offhook.media.audio.tone import sine
from offhook.media.audio.wav import AudioFileError, AudioReader, WavWriter
from offhook.transport import audio_file
from offhook.transport.audio_file import FilePlayback, Recording

RATE = 8000
FRAME = 160


async def play(playback: FilePlayback) -> Samples:
    """Read a playback to its end as a stream does, but as fast as its file can follow."""
    pieces = [silence(0)]
    async with asyncio.timeout(10):
        while not playback.ended:
            pieces.append(playback.read(FRAME))
            await asyncio.sleep(0)
    return np.concatenate(pieces)


@pytest.mark.parametrize("seconds", [0.0, 0.001, 0.5, 1.0, 2.0, 7.3])
async def test_a_file_is_played_whole(seconds: float, tmp_path: Path) -> None:
    tone = sine(440, seconds)
    soundfile.write(tmp_path / "tone.wav", tone, RATE)
    playback = await FilePlayback.open(tmp_path / "tone.wav", RATE)
    assert np.array_equal(await play(playback), tone)
    playback.close()
    assert playback.failure is None


async def test_a_file_at_another_rate_is_played_whole(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "tone.wav", sine(440, 3.0, rate=44100), 44100)
    playback = await FilePlayback.open(tmp_path / "tone.wav", RATE)
    assert len(await play(playback)) == pytest.approx(24000, abs=2)
    playback.close()


async def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AudioFileError, match="No such file"):
        await FilePlayback.open(tmp_path / "nowhere.wav", RATE)


async def test_a_file_that_breaks_ends_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    soundfile.write(tmp_path / "tone.wav", sine(440, 5.0), RATE)
    playback = await FilePlayback.open(tmp_path / "tone.wav", RATE)

    def fail(reader: AudioReader, seconds: float) -> Samples:
        raise AudioFileError("broken")

    monkeypatch.setattr(AudioReader, "read", fail)
    assert len(await play(playback)) == RATE
    assert str(playback.failure) == "broken"
    playback.close()


async def test_a_file_whose_beginning_is_broken_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    soundfile.write(tmp_path / "tone.wav", sine(440, 5.0), RATE)

    def fail(reader: AudioReader, seconds: float) -> Samples:
        raise AudioFileError("broken")

    monkeypatch.setattr(AudioReader, "read", fail)
    with pytest.raises(AudioFileError, match="broken"):
        await FilePlayback.open(tmp_path / "tone.wav", RATE)


async def test_a_playback_closed_while_it_reads_closes_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    soundfile.write(tmp_path / "tone.wav", sine(440, 5.0), RATE)
    playback = await FilePlayback.open(tmp_path / "tone.wav", RATE)
    go, closed = threading.Event(), asyncio.Event()
    read, close = AudioReader.read, AudioReader.close

    def slowly(reader: AudioReader, seconds: float) -> Samples:
        go.wait(10)
        return read(reader, seconds)

    def closing(reader: AudioReader) -> None:
        close(reader)
        closed.set()

    monkeypatch.setattr(AudioReader, "read", slowly)
    monkeypatch.setattr(AudioReader, "close", closing)
    assert len(playback.read(FRAME)) == FRAME
    playback.close()
    # While a thread reads, the file stays open.
    assert not closed.is_set()
    assert len(playback.read(FRAME)) == 0
    go.set()
    await asyncio.wait_for(closed.wait(), 10)


class Failures:
    """Keeps the errors that a recording tells."""

    def __init__(self) -> None:
        self.errors: list[AudioFileError] = []

    def __call__(self, error: AudioFileError) -> None:
        self.errors.append(error)


async def test_a_recording_holds_all_that_was_written(tmp_path: Path) -> None:
    failures = Failures()
    recording = await Recording.open(tmp_path / "out.wav", RATE, failures)
    tone = sine(440, 3.0)
    for start in range(0, len(tone), FRAME):
        recording.write(tone[start : start + FRAME])
        if start % 1600 == 0:
            await asyncio.sleep(0.001)
    await recording.close()
    assert np.array_equal(soundfile.read(tmp_path / "out.wav", dtype="int16")[0], tone)
    assert failures.errors == []


async def test_a_recording_of_nothing_is_an_empty_file(tmp_path: Path) -> None:
    recording = await Recording.open(tmp_path / "out.wav", RATE, Failures())
    await recording.close()
    assert soundfile.info(tmp_path / "out.wav").frames == 0


async def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AudioFileError, match="No such file or directory"):
        await Recording.open(tmp_path / "nowhere" / "out.wav", RATE, Failures())


async def test_a_failure_is_told_once_and_the_rest_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failures = Failures()
    recording = await Recording.open(tmp_path / "out.wav", RATE, failures)
    recording.write(silence(RATE))
    async with asyncio.timeout(10):
        while soundfile.info(tmp_path / "out.wav").frames < RATE:  # noqa: ASYNC110
            await asyncio.sleep(0.001)

    def fail(writer: WavWriter, samples: Samples) -> None:
        raise AudioFileError("No space left on device")

    monkeypatch.setattr(WavWriter, "write", fail)
    for _ in range(20):
        recording.write(silence(RATE))
        await asyncio.sleep(0.001)
    await recording.close()
    assert [str(error) for error in failures.errors] == ["No space left on device"]
    assert recording.failure is failures.errors[0]
    assert soundfile.info(tmp_path / "out.wav").frames == RATE


async def test_a_disk_that_hangs_does_not_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failures = Failures()
    recording = await Recording.open(tmp_path / "out.wav", RATE, failures)
    go = threading.Event()
    write = WavWriter.write

    def hang(writer: WavWriter, samples: Samples) -> None:
        go.wait(10)
        write(writer, samples)

    monkeypatch.setattr(WavWriter, "write", hang)
    monkeypatch.setattr(audio_file, "MAX_BACKLOG_SECONDS", 0.2)
    recording.write(silence(RATE))
    await asyncio.sleep(0.3)
    recording.write(silence(RATE))
    assert "does not keep up" in str(failures.errors[0])
    go.set()
    await recording.close()
    assert len(failures.errors) == 1
    assert soundfile.info(tmp_path / "out.wav").frames == RATE


async def test_what_was_missed_while_the_process_was_stopped_is_recorded(tmp_path: Path) -> None:
    """It comes all at once, and the disk is not to blame for it."""
    failures = Failures()
    recording = await Recording.open(tmp_path / "out.wav", RATE, failures)
    stopped = int(audio_file.MAX_BACKLOG_SECONDS) + 10
    for _ in range(stopped):
        recording.write(silence(RATE))
    await recording.close()
    assert failures.errors == []
    assert soundfile.info(tmp_path / "out.wav").frames == stopped * RATE
