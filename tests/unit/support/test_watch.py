import sys
import time

import pytest

from pytest_lleval.support.failure import AssetError
from pytest_lleval.support.places import PlaceError
from pytest_lleval.support.watch import explain_failure, run_watched

PIP_OFFLINE = """
Looking in indexes: http://user:****@127.0.0.1:9/simple
WARNING: Retrying (Retry(total=0, connect=None)) after connection broken by 'NewConnectionError("Refused")': /simple/q/
ERROR: Could not find a version that satisfies the requirement quiz==1.0 (from versions: none)
ERROR: No matching distribution found for quiz==1.0
"""
UV_NEW = """Using CPython 3.11.7
error: Request failed after 3 retries in 4.3s
  cause: Failed to fetch: http://127.0.0.1:9/simple/quiz/
  cause: Connection refused
    (os error 111)

hint: try something else
"""
UV_OLD = """  \u00d7 No solution found when resolving dependencies:
  \u2570\u2500\u25b6 Because quiz was not found
      in the registry, we conclude
"""
PIP_CRASH = """ERROR: Exception:
Traceback (most recent call last):
  File "main.py"
ModuleNotFoundError: No module named 'x'
"""


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (PIP_OFFLINE, 'No matching distribution found for quiz==1.0 (after NewConnectionError("Refused"))'),
        (UV_NEW, "Request failed after 3 retries in 4.3s: Connection refused (os error 111)"),
        (
            UV_OLD,
            "No solution found when resolving dependencies: Because quiz was not found in the registry, we conclude",
        ),
        (PIP_CRASH, "ModuleNotFoundError: No module named 'x'"),
        (PIP_CRASH.partition("\n")[2], "ModuleNotFoundError: No module named 'x'"),
        ("\n \n", "no reason given"),
    ],
)
def test_failure_is_one_line(output, reason):
    assert explain_failure(output) == reason


def test_password_of_an_index_is_not_quoted():
    assert explain_failure("error: no answer from https://me:secret@host/simple") == (
        "no answer from https://****@host/simple"
    )


def run_code(tmp_path, code, report=lambda size: None, settings=(), **options):
    run_watched([sys.executable, "-c", code], tmp_path, report, dict(settings), **options)


def test_bytes_are_reported_while_it_runs(tmp_path):
    code = """
import os, pathlib, tempfile, time
with tempfile.NamedTemporaryFile() as file:  # follows TMPDIR, TEMP, TMP
    file.write(b"x" * 1000)
    file.flush()
    go = pathlib.Path(os.environ["GO"])
    while not go.exists():
        time.sleep(0.01)
"""
    sizes = []

    def report(size):
        sizes.append(size)
        if size == 1000:
            (tmp_path / "go").touch()

    run_code(tmp_path, code, report, {"GO": str(tmp_path / "go")})
    assert sizes[-1] == 1000


def test_last_error_is_the_reason(tmp_path):
    with pytest.raises(PlaceError, match=r"^no such thing \(exit status 3\)$"):
        run_code(tmp_path, "import sys; print('ERROR: no such thing', file=sys.stderr); sys.exit(3)")


def test_full_disk_of_the_program_is_the_caches(tmp_path, cache):
    with pytest.raises(AssetError, match=r"cannot write to the cache folder .*LLEVAL_CACHE_DIR"):
        run_code(tmp_path, "import sys; sys.exit('ERROR: OSError: [Errno 28] No space left on device')")


def test_program_that_is_not_there_is_named(tmp_path):
    with pytest.raises(PlaceError, match="'no-such-program' could not be started"):
        run_watched(["no-such-program"], tmp_path, lambda size: None, {})


def test_stalled_program_is_ended(tmp_path):
    start = time.monotonic()
    with pytest.raises(PlaceError, match="nothing came for 0 s"):
        run_code(tmp_path, "import time; time.sleep(60)", stall_seconds=0.3)
    assert time.monotonic() - start < 10


def test_interrupt_ends_the_program(tmp_path):
    code = f"import pathlib, time; time.sleep(0.9); pathlib.Path({str(tmp_path / 'late')!r}).touch()"

    def interrupt(size):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_code(tmp_path, code, interrupt)
    time.sleep(1.1)
    assert not (tmp_path / "late").exists()


def test_users_warning_filters_do_not_reach_the_program(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONWARNINGS", "error")
    run_code(tmp_path, "import warnings; warnings.warn('old')")
