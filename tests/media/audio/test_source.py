from __future__ import annotations

import numpy as np

from offhook.media.audio.samples import silence
from offhook.media.audio.source import ArraySource


def test_an_array_is_read_to_its_end() -> None:
    samples = np.arange(250, dtype=np.int16)
    source = ArraySource(samples)
    read = [(source.ended, source.read(160).tolist()) for _ in range(3)]
    assert read == [(False, samples[:160].tolist()), (False, samples[160:].tolist()), (True, [])]


def test_an_empty_array_has_ended() -> None:
    assert ArraySource(silence(0)).ended
