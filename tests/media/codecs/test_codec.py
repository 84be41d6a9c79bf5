from __future__ import annotations

import pytest

from offhook.media.codecs.codec import CODECS, codec_named


@pytest.mark.parametrize("name", ["PCMU", "pcmu", "PCMA", "Pcma"])
def test_codecs_are_found_by_their_names(name: str) -> None:
    codec = codec_named(name)
    assert codec.name == name.upper()
    assert codec.clock_rate == 8000
    assert CODECS[codec.name] is codec


def test_an_unknown_name_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        codec_named("G729")
