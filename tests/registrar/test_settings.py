from __future__ import annotations

from typing import Any

import pytest

from offhook.registrar.settings import RegistrarSettings


def test_the_defaults() -> None:
    settings = RegistrarSettings()
    assert (settings.min_expires, settings.default_expires, settings.max_expires) == (60, 3600, 7200)
    assert (settings.max_contacts, settings.path_unasked, settings.may_register) == (10, False, None)


@pytest.mark.parametrize(
    "values",
    [
        {"min_expires": 0},
        {"min_expires": 600, "default_expires": 300},
        {"max_expires": 600},
        {"min_expires": 3601, "default_expires": 7200},
        {"max_contacts": 0},
        {"max_octets": 255},
    ],
)
def test_what_cannot_be_meant(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"expires|max_contacts"):
        RegistrarSettings(**values)
