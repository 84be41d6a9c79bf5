from __future__ import annotations

import numpy as np
import pytest

from offhook.media.audio.samples import Samples, silence
from offhook.media.audio.tone import level, sine
from offhook.media.codecs.concealment import Concealment

FRAME = 160
AUDIBLE = 480
"""60 ms."""


def steepest(samples: Samples) -> int:
    return int(np.abs(np.diff(samples.astype(int))).max())


def voiced(count: int) -> Samples:
    """A sound with a pitch of 110 Hz and overtones, such as a vowel has."""
    times = np.arange(count) / 8000
    wave = sum(np.sin(2 * np.pi * 110 * k * times + k) / k for k in range(1, 15))
    return np.rint(6000 * wave).astype(np.int16)


def test_what_is_heard_passes_untouched() -> None:
    concealment = Concealment(8000)
    tone = sine(440, 0.2)
    for start in range(0, len(tone), FRAME):
        assert np.array_equal(concealment.heard(tone[start : start + FRAME]), tone[start : start + FRAME])


@pytest.mark.parametrize("sound", [sine(440, 0.4), sine(1004, 0.4), voiced(3200)], ids=["440 Hz", "1004 Hz", "voice"])
def test_a_lost_frame_is_like_what_was_lost(sound: Samples) -> None:
    concealment = Concealment(8000)
    for start in range(0, 1600, FRAME):
        concealment.heard(sound[start : start + FRAME])
    made = concealment.lost(FRAME).astype(float)
    truth = sound[1600 : 1600 + FRAME].astype(float)
    likeness = made @ truth / np.sqrt((made @ made) * (truth @ truth))
    assert likeness > 0.9


def test_a_long_gap_fades_to_silence() -> None:
    concealment = Concealment(8000)
    concealment.heard(sine(440, 0.2))
    assert concealment.audible == AUDIBLE
    gap = np.concatenate([concealment.lost(80) for _ in range(10)])
    assert level(gap[:80]) == pytest.approx(-10, abs=0.5)
    levels = [level(gap[start : start + 80]) for start in range(0, AUDIBLE, 80)]
    assert levels == sorted(levels, reverse=True)
    assert not gap[AUDIBLE:].any()
    assert concealment.audible == 0


def test_the_joints_are_smooth() -> None:
    sound = sine(440, 0.4)
    concealment = Concealment(8000)
    pieces = [concealment.heard(sound[:1605]), concealment.lost(240), concealment.heard(sound[1900:2500])]
    assert steepest(np.concatenate(pieces)) < 2 * steepest(sound)
    # Cut without care, the same audio has a step.
    assert steepest(np.concatenate((sound[:1605], silence(240), sound[1900:2500]))) > 2 * steepest(sound)


def test_the_repeated_periods_join_smoothly() -> None:
    # A swelling sound that stops at a crest: its last period ends twice as loud as it began.
    at = np.arange(-1599, 1)
    swelling = np.rint(20000 * 2.0 ** (at / 80) * np.cos(2 * np.pi * at / 80)).astype(np.int16)
    concealment = Concealment(8000)
    made = np.concatenate((concealment.heard(swelling)[-200:], concealment.lost(80), concealment.lost(80)))
    assert steepest(made[200:]) < 2 * steepest(swelling)
    repeated = np.concatenate((swelling[-80:], swelling[-80:]))
    assert steepest(repeated) > 4 * steepest(swelling)


def test_a_splice_is_smooth() -> None:
    sound = voiced(3200)
    concealment = Concealment(8000)
    first = concealment.heard(sound[:1600])
    concealment.splice()
    joined = np.concatenate((first, concealment.heard(sound[1637:2400])))
    assert steepest(joined) < 1.5 * steepest(sound)
    assert np.array_equal(joined[1700:], sound[1737:2400])


def test_what_follows_a_gap_is_heard_again() -> None:
    sound = sine(440, 0.4)
    concealment = Concealment(8000)
    concealment.heard(sound[:1600])
    concealment.lost(2000)
    assert np.array_equal(concealment.heard(sound[:FRAME])[40:], sound[40:FRAME])
    assert concealment.audible == AUDIBLE


def test_a_gap_before_anything_is_silence() -> None:
    assert not Concealment(8000).lost(1000).any()


def test_a_frame_shorter_than_the_joint_is_taken() -> None:
    concealment = Concealment(8000)
    concealment.heard(sine(440, 0.1))
    concealment.lost(FRAME)
    assert len(concealment.heard(sine(440, 0.001))) == 8


def test_other_rates_are_taken() -> None:
    concealment = Concealment(16000)
    concealment.heard(sine(440, 0.2, rate=16000))
    assert level(concealment.lost(160)) == pytest.approx(-10, abs=0.5)
