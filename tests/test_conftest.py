"""The rules of the root conftest, seen from outside: whole test runs on made-up tests."""

from __future__ import annotations

from pathlib import Path

import pytest

FILES = {
    "test_it.py": """
        import pytest

        def test_passes(): pass

        def test_skips(): pytest.skip("no card in the machine")

        @pytest.mark.interop("no-such-program-a", "no-such-program-b", "openssl")
        def test_lacks_peers(): pass

        @pytest.mark.xfail(strict=True)
        def test_is_known_to_fail(): assert False
    """,
    "test_optional.py": "import pytest\npytest.importorskip('no_such_module')\ndef test_never(): pass",
    "interop/test_peer.py": "def test_peer(): pass",
    "soak/test_long.py": "def test_long(): pass",
}


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project of made-up tests with our conftest and settings."""
    own = Path(__file__).parent
    pytester.makepyfile(**{f"tests/{name.removesuffix('.py')}": text for name, text in FILES.items()})
    pytester.makepyfile(**{"tests/conftest": (own / "conftest.py").read_text(encoding="utf-8")})
    (pytester.path / "pyproject.toml").write_text((own.parent / "pyproject.toml").read_text(encoding="utf-8"))
    (pytester.path / "tools").symlink_to(own.parent / "tools")
    for name in ("CI", "PYTEST_ADDOPTS"):
        monkeypatch.delenv(name, raising=False)
    return pytester


def run(project: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return project.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:xdist", *arguments)


def test_a_skip_is_a_skip_at_home(project: pytest.Pytester) -> None:
    result = run(project)
    result.assert_outcomes(passed=2, skipped=3, xfailed=1, deselected=1)
    result.stdout.fnmatch_lines(["*needs the Debian packages no-such-program-a, no-such-program-b"])


def test_a_skip_is_a_failure_in_ci(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    result = run(project, "--continue-on-collection-errors")
    # What is skipped before it runs fails in its set-up or collection, which pytest counts as an error.
    result.assert_outcomes(passed=2, failed=1, errors=2, xfailed=1, deselected=1)
    text = result.stdout.str()
    for reason in ("no card in the machine", "needs the Debian packages no-such-program-a", "could not import"):
        assert f"nothing may be skipped with CI=true: Skipped: {reason}" in text


def test_folders_mark_their_tests(project: pytest.Pytester) -> None:
    run(project, "-m", "soak").assert_outcomes(passed=1, skipped=1, deselected=5)
    run(project, "-m", "not interop and not soak").assert_outcomes(passed=1, skipped=2, xfailed=1, deselected=3)


@pytest.mark.parametrize(("wanted", "loaded"), [("1", "pure"), ("", "compiled")])
def test_the_wrong_build_is_refused(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, wanted: str, loaded: str
) -> None:
    package = project.mkpydir("offhook")
    for name in ("clock", "ids", "flow"):
        (package / f"{name}.py").write_text("")
    if loaded == "compiled":
        (package / "clock.cpython-311-x86_64-linux-gnu.so").write_text("")
    monkeypatch.setenv("OFFHOOK_EXPECT_COMPILED", wanted)
    result = run(project)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*this run is for the {'compiled' if wanted else 'pure'} build, but see *"])
