from __future__ import annotations

import pytest

from offhook.proxy.target_uri import TargetUri


@pytest.mark.parametrize(
    ("uri", "told", "secure"),
    [
        ("sip:a@h", False, False),
        ("sip:a@h", True, True),
        ("sips:a@h", False, True),
        ("SIPS:a@h", False, True),
        ("tel:+1555", False, False),
    ],
)
def test_a_sips_target_is_secure_by_itself(uri: str, told: bool, secure: bool) -> None:
    target = TargetUri(uri, secure=told)
    assert (target.uri, target.secure, target.flow, target.path, target.q) == (uri, secure, None, (), 1.0)
