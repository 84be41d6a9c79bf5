from __future__ import annotations

import numpy as np

from offhook.media.audio.samples import silence


def test_silence_is_samples() -> None:
    quiet = silence(160)
    assert quiet.dtype == np.int16
    assert quiet.shape == (160,)
    assert not quiet.any()
