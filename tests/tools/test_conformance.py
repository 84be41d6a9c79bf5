"""The rows and the marks of the tests agree, the page is what they say, and each mistake is seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import conformance
from tools.conformance import PAGE, ConformanceError, Part, Sections, check, main, marks, page, read, recount, uncovered

HEADER = "# RFC 5393: A Title\n# sections: 4-5\nclause\tnumber\tkeyword\trole\tshown by\n"
ROWS = (
    "4.1\t1\tMUST\tproxy\t4.1 #1, 3261 16.3 step 4\n"
    "4.2.1\t1\tMUST\tproxy\t4.2.1\n"
    "4.2.1\t2\tSHOULD NOT\tproxy\tnot applicable: a choice of its own\n"
    "5.3.3\t1\tSHOULD\tUAC\tlater: a role to come\n"
)
TESTS = """
import pytest

CASES = [pytest.param(1, marks=pytest.mark.rfc("5393 4.2.1"))]

@pytest.mark.rfc("5393 4.1 #1", "3261 16.3 step 4")
def test_one(): pass

@pytest.mark.parametrize("n", CASES)
@pytest.mark.rfc("5393 4.2.1")
async def test_two(n): pass

class TestIt:
    @pytest.mark.rfc("5393 4.1 #1")
    def test_three(self): pass

