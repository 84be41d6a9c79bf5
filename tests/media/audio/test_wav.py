from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from offhook.media.audio.samples import Samples, silence
from offhook.media.audio.tone import level, sine, tone_above_rest, tone_level
from offhook.media.audio.wav import (
    HEADER,
    MAX_DATA_OCTETS,
    AudioFileError,
    AudioReader,
    WavWriter,
    check_writable,
    read_all,
)

ALIVE = """
import sys, time
from offhook.media.audio.tone import sine
from offhook.media.audio.wav import WavWriter
writer = WavWriter(sys.argv[1])
for number in range(1000):
    writer.write(sine(440, 0.1))
    print(number, flush=True)
    time.sleep(0.001)
"""


def write_tone(path: Path, rate: int, channels: int, frequency: float = 1004.0, **options: str) -> None:
    tone = sine(frequency, 2.0, rate=rate) / 32768
    soundfile.write(path, np.repeat(tone[:, None], channels, axis=1), rate, **options)


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 32000, 44100, 48000, 96000])
@pytest.mark.parametrize("channels", [1, 2])
def test_any_rate_and_channels_become_8_khz_mono(rate: int, channels: int, tmp_path: Path) -> None:
    write_tone(tmp_path / "tone.wav", rate, channels)
    samples = read_all(tmp_path / "tone.wav")
    assert samples.dtype == np.int16
    assert len(samples) == pytest.approx(16000, abs=2)
    assert tone_above_rest(samples, 1004) > (60 if rate == 8000 else 45)
    assert tone_level(samples, 1004) == pytest.approx(-10, abs=0.1)


@pytest.mark.parametrize(
    ("suffix", "subtype"),
    [
        *(
            ("wav", "ULAW"),
            ("wav", "ALAW"),
            ("wav", "PCM_U8"),
            ("wav", "PCM_24"),
            ("wav", "FLOAT"),
            ("wav", "IMA_ADPCM"),
        ),
        *(("flac", "PCM_16"), ("ogg", "VORBIS"), ("au", "ULAW"), ("aiff", "PCM_16")),
    ],
)
def test_any_format_is_read(suffix: str, subtype: str, tmp_path: Path) -> None:
    write_tone(tmp_path / f"tone.{suffix}", 8000, 1, subtype=subtype)
    samples = read_all(tmp_path / f"tone.{suffix}")
    assert tone_above_rest(samples[400:-400], 1004) > 20
    assert level(samples) == pytest.approx(-10, abs=0.3)


def test_samples_at_8_khz_are_read_exactly(tmp_path: Path) -> None:
    every: Samples = np.arange(-32768, 32768).astype(np.int16)
    soundfile.write(tmp_path / "every.wav", every, 8000)
    assert np.array_equal(read_all(tmp_path / "every.wav"), every)


@pytest.mark.parametrize("frequency", [4500.0, 5200.0, 7000.0, 12000.0])
def test_what_lies_above_the_band_does_not_fold_back(frequency: float, tmp_path: Path) -> None:
    write_tone(tmp_path / "high.wav", 48000, 1, frequency)
    samples = read_all(tmp_path / "high.wav")
    assert level(samples[400:-400]) < -80


@pytest.mark.parametrize("frequency", [50.0, 300.0, 3400.0])
def test_what_lies_in_the_band_passes(frequency: float, tmp_path: Path) -> None:
    write_tone(tmp_path / "in_band.wav", 44100, 1, frequency)
    assert level(read_all(tmp_path / "in_band.wav")[400:-400]) == pytest.approx(-10, abs=0.2)


def test_opposite_channels_cancel(tmp_path: Path) -> None:
    tone = sine(440, 0.5)
    soundfile.write(tmp_path / "stereo.wav", np.stack((tone, -tone), axis=1), 8000)
    assert not read_all(tmp_path / "stereo.wav").any()


def test_samples_beyond_full_scale_are_clipped(tmp_path: Path) -> None:
    loud: NDArray[np.float32] = np.array([2.0, -2.0, 1.0, -1.0], dtype=np.float32)
    soundfile.write(tmp_path / "loud.wav", loud, 8000, subtype="FLOAT")
    assert read_all(tmp_path / "loud.wav").tolist() == [32767, -32768, 32767, -32768]


@pytest.mark.parametrize("rate", [8000, 44100])
def test_a_file_is_read_piece_by_piece(rate: int, tmp_path: Path) -> None:
    write_tone(tmp_path / "tone.wav", rate, 1)
    reader = AudioReader(tmp_path / "tone.wav")
    pieces = []
    while not reader.ended:
        pieces.append(reader.read(0.05))
    reader.close()
    assert len(pieces) > 30
    assert np.array_equal(np.concatenate(pieces), read_all(tmp_path / "tone.wav"))


