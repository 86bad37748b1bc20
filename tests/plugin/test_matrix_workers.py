"""The size matrix beside suites and tests that xdist's workers run."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from matrix_parts import serve_model
from rundirs import find_runs
from serving import Fault

from pytest_lleval.reports.matrix import load_matrix
from pytest_lleval.reports.view import load_view

QUICK = ("--lleval-matrix-repeats=3", "--lleval-matrix-budget=0.1")
SCHEDULERS = ["load", "loadscope", "worksteal"]


@pytest.fixture
def run(pytester, suite_file, monkeypatch):
    """Run a matrix and the suite of twelve samples on two workers."""
    monkeypatch.delenv("LLEVAL_MODEL", raising=False)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    def start(server, *words):
        model = f"--lleval-model=openai/m@{server.url}"
        asked = ("--lleval-matrix=100,200", f"--lleval-suite={suite_file.name}", model)
        return pytester.runpytest_inprocess("-p", "xdist", "-p", "lleval", "-n2", *QUICK, *asked, *words)

    return start


@pytest.fixture
def tests(pytester):
    """Five ordinary tests that leave a sign when they end."""
    return pytester.makepyfile(
        test_mine="""
        import pytest, time
        from pathlib import Path

        @pytest.mark.parametrize("number", range(5))
        def test_mine(number):
            time.sleep(0.05)
            Path("ended").open("a").write(f"{time.time()}\\n")
        """
    )


def read_view(pytester):
    return load_matrix(find_runs(pytester.path)[-1])


def is_of_a_cell(request):
    return "What is the code" in request.question


@pytest.mark.parametrize("words", [(), *((f"--dist={name}",) for name in SCHEDULERS)], ids=["own", *SCHEDULERS])
def test_cells_run_alone_after_everything_else(run, pytester, tests, words):
    asked = []

    def look(request):
        if request.method == "POST":
            asked.append((time.time(), is_of_a_cell(request)))

    with serve_model(0.001, 0.0, faults=look) as server:
        done = run(server, "-v", tests.name, *words)
    assert done.ret == 0
    done.assert_outcomes(passed=12 + 5 + 2)
    cells = [moment for moment, of_a_cell in asked if of_a_cell]
    ended = [float(line) for line in (pytester.path / "ended").read_text().splitlines()]
    assert len(ended) == 5
    assert min(cells) > max(ended)
    # the model is attached first
    assert min(cells) > max(moment for moment, of_a_cell in asked if not of_a_cell)
    shown = [line for line in done.stdout.lines if "::" in line and "%]" in line]
    assert [line.split()[0] for line in shown[-2:]] == ["matrix::100[m]", "matrix::200[m]"]
    assert shown[-1].endswith("[100%]")
    done.stdout.fnmatch_lines(["scored   12, unscored 0", "*the cells ran after everything else, in one process*"])
    assert [summary.suite for summary in load_view(find_runs(pytester.path)[-1]).suites] == ["letters"]
    assert all(len(cell.seconds) >= 3 for cell in read_view(pytester).curves[0].cells)


def test_each_worker_of_dist_each_leaves_the_cells_alone(run, pytester, tests):
    with serve_model(0.001, 0.0) as server:
        done = run(server, "--dist=each", tests.name)
    done.assert_outcomes(passed=2 * (12 + 5) + 2)
    calls = sum(len(cell.seconds) + 1 for cell in read_view(pytester).curves[0].cells)
    assert sum(map(is_of_a_cell, server.posts)) == calls


def test_k_and_node_ids_choose_cells_before_workers_take_the_rest(run, pytester):
    with serve_model(0.001, 0.0) as server:
        done = run(server, "-k", "200 or red")
        done.assert_outcomes(passed=4 + 1)
        assert [size.tokens for size in read_view(pytester).sizes] == [200]
        done = run(server, "matrix::100[m]", "letters::green/0")
        done.assert_outcomes(passed=2)
        assert [size.tokens for size in read_view(pytester).sizes] == [100]
        asked = sum(map(is_of_a_cell, server.posts))
        done = run(server, "-k", "red")
        done.assert_outcomes(passed=4)
    assert done.ret == 0
    assert sum(map(is_of_a_cell, server.posts)) == asked


def test_markers_that_a_conftest_gives_hold_for_cells(run, pytester):
    pytester.makeconftest(
        """
        import pytest

        def pytest_collection_modifyitems(items):
            for item in items:
                if item.name.startswith("200"):
                    item.add_marker(pytest.mark.skip(reason="too slow"))
            items.reverse()
        """
    )
    with serve_model(0.001, 0.0) as server:
        done = run(server)
    done.assert_outcomes(passed=12 + 1, skipped=1)
    assert [size.tokens for size in read_view(pytester).sizes] == [100]


def test_a_failure_that_ends_the_session_keeps_the_matrix_from_running(run, pytester):
    pytester.makepyfile(test_bad="def test_bad(): assert False")
    with serve_model(0.001, 0.0) as server:
        done = run(server, "-x", "test_bad.py")
    assert done.ret == pytest.ExitCode.INTERRUPTED
    assert not any(map(is_of_a_cell, server.posts))
    done.stdout.fnmatch_lines(["not run: the matrix, 2 of whose cells were selected"])


def test_a_cell_that_fails_ends_the_session_where_the_user_says_so(run, serving_nothing):
    with serving_nothing as server:
        done = run(server, "-x")
    done.assert_outcomes(passed=12, errors=1)
    assert done.ret == pytest.ExitCode.TESTS_FAILED
    done.stdout.fnmatch_lines(["*failed: openai/m@*HTTP 500: broken*", "*stopping after 1 failures*"])


@pytest.fixture
def serving_nothing():
    """A server that fails at every call of the matrix."""
    return serve_model(0.001, 0.0, faults=lambda request: is_of_a_cell(request) and Fault(status=500, message="broken"))


def test_workers_that_die_keep_nobody_from_the_matrix(run, pytester):
    pytester.makepyfile(test_deadly="import os\ndef test_deadly(): os._exit(3)")
    with serve_model(0.001, 0.0) as server:
        done = run(server, "test_deadly.py")
    done.assert_outcomes(passed=12 + 2, failed=1)
    assert read_view(pytester).is_measured


def test_the_cells_are_benchmarks_though_workers_have_none(run, pytester):
    pytest.importorskip("pytest_benchmark")
    with serve_model(0.001, 0.0) as server, pytest.MonkeyPatch.context() as patch:
        # in a worker pytest-benchmark measures nothing, and takes the variable for being in one
        patch.delenv("PYTEST_XDIST_WORKER", raising=False)
        done = run(server, "-p", "pytest_benchmark.plugin", "--benchmark-json=out.json")
    done.assert_outcomes(passed=12 + 2)
    found = json.loads((pytester.path / "out.json").read_text())["benchmarks"]
    assert [one["fullname"] for one in found] == ["matrix::100[m]", "matrix::200[m]"]
    assert "automatically disabled" not in done.stderr.str()


def test_ctrl_c_among_the_cells_keeps_cases_and_cells(pytester, suite_file):
    with serve_model(0.05, 0.0) as server:
        command = [
            *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:benchmark", "-n2"),
            *("--lleval-matrix=100", "--lleval-matrix-repeats=500", f"--lleval-suite={suite_file.name}"),
            f"--lleval-model=openai/m@{server.url}",
        ]
        session = subprocess.Popen(
            command, cwd=pytester.path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        ends = time.monotonic() + 60
        while time.monotonic() < ends and sum(map(is_of_a_cell, server.posts)) < 8:
            time.sleep(0.05)
        os.kill(session.pid, signal.SIGINT)
        text, _ = session.communicate(timeout=60)
    assert session.returncode == 2, text
    assert "incomplete: interrupted" in text
    assert "scored   12, unscored 0" in text
    assert len(read_view(pytester).curves[0].cells[0].seconds) >= 3