@pytest.mark.rfc("3665 3.1")
def test_of_another_rfc(): pass
"""


def part(tmp_path: Path, rows: str = ROWS, header: str = HEADER) -> Part:
    file = tmp_path / "rfc5393.tsv"
    file.write_text(header + rows, encoding="utf-8")
    return read(file)


def borne(tmp_path: Path, text: str = TESTS) -> dict[str, list[str]]:
    file = tmp_path / "proxy" / "test_it.py"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return marks(tmp_path)


# The real ones


def test_rows_and_marks_agree_and_the_page_says_so() -> None:
    parts = [read(file) for file in sorted(conformance.DATA.glob("*.tsv"))]
    its = marks(conformance.TESTS)
    assert check(parts, its) == []
    assert page(parts, its) == PAGE.read_text("utf-8"), "`make conformance` writes it anew"


# Reading


def test_rows_are_read(tmp_path: Path) -> None:
    found = part(tmp_path)
    assert (found.rfc, found.title, found.sections.text) == (5393, "A Title", "4-5")
    first, second, third, fourth = found.rows
    assert (str(first), first.keyword, first.role) == ("RFC 5393 4.1 #1", "MUST", "proxy")
    assert (first.verdict, first.marks) == ("shown", ("5393 4.1 #1", "3261 16.3 step 4"))
    assert second.marks == ("5393 4.2.1",)
    assert (third.verdict, third.why, third.marks) == ("not applicable", "a choice of its own", ())
    assert (fourth.verdict, fourth.why) == ("later", "a role to come")


@pytest.mark.parametrize(
    ("row", "mistake"),
    [
        ("4.1\t1\tMUST\tproxy", "5 cells"),
        ("4.1\t1\tMUST\t\t4.1", "5 cells"),
        ("4.1\t1\tMAY\tproxy\t4.1", "no keyword: MAY"),
        ("4.x\t1\tMUST\tproxy\t4.1", "no clause and number: 4.x 1"),
        ("4.1\tone\tMUST\tproxy\t4.1", "no clause and number: 4.1 one"),
        ("4.1\t1\tMUST\tproxy\tlater", "'later' names no role"),
        ("4.1\t1\tMUST\tproxy\tnot applicable: ", "'not applicable' names no role"),
    ],
)
def test_a_broken_row_is_told_with_its_line(tmp_path: Path, row: str, mistake: str) -> None:
    with pytest.raises(ConformanceError, match=f"rfc5393.tsv:4: .*{mistake}"):
        part(tmp_path, f"{row}\n")


@pytest.mark.parametrize(
    "header", ["", "# RFC 5393: A Title\n", HEADER.replace("role", "roll"), HEADER.replace("#", "")]
)
def test_a_file_begins_with_its_rfc_and_sections(tmp_path: Path, header: str) -> None:
    with pytest.raises(ConformanceError, match="begins with other lines"):
        part(tmp_path, "", header)


def test_sections_hold_what_is_within() -> None:
    sections = Sections("7-9, 25, 26.2-26.3")
    held = ["7", "8.1.1.10", "9", "25.1", "26.2", "26.3.2.4"]
    others = ["6", "10", "26", "26.1", "26.4", "2.5"]
    assert [clause for clause in held + others if sections.hold(clause)] == held
    with pytest.raises(ConformanceError, match="no sections"):
        Sections("seven")


def test_marks_are_found_without_running_anything(tmp_path: Path) -> None:
    assert borne(tmp_path) == {
        "5393 4.2.1": ["proxy/test_it.py", "proxy/test_it.py::test_two"],
        "5393 4.1 #1": ["proxy/test_it.py::test_one", "proxy/test_it.py::TestIt.test_three"],
        "3261 16.3 step 4": ["proxy/test_it.py::test_one"],
        "3665 3.1": ["proxy/test_it.py::test_of_another_rfc"],
    }


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("@pytest.mark.rfc(CLAUSE)\ndef test_it(): pass\n", "line 1: a mark is no literal text"),
        ('@pytest.mark.rfc("3261 8")\ndef help(): pass\n', "help bears a mark and is no test"),
    ],
)
def test_a_mark_stands_in_plain_sight_at_a_test(tmp_path: Path, text: str, mistake: str) -> None:
    with pytest.raises(ConformanceError, match=f"proxy/test_it.py: {mistake}"):
        borne(tmp_path, text)


# Checking


def test_sound_rows_and_marks_pass(tmp_path: Path) -> None:
    assert check([part(tmp_path)], borne(tmp_path)) == []


@pytest.mark.parametrize(
    ("rows", "tests", "mistake"),
    [
        (ROWS, TESTS.replace("16.3 step 4", "16.3"), "RFC 5393 4.1 #1 names 3261 16.3 step 4, which no test bears"),
        (ROWS, f"{TESTS}\n@pytest.mark.rfc('5393 5.3.3')\ndef test_x(): pass", "5393 5.3.3, which no row names"),
        (ROWS, f"{TESTS}\n@pytest.mark.rfc('5393 4.2.1 #2')\ndef test_x(): pass", "4.2.1 #2 does not name"),
        (ROWS + "5.3.3\t3\tMUST\tproxy\tlater: x\n", TESTS, "RFC 5393 5.3.3 #3: is number 2 of its clause"),
        (ROWS + "4.3\t1\tMUST\tproxy\tlater: x\n", TESTS, "RFC 5393 4.3 #1: stands after clause 5.3.3"),
        (ROWS + "6\t1\tMUST\tproxy\tlater: x\n", TESTS, "RFC 5393 6 #1: this section is not counted"),
        (ROWS + "5.3.3\t1\tMUST\tproxy\tlater: x\n", TESTS, "RFC 5393 5.3.3 #1: stands twice"),
    ],
)
def test_a_mistake_is_seen(tmp_path: Path, rows: str, tests: str, mistake: str) -> None:
    found = check([part(tmp_path, rows)], borne(tmp_path, tests))
    assert [line for line in found if mistake in line] != []


def test_a_row_of_another_files_sections_is_seen(tmp_path: Path) -> None:
    header = HEADER.replace("4-5", "4")
    assert check([part(tmp_path, ROWS, header)], borne(tmp_path)) == ["RFC 5393 5.3.3 #1: not of the sections 4"]


def test_marks_wait_for_the_rows_of_their_section(tmp_path: Path) -> None:
    """Until the rows of all sections are there; then a mark of no section at all is a mistake too."""
    some = "\n@pytest.mark.rfc('5393 5.1')\ndef test_x(): pass\n@pytest.mark.rfc('5393 figure 1')\ndef test_y(): pass\n"
    rows = ROWS.replace("5.3.3\t1\tSHOULD\tUAC\tlater: a role to come\n", "")
    half = part(tmp_path, rows, HEADER.replace("4-5", "4"))
    its = borne(tmp_path, TESTS + some)
    assert check([half], its) == []
    assert check([part(tmp_path)], its) == [
        "proxy/test_it.py::test_x bears 5393 5.1, which no row names",
        "proxy/test_it.py::test_y bears 5393 figure 1, which no row names",
    ]
    assert (uncovered(5393, [half]), uncovered(5393, [part(tmp_path)])) == (["5"], [])
    assert uncovered(3261, [])[-4:] == ["23", "25", "26.2", "26.3"]


def test_keywords_are_counted_anew(tmp_path: Path) -> None:
    text = "4.1. A\n   It MUST.\n4.2.1. B\n   It MUST\n   but SHOULD\n   NOT.\n5.3.3 C\n   {}.\n6 D\n   MUST\n"
    file = tmp_path / "rfc5393.txt"
    with pytest.raises(ConformanceError, match=r"there is no .*rfc5393\.txt"):
        recount([part(tmp_path)], tmp_path)
    file.write_text(text.format("It SHOULD"), encoding="utf-8")
    assert recount([part(tmp_path)], tmp_path) == []
    file.write_text(text.format("It MUST, it SHOULD"), encoding="utf-8")
    assert recount([part(tmp_path)], tmp_path) == ["RFC 5393 5.3.3: the text has MUST, SHOULD; the rows have SHOULD"]
    file.write_text(text.format("Nothing"), encoding="utf-8")
    assert recount([part(tmp_path)], tmp_path) == ["RFC 5393 5.3.3: the text has none; the rows have SHOULD"]


# The page


def test_the_page_leads_from_rows_to_tests(tmp_path: Path) -> None:
    text = page([part(tmp_path)], borne(tmp_path))
    assert "| RFC 5393 | 4 | 2 | 0 | 1 | 1 | 2 | 0 | 1 | 1 |" in text
    assert "| Together | 4 | 2 | 0 | 1 | 1 | 2 | 0 | 1 | 1 |" in text
    assert "## RFC 5393\n\nA Title. Sections counted: 4-5.\n" in text
    assert "| 5 | 1 | 0 | 0 | 1 | 0 | 0 | 0 | 0 | 1 |" in text
    assert "| 4.1 | 1 | MUST | proxy | `proxy/test_it.py`: `test_one`, `TestIt.test_three` |" in text
    assert "| 4.2.1 | 1 | MUST | proxy | `proxy/test_it.py`: `test_two` |" in text
    assert "| 4.2.1 | 2 | SHOULD NOT | proxy | *not applicable*: a choice of its own |" in text


def test_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    part(tmp_path)
    borne(tmp_path)
    for name in ("DATA", "TESTS"):
        monkeypatch.setattr(conformance, name, tmp_path)
    monkeypatch.setattr(conformance, "PAGE", tmp_path / "page.md")
    monkeypatch.setattr(conformance, "COUNTED", {5393: "4-5"})
    assert main([]) == 0
    assert capsys.readouterr().out == "4 rows: 2 shown, 0 deviation, 1 not applicable, 1 later\n"
    written = (tmp_path / "page.md").read_text("utf-8")
    (tmp_path / "rfc5393.txt").write_text("4.1 A\n   It MUST.\n", encoding="utf-8")
    assert main([str(tmp_path)]) == 1
    assert "RFC 5393 4.2.1: the text has none; the rows have MUST, SHOULD NOT" in capsys.readouterr().out
    assert (tmp_path / "page.md").read_text("utf-8") == written
    monkeypatch.setattr(conformance, "COUNTED", {5393: "4-6"})
    assert main([]) == 1
    assert capsys.readouterr().out.endswith("RFC 5393: no rows for the sections 6\n")
