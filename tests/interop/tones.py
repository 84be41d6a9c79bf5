"""The tone that each phone plays, by which the others know it."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Protocol

from offhook.media.audio.samples import Samples
from offhook.media.audio.tone import sine, tone_above_rest
from offhook.media.audio.wav import WavWriter
from tests.interop.namespaces import Namespace

__all__ = ["CLEAR", "RATE", "TONES", "Talker", "clearness", "converse", "write_tone"]

CLEAR: Final = 20.0
"""How many dB a tone that came through stands above all else."""

RATE: Final = 8000
TONES: Final = {"alice": 440.0, "bob": 1004.0, "carol": 2300.0}
"""In Hz, by the namespace that a phone lives in."""


class Talker(Protocol):
    """A phone in a call."""

    home: Namespace

    def talk(self, seconds: float) -> None:
        """Wait until the call has carried that much audio, or as much silence."""

    def heard(self) -> Samples:
        """What it has heard in its first call."""


def write_tone(path: Path, frequency: float) -> None:
    """A minute of a tone, as a WAV file."""
    writer = WavWriter(path, RATE)
    writer.write(sine(frequency, 60, rate=RATE))
    writer.close()


def converse(one: Talker, other: Talker) -> tuple[float, float]:
    """Let both talk for two seconds, and measure."""
    one.talk(2.0)
    other.talk(2.0)
    return clearness(one, other)


def clearness(one: Talker, other: Talker) -> tuple[float, float]:
    """How far in dB each one's tone stands above all else in the other's ears."""
    return (
        tone_above_rest(other.heard(), TONES[one.home.name]),
        tone_above_rest(one.heard(), TONES[other.home.name]),
    )
