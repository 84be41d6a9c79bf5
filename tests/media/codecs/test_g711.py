from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from offhook.media.audio.samples import Samples
from offhook.media.codecs.g711 import PCMA, PCMU, G711Codec

EVERY_SAMPLE: Samples = np.arange(-32768, 32768).astype(np.int16)
EVERY_CODE = bytes(range(256))
BOTH = pytest.mark.parametrize(("codec", "subtype"), [(PCMU, "ULAW"), (PCMA, "ALAW")], ids=["PCMU", "PCMA"])


def codes(data: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(data, dtype=np.uint8)


@pytest.mark.parametrize(
    ("code", "value"),
    # G.711 table 2: character signals and the decoder's outputs y, in its 14 bits.
    [
        *((0x80, 8031), (0x8F, 4191), (0x9F, 2079), (0xAF, 1023), (0xBF, 495), (0xCF, 231), (0xDF, 99), (0xEF, 33)),
        *((0xFE, 2), (0xFF, 0), (0x7F, 0), (0x7E, -2), (0x6F, -33), (0x00, -8031)),
    ],
)
def test_mu_law_has_the_values_of_the_standard(code: int, value: int) -> None:
    assert PCMU.decode(bytes((code,)))[0] == 4 * value


@pytest.mark.parametrize(
    ("code", "value"),
    # G.711 table 1, with the even bits inverted as they are sent; 13 bits with one to the right of the point.
    [
        *((0xAA, 4032), (0xA5, 2112), (0xB5, 1056), (0x85, 528), (0x95, 264), (0xE5, 132), (0xF5, 66), (0xC5, 33)),
        *((0xD4, 3), (0xD5, 1), (0x55, -1), (0x54, -3), (0x2A, -4032)),
    ],
)
def test_a_law_has_the_values_of_the_standard(code: int, value: int) -> None:
    assert PCMA.decode(bytes((code,)))[0] == 8 * value


@BOTH
def test_every_code_decodes_as_libsndfile_does(codec: G711Codec, subtype: str, tmp_path: Path) -> None:
    file = tmp_path / "codes.raw"
    file.write_bytes(EVERY_CODE)
    theirs, _ = soundfile.read(file, dtype="int16", samplerate=8000, channels=1, subtype=subtype, format="RAW")
    assert np.array_equal(codec.decode(EVERY_CODE), theirs)


@BOTH
def test_every_sample_encodes_as_libsndfile_does(codec: G711Codec, subtype: str, tmp_path: Path) -> None:
    file = tmp_path / "samples.raw"
    soundfile.write(file, EVERY_SAMPLE, 8000, subtype=subtype, format="RAW")
    ours, theirs = codes(codec.encode(EVERY_SAMPLE)), codes(file.read_bytes())
    different = np.flatnonzero(ours != theirs)
    # G.191 takes the one's complement of a negative sample, libsndfile its absolute value: they differ where a
    # negative sample is exactly a decision value, halfway between two codes. Ours is then the smaller of the two.
    assert len(different) == 127
    samples = EVERY_SAMPLE[different].astype(int)
    assert samples.max() < 0
    decoded = codec.decode(EVERY_CODE).astype(int)
    assert np.all(np.abs(decoded[ours[different]]) < np.abs(decoded[theirs[different]]))
    assert np.all(np.abs(decoded[ours[different]] - samples) <= np.abs(decoded[theirs[different]] - samples))


@pytest.mark.parametrize(
    ("value", "code"),
    # G.711 table 2: the decision values x at the ends of the segments, in 14 bits.
    [
        *((8158, 0x80), (7903, 0x80), (7902, 0x81), (4063, 0x8F), (4062, 0x90), (2015, 0x9F), (2014, 0xA0)),
        *((991, 0xAF), (990, 0xB0), (479, 0xBF), (478, 0xC0), (223, 0xCF), (222, 0xD0), (95, 0xDF), (94, 0xE0)),
        *((31, 0xEF), (30, 0xF0), (3, 0xFD), (2, 0xFE), (1, 0xFE), (0, 0xFF), (-2, 0x7E), (-8159, 0x00)),
    ],
)
def test_mu_law_decides_as_the_standard_does(value: int, code: int) -> None:
    assert PCMU.encode(np.array([4 * value], dtype=np.int16)) == bytes((code,))


@pytest.mark.parametrize(
    ("value", "code"),
    # G.711 table 1: the decision values x at the ends of the segments, in 13 bits.
    [
        *((4095, 0xAA), (3968, 0xAA), (3967, 0xAB), (2048, 0xA5), (2047, 0xBA), (1024, 0xB5), (1023, 0x8A)),
        *((512, 0x85), (511, 0x9A), (256, 0x95), (255, 0xEA), (128, 0xE5), (127, 0xFA), (64, 0xF5), (63, 0xCA)),
        *((2, 0xD4), (1, 0xD5), (0, 0xD5), (-1, 0x55), (-3, 0x54), (-4096, 0x2A)),
    ],
)
def test_a_law_decides_as_the_standard_does(value: int, code: int) -> None:
    assert PCMA.encode(np.array([8 * value], dtype=np.int16)) == bytes((code,))


@BOTH
def test_codes_survive_the_way(codec: G711Codec, subtype: str) -> None:
    # But for mu-law's negative zero, which becomes the positive one.
    back = codec.encode(codec.decode(EVERY_CODE))
    assert [code for code in range(256) if back[code] != code] == ([0x7F] if subtype == "ULAW" else [])


@given(st.binary(max_size=400))
def test_any_octets_are_audio(payload: bytes) -> None:
    for codec in (PCMU, PCMA):
        samples = codec.decode(payload)
        assert samples.dtype == np.int16
        assert len(samples) == codec.duration(payload) == len(payload)


def test_samples_that_are_not_contiguous_are_encoded() -> None:
    samples = EVERY_SAMPLE[::7]
    assert PCMA.encode(samples) == PCMA.encode(samples.copy())


def test_silence_has_the_usual_octets() -> None:
    assert PCMU.encode(np.zeros(3, dtype=np.int16)) == b"\xff\xff\xff"
    assert PCMA.encode(np.zeros(3, dtype=np.int16)) == b"\xd5\xd5\xd5"
