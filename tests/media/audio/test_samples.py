from __future__ import annotations

import numpy as np
import pytest

from offhook.media.audio.samples import check_samples, silence


def test_silence_is_samples() -> None:
    quiet = silence(160)
    assert quiet.dtype == np.int16
    assert quiet.shape == (160,)
    assert not quiet.any()


@pytest.mark.parametrize(
    "audio",
    [np.zeros(8, np.float32), np.zeros((8, 2), np.int16), [0] * 8, None],
    ids=["float", "stereo", "list", "none"],
)
def test_what_is_no_samples_is_refused(audio: object) -> None:
    check_samples(silence(8))
    with pytest.raises(ValueError, match="not mono samples of int16"):
        check_samples(audio)
