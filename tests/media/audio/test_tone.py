from __future__ import annotations

import numpy as np
import pytest

from offhook.media.audio.samples import Samples, silence
from offhook.media.audio.tone import level, sine, tone_above_rest, tone_level


def noise(seconds: float, dbfs: float) -> Samples:
    generator = np.random.default_rng(7)
    wave = generator.standard_normal(round(seconds * 8000))
    samples: Samples = np.rint(wave * 32767 / np.sqrt(2) * 10 ** (dbfs / 20)).astype(np.int16)
    return samples


@pytest.mark.parametrize("dbfs", [0.0, -10.0, -40.0])
@pytest.mark.parametrize("frequency", [300.0, 1004.0, 3400.0])
def test_a_sine_has_its_level(frequency: float, dbfs: float) -> None:
    tone = sine(frequency, 1.0, dbfs=dbfs)
    assert len(tone) == 8000
    assert level(tone) == pytest.approx(dbfs, abs=0.1)
    assert tone_level(tone, frequency) == pytest.approx(dbfs, abs=0.1)
    assert tone_above_rest(tone, frequency) > 40


def test_silence_has_no_level() -> None:
    assert level(silence(8000)) <= -100
    assert level(silence(0)) == -float("inf")
    assert tone_level(silence(0), 440) == -float("inf")
    assert tone_above_rest(silence(0), 440) == -float("inf")
    assert tone_above_rest(silence(8000), 440) == 0


@pytest.mark.parametrize("ratio", [30.0, 20.0, 0.0, -20.0])
def test_a_tone_in_noise_stands_as_high_as_it_was_put(ratio: float) -> None:
    mixed = sine(1004, 4.0, dbfs=-20) // 2 + noise(4.0, -26.0 - ratio)
    # A fortieth of the noise lies within the band.
    expected = 10 * np.log10((10 ** (ratio / 10) + 1 / 40) / (39 / 40))
    assert tone_above_rest(mixed, 1004) == pytest.approx(expected, abs=1.0)


def test_another_tone_is_not_taken_for_it() -> None:
    assert tone_above_rest(sine(440, 2.0), 1004) < -60


def test_a_break_in_the_phase_does_not_hide_the_tone() -> None:
    tone = sine(1004, 2.0)
    broken = np.concatenate((tone[:8000], tone[8003:]))
    assert tone_above_rest(broken, 1004) > 20


def test_an_offset_counts_as_something_else() -> None:
    assert tone_above_rest(sine(1004, 2.0) + np.int16(5000), 1004) < 10


def test_the_rate_is_taken_into_account() -> None:
    tone = sine(1004, 1.0, rate=48000)
    assert len(tone) == 48000
    assert tone_above_rest(tone, 1004, rate=48000) > 40
    assert tone_above_rest(tone, 1004, rate=8000) < 0
