"""The response codes."""

from __future__ import annotations

import pytest

from offhook.sip.status import PHRASES, equivalent_status, phrase

# The registry of SIP response codes, by the RFC that registers them.
REGISTERED = {
    "RFC 3261": (
        "100 180 181 182 183 200 300 301 302 305 380 400 401 402 403 404 405 406 407 408 410 413 414 415 416 420 421"
        " 423 480 481 482 483 484 485 486 487 488 491 493 500 501 502 503 504 505 513 600 603 604 606"
    ),
    "RFC 6228": "199",
    "RFC 6665": "202 489",
    "RFC 5839": "204",
    "RFC 3903": "412",
    "RFC 4412": "417",
    "RFC 4028": "422",
    "RFC 6442": "424",
    "RFC 8876": "425",
    "RFC 8224": "428 436 437 438",
    "RFC 3892": "429",
    "RFC 5626": "430 439",
    "RFC 5079": "433",
    "RFC 5393": "440",
    "RFC 6086": "469",
    "RFC 5360": "470",
    "RFC 3329": "494",
    "RFC 8599": "555",
    "RFC 3312": "580",
    "RFC 8197": "607",
    "RFC 8688": "608",
}


def test_every_registered_code_has_its_phrase() -> None:
    codes = sorted(int(code) for codes in REGISTERED.values() for code in codes.split())
    assert sorted(PHRASES) == codes
    assert all(phrase(code) and phrase(code) == PHRASES[code] for code in codes)


@pytest.mark.parametrize(
    ("code", "text"),
    [(100, "Trying"), (200, "OK"), (404, "Not Found"), (440, "Max-Breadth Exceeded"), (482, "Loop Detected")],
)
def test_phrases(code: int, text: str) -> None:
    assert phrase(code) == text


@pytest.mark.parametrize(
    ("code", "equivalent"),
    [(100, 100), (142, 183), (183, 183), (299, 200), (486, 486), (431, 400), (599, 500), (699, 600)],
)
def test_unknown_codes(code: int, equivalent: int) -> None:
    """RFC 3261 8.1.3.2."""
    assert equivalent_status(code) == equivalent
    assert phrase(code)


def test_no_class_has_no_phrase() -> None:
    assert phrase(799) == ""
