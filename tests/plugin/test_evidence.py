"""A disk that does not take the evidence is one clear error; nothing that was written is lost."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from rundirs import find_runs

from .conftest import Run

LIMITED = """
import resource, sys, pytest
resource.setrlimit(resource.RLIMIT_FSIZE, (8_000, 8_000))
sys.exit(pytest.main(sys.argv[1:]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits the size of files by setrlimit")
def test_a_disk_that_takes_no_more_ends_the_session_with_one_error(
    pytester: pytest.Pytester, suite_file: Path, workers: list[str]
) -> None:
    script = pytester.makepyfile(limited=LIMITED)
    words = [*workers, f"--lleval-suite={suite_file.name}", "--lleval-model=mock/fixed:A", "--lleval-epochs=5"]
    done = subprocess.run(
        [sys.executable, script.name, "-p", "no:cacheprovider", *words],
        cwd=pytester.path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    text = done.stdout + done.stderr
    assert "Traceback" not in text
    assert "the journal cannot be written (File too large)" in text
    assert "--lleval-resume=" in text
    (path,) = find_runs(pytester.path)
    whole = [line for line in (path / "samples.jsonl").read_text().splitlines(keepends=True) if line.endswith("\n")]
    assert len(whole) >= 5
    assert f"scored   {len(whole)}, unscored 0" in text


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="the administrator may write anywhere")
def test_a_read_only_folder_is_named(pytester: pytest.Pytester, run: Run) -> None:
    pytester.path.chmod(0o500)
    try:
        result = run()
    finally:
        pytester.path.chmod(0o700)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*the evidence of the run cannot be written (Permission denied)*"])


def test_a_file_in_the_way_of_the_run_directory_is_named(pytester: pytest.Pytester, run: Run) -> None:
    (pytester.path / ".lleval").write_text("")
    result = run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*the evidence of the run cannot be written*--lleval-run-dir*"])


@pytest.mark.parametrize("spread", [[], ["-n0"], ["-n2", "--dist=load"]])
def test_a_case_that_was_never_run_fails_the_session(pytester: pytest.Pytester, run: Run, spread: list[str]) -> None:
    """Another plugin that swallows an item must not leave a green session with a hole in it."""
    pytester.makeconftest(
        """
        import pytest

        class Swallow:
            @pytest.hookimpl(tryfirst=True)
            def pytest_runtest_protocol(self, item):
                return True if "green/1" in item.name else None

        def pytest_collection_finish(session):
            session.config.pluginmanager.register(Swallow())
        """
    )
    result = run(*spread)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["not run: 1 of the selected cases: letters::green/1[[]fixed:A[]]"])
    assert len(find_runs(pytester.path)) == 1