def test_an_empty_file_of_audio_ends_at_once(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "empty.wav", silence(0), 8000)
    assert len(read_all(tmp_path / "empty.wav")) == 0


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(AudioFileError, match=r"nowhere\.wav: No such file"):
        AudioReader(tmp_path / "nowhere.wav")
    (tmp_path / "text.wav").write_text("hello")
    with pytest.raises(AudioFileError, match=r"text\.wav: it is not an audio file"):
        AudioReader(tmp_path / "text.wav")
    (tmp_path / "nothing.wav").write_bytes(b"")
    with pytest.raises(AudioFileError, match=r"nothing\.wav: it is not an audio file"):
        AudioReader(tmp_path / "nothing.wav")
    with pytest.raises(AudioFileError, match="Is a directory"):
        AudioReader(tmp_path)
    (tmp_path / "samples.raw").write_bytes(bytes(1600))
    with pytest.raises(AudioFileError, match=r"samples\.raw: it is not an audio file"):
        AudioReader(tmp_path / "samples.raw")


def test_what_is_written_is_read_by_others(tmp_path: Path) -> None:
    every: Samples = np.arange(-32768, 32768).astype(np.int16)
    writer = WavWriter(tmp_path / "out.wav")
    for start in range(0, len(every), 1000):
        writer.write(every[start : start + 1000])
    assert writer.seconds == pytest.approx(8.192)
    writer.close()
    samples, rate = soundfile.read(tmp_path / "out.wav", dtype="int16")
    assert rate == 8000
    assert np.array_equal(samples, every)
    assert soundfile.info(tmp_path / "out.wav").subtype == "PCM_16"


def test_the_file_is_valid_after_every_write(tmp_path: Path) -> None:
    path = tmp_path / "out.wav"
    writer = WavWriter(path)
    assert soundfile.info(path).frames == 0
    for number in range(1, 5):
        writer.write(sine(440, 0.1))
        assert soundfile.info(path).frames == number * 800
    writer.close()


def test_the_file_is_valid_after_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "killed.wav"
    with subprocess.Popen([sys.executable, "-c", ALIVE, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) >= 20:
                process.send_signal(signal.SIGKILL)
                break
    samples, _ = soundfile.read(path, dtype="int16")
    assert len(samples) >= 20 * 800
    assert tone_above_rest(samples, 440) > 20


def test_a_full_disk_is_named_and_what_was_written_stays(tmp_path: Path) -> None:
    path = tmp_path / "full.wav"
    writer = WavWriter(path)
    writer.write(sine(440, 1.0))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20001, hard))
        with pytest.raises(AudioFileError, match=r"cannot write .*full\.wav: File too large \(after 1\.0 s\)"):
            writer.write(sine(440, 1.0))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    writer.close()
    samples, _ = soundfile.read(path, dtype="int16")
    assert np.array_equal(samples, sine(440, 1.0))


def test_a_disk_without_any_room_is_named(tmp_path: Path) -> None:
    (tmp_path / "no_room.wav").symlink_to("/dev/full")
    with pytest.raises(AudioFileError, match="No space left on device"):
        WavWriter(tmp_path / "no_room.wav")


def test_a_place_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(AudioFileError, match="No such file or directory"):
        WavWriter(tmp_path / "nowhere" / "out.wav")


def test_the_sizes_of_the_header_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert HEADER.size == 44
    assert MAX_DATA_OCTETS + HEADER.size - 8 < 1 << 32
    monkeypatch.setattr("offhook.media.audio.wav.MAX_DATA_OCTETS", 1000)
    writer = WavWriter(tmp_path / "long.wav")
    writer.write(silence(500))
    with pytest.raises(AudioFileError, match="4 GiB"):
        writer.write(silence(1))
    writer.close()
    assert soundfile.info(tmp_path / "long.wav").frames == 500


def test_where_a_file_can_be_written_is_known_without_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = tmp_path / "there.wav"
    there.write_bytes(b"kept")
    check_writable(there)
    check_writable(str(tmp_path / "new.wav"))
    assert there.read_bytes() == b"kept"
    assert not (tmp_path / "new.wav").exists()
    for path, reason in (
        (tmp_path, "Is a directory"),
        (tmp_path / "no" / "x.wav", "No such file or directory"),
        (there / "x.wav", "Not a directory"),
    ):
        with pytest.raises(AudioFileError) as refused:
            check_writable(path)
        assert str(refused.value) == f"cannot write {path}: {reason}"
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(AudioFileError, match="Permission denied"):
        check_writable(there)


def test_what_is_played_is_not_written_over(tmp_path: Path) -> None:
    write_tone(tmp_path / "tone.wav", 8000, 1)
    (tmp_path / "same.wav").symlink_to(tmp_path / "tone.wav")
    check_writable(tmp_path / "other.wav", tmp_path / "tone.wav")
    with pytest.raises(AudioFileError, match=r"same\.wav: it is the file to be played"):
        check_writable(tmp_path / "same.wav", tmp_path / "tone.wav")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    for act in (AudioReader, WavWriter, check_writable):
        with pytest.raises(AudioFileError, match=r"pipe\.wav: it is a pipe"):
            act(tmp_path / "pipe.wav")
