"""The size matrix, as a user starts it."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from matrix_parts import serve_model
from serving import Fault

from pytest_lleval.cli.main import main
from pytest_lleval.reports.matrix import load_matrix
from pytest_lleval.reports.terminal import render_run
from pytest_lleval.reports.view import load_view

QUICK = ("--lleval-matrix-repeats=3", "--lleval-matrix-budget=0.1")


@pytest.fixture
def run(pytester, monkeypatch):
    """Run a matrix of the models at some addresses."""
    monkeypatch.delenv("LLEVAL_MODEL", raising=False)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    def start(sizes, *words, **servers):
        models = [f"--lleval-model=openai/{name}@{server.url}" for name, server in servers.items()]
        plugins = ("-p", "xdist", "-p", "lleval", "-p", "no:cacheprovider")
        return pytester.runpytest_inprocess(*plugins, f"--lleval-matrix={sizes}", *models, *words)

    return start


def find_run(pytester):
    return max((pytester.path / ".lleval" / "runs").iterdir())


def read_view(pytester):
    return load_matrix(find_run(pytester))


@pytest.mark.parametrize("words", [(), ("-n2",)], ids=["plain", "-n2"])
def test_two_models_cross_within_the_interval(run, pytester, words):
    # 0.015 + 0.0001 n and 0.065 + 0 n meet at 500; sizes four times apart show how the curves bend
    with serve_model(0.015, 0.0001) as steep, serve_model(0.065, 0.0) as flat:
        done = run("64,256,1024,4096", "--lleval-matrix-budget=8", *words, steep=steep, flat=flat)
    done.assert_outcomes(passed=8)
    view = read_view(pytester)
    crossing = view.crossovers[0].crossings[0]
    assert crossing.low <= 500 <= crossing.high
    assert (crossing.faster_below.partition("@")[0], crossing.faster_above.partition("@")[0]) == (
        "openai/steep",
        "openai/flat",
    )
    done.stdout.fnmatch_lines(
        ["matrix   2 models at 4 sizes, 16 tokens of answer, *", "crossing *flat*from*tokens on*"]
    )
    alone = "one process and one at a time" in done.stdout.str()
    assert alone == bool(words)
    assert steep.peak == flat.peak == 1


def test_each_cell_has_its_numbers(run, pytester):
    with serve_model(0.05, 0.0001, gap=0.01) as server:
        run("200,400", *QUICK, m=server)
    cells = read_view(pytester).curves[0].cells
    assert [cell.tokens for cell in cells] == [200, 400]
    for cell in cells:
        assert cell.state == "measured"
        assert len(cell.seconds) == 3
        assert cell.first_token.value == pytest.approx(0.05 + 0.0001 * cell.tokens, abs=0.03)
        assert cell.per_token.value == pytest.approx(0.01, abs=0.006)
        assert cell.wall.value > cell.first_token.value
        assert cell.accuracy == 1.0
        assert cell.output_tokens == 3
        # its tokenizer is not known here, and its own counts have corrected ours
        assert cell.input_tokens == pytest.approx(cell.tokens, rel=0.1)
    assert "S" in {flag.code for flag in cells[0].flags}


def test_a_model_of_anthropics_protocol_has_a_first_token(pytester, monkeypatch):
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    with serve_model(0.05, 0.0, gap=0.01) as server:
        words = ("--lleval-matrix=200", *QUICK, f"--lleval-model=anthropic/m@{server.url}")
        done = pytester.runpytest_inprocess("-p", "lleval", "-p", "no:cacheprovider", *words)
    done.assert_outcomes(passed=1)
    cell = read_view(pytester).curves[0].cells[0]
    assert cell.first_token.value >= 0.05
    assert cell.wall.value > cell.first_token.value
    assert cell.output_tokens == 3
    assert "not measured" not in done.stdout.str()


def test_answers_that_do_not_come_from_the_prompt_are_flagged(run, pytester):
    with serve_model(0.001, 0.0, answer="Paris") as server:
        done = run("200", *QUICK, m=server)
    done.assert_outcomes(passed=1)
    assert "Q" in {flag.code for flag in read_view(pytester).curves[0].cells[0].flags}
    done.stdout.fnmatch_lines(["Q *m at 200: * answers show that the prompt was not read"])


def test_a_size_beyond_the_models_context_is_not_supported(run, pytester):
    def refuse(request):
        if len(request.question.split(" ")) > 300:
            return Fault(status=400, message="This model's maximum context length is 300 tokens")
        return None

    with serve_model(0.001, 0.0, faults=refuse) as server:
        done = run("100,900", *QUICK, m=server)
    done.assert_outcomes(passed=1, skipped=1)
    assert done.ret == 0
    cell = read_view(pytester).curves[0].cells[1]
    assert (cell.state, cell.wall) == ("not supported", None)
    assert "maximum context length" in cell.why
    # the warm-up was refused, and nothing else was asked of that size
    assert sum(len(post.question.split(" ")) > 300 for post in server.posts) == 1


def test_a_context_that_the_server_lists_is_not_tried(run, pytester):
    listed = {"object": "list", "data": [{"id": "m", "max_model_len": 500}]}
    with serve_model(0.001, 0.0, models=listed) as server:
        run("100,900", *QUICK, m=server)
    assert read_view(pytester).curves[0].cells[1].state == "not supported"
    assert not [post for post in server.posts if len(post.question.split(" ")) > 500]


def test_failed_calls_are_counted_and_no_time(run, pytester):
    seen = []

    def fail(request):
        if request.method == "GET" or "What is the code" not in request.question:
            return None
        seen.append(request)
        return Fault(status=500, message="broken") if len(seen) == 3 else None

    with serve_model(0.001, 0.0, faults=fail) as server:
        done = run("100", "--lleval-matrix-repeats=4", "--lleval-matrix-budget=0.1", m=server)
    done.assert_outcomes(passed=1)
    cell = read_view(pytester).curves[0].cells[0]
    assert cell.errors == 1
    assert len(cell.seconds) >= 3
    assert "X" in {flag.code for flag in cell.flags}


def test_a_cell_without_any_answer_is_an_error(run, pytester):
    def fail(request):
        return Fault(status=500, message="broken") if "What is the code" in request.question else None

    with serve_model(0.001, 0.0, faults=fail) as server:
        done = run("100", *QUICK, m=server)
    done.assert_outcomes(errors=1)
    assert done.ret == 1
    done.stdout.fnmatch_lines(["*failed: openai/m@*HTTP 500: broken*", "nothing was measured"])


def test_k_and_node_ids_choose_cells_before_any_is_measured(run, pytester):
    with serve_model(0.001, 0.0) as one, serve_model(0.001, 0.0) as two:
        done = run("100,200", *QUICK, "-k", "100 and one", one=one, two=two)
        done.assert_outcomes(passed=1, deselected=3)
        assert [post.question for post in two.posts if "What is the code" in post.question] == []
        done = run("100,200", *QUICK, "matrix::200[two]", one=one, two=two)
        done.assert_outcomes(passed=1)
        view = read_view(pytester)
        assert [curve.label for curve in view.curves] == ["two"]
        assert [size.tokens for size in view.sizes] == [200]
        done = run("100", "matrix::nothing", one=one)
    done.stderr.fnmatch_lines(["*not found: 'matrix::nothing' names no cell of the matrix*"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--lleval-matrix=huge",), "--lleval-matrix: 'huge' is no prompt size"),
        (
            ("--lleval-matrix=xs", "--lleval-matrix-prefix=both"),
            "--lleval-matrix-prefix: 'both' is none of own, shared",
        ),
        (("--lleval-matrix=xs", "--lleval-matrix-target=0"), "--lleval-matrix-target: '0' is not a share above 0"),
        (("--lleval-matrix=xs", "--lleval-resume"), "times of two sessions are no matrix"),
        (("--lleval-suite=x.py", "--lleval-matrix-refine"), "--lleval-matrix-refine is about the size matrix"),
    ],
)
def test_what_cannot_be_measured_as_written_is_refused(pytester, monkeypatch, words, said):
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyfile(test_x="def test_x(): pass")
    done = pytester.runpytest_inprocess("-p", "xdist", "-p", "lleval", "--lleval-model=mock/echo", *words)
    assert done.ret == 4
    assert said in done.stderr.str()


def test_cells_come_after_every_other_test(run, pytester):
    pytester.makepyfile(test_x="def test_x(): pass")
    with serve_model(0.001, 0.0) as server:
        done = run("100", *QUICK, "-v", "test_x.py", m=server)
    done.assert_outcomes(passed=2)
    done.stdout.fnmatch_lines(["test_x.py::test_x PASSED*", "matrix::100?m? PASSED*"])


def test_markers_on_cells_change_what_they_say_and_nothing_else(run, pytester):
    pytester.makeconftest(
        """
        import pytest

        def pytest_collection_modifyitems(items):
            for item in items:
                item.add_marker(pytest.mark.timeout(180))
                if "200" in item.name:
                    item.add_marker(pytest.mark.skip(reason="too slow"))
        """
    )
    with serve_model(0.001, 0.0) as server:
        done = run("100,200,300", *QUICK, "-p", "pytest_timeout", m=server)
    done.assert_outcomes(passed=2, skipped=1)
    assert [size.tokens for size in read_view(pytester).sizes] == [100, 300]


def test_a_limit_for_each_test_is_none_for_the_whole_matrix(run, pytester):
    with serve_model(0.1, 0.0) as server:
        done = run("100,200", "--lleval-matrix-budget=0.1", "-p", "pytest_timeout", "--timeout=0.5", m=server)
    done.assert_outcomes(passed=2)


def test_suites_are_asked_before_and_keep_their_own_numbers(run, pytester, suite_file):
    with serve_model(0.001, 0.0) as server:
        done = run("100", *QUICK, f"--lleval-suite={suite_file.name}", "-v", m=server)
    done.assert_outcomes(passed=13)
    names = [line for line in done.stdout.lines if "::" in line and "%]" in line]
    assert names[-1].startswith("matrix::100[m]")
    done.stdout.fnmatch_lines(["suite    letters on *", "matrix   1 model at 1 size*"])
    assert [summary.suite for summary in load_view(find_run(pytester)).suites] == ["letters"]


def test_a_dry_run_says_what_would_be_sent_and_sends_nothing(run, pytester):
    with serve_model(0.001, 0.0) as server:
        done = run("100,200", "--lleval-dry-run", m=server)
    done.stdout.fnmatch_lines(["matrix: 2 cells, at least 12 requests, 1,800 tokens in, up to 192 tokens out*"])
    assert not server.requests


def test_cells_are_listed_without_being_measured(run, pytester):
    with serve_model(0.001, 0.0) as server:
        done = run("xs,4k", "--collect-only", "-q", m=server)
    done.stdout.fnmatch_lines(["matrix::xs[[]m[]]", "matrix::4k[[]m[]]"])
    assert not server.requests


def test_the_runs_budget_holds_for_the_matrix(run, pytester):
    with serve_model(0.001, 0.0) as server:
        run("100", *QUICK, "--lleval-max-tokens-total=300", m=server)
    cell = read_view(pytester).curves[0].cells[0]
    assert cell.errors
    assert len(cell.seconds) <= 3
    assert any("--lleval-max-tokens-total" in flag.message for flag in cell.flags)


def test_a_mock_is_flagged_beside_its_numbers(pytester, monkeypatch):
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    done = pytester.runpytest_inprocess(
        "-p", "lleval", "--lleval-matrix=100", "--lleval-model=mock/fixed:A", *QUICK, "-p", "no:cacheprovider"
    )
    done.assert_outcomes(passed=1)
    text = done.stdout.str()
    assert "[F3 F4 Q" in text
    assert "time to first token not measured" in text
    assert read_view(pytester).curves[0].cells[0].first_token is None


def test_sizes_are_added_where_models_cross(run, pytester):
    # 0.004 + 0.0001 n and 0.024 + 0 n meet at 200
    with serve_model(0.004, 0.0001) as steep, serve_model(0.024, 0.0) as flat:
        done = run("50,800,3200", "--lleval-matrix-refine", "--lleval-matrix-budget=10", steep=steep, flat=flat)
    done.assert_outcomes(passed=6)
    view = read_view(pytester)
    added = {size.tokens for size in view.sizes} - {50, 800, 3200}
    assert added
    for tokens in added:
        assert all(view.find_cell(curve.model, tokens).seconds for curve in view.curves)
    crossing = view.crossovers[0].crossings[0]
    assert crossing.low <= 200 <= crossing.high
    assert crossing.high / crossing.low < 1.4


def test_a_shared_prefix_is_asked_for_once_more_before_each_call(run, pytester):
    with serve_model(0.001, 0.0) as server:
        done = run("300", *QUICK, "--lleval-matrix-prefix=shared", m=server)
    done.stdout.fnmatch_lines(["*prompts of one size begin alike*"])
    prompts = [post.question for post in server.posts if "What is the code" in post.question]
    # the first one was written before the server had told how it counts
    later = prompts[1:]
    assert len({prompt[:800] for prompt in later}) == 1
    assert len(prompts) == 1 + 2 * len(read_view(pytester).curves[0].cells[0].seconds)


def test_the_run_tells_the_same_later_without_asking(run, pytester):
    with serve_model(0.001, 0.0) as server:
        done = run("100,200", *QUICK, m=server)
        asked = len(server.posts)
    told = [line.text for line in render_run(load_view(find_run(pytester)))]
    shown = done.stdout.lines
    assert [line for line in told if line.startswith(("matrix", "  m ", "growth"))]
    for line in told:
        if line.startswith(("matrix", "  m ", "growth")):
            assert line in shown
    assert len(server.posts) == asked


def test_ctrl_c_keeps_what_was_measured(pytester):
    with serve_model(0.05, 0.0) as server:
        command = [
            *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:benchmark"),
            *("--lleval-matrix=100,200", "--lleval-matrix-repeats=500", f"--lleval-model=openai/m@{server.url}"),
        ]
        session = subprocess.Popen(
            command, cwd=pytester.path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        ends = time.monotonic() + 60
        while time.monotonic() < ends and len(server.posts) < 16:
            time.sleep(0.05)
        os.kill(session.pid, signal.SIGINT)
        text, _ = session.communicate(timeout=60)
    assert session.returncode == 2, text
    assert "incomplete: interrupted" in text
    cells = read_view(pytester).curves[0].cells
    assert all(len(cell.seconds) >= 3 for cell in cells)
    assert json.loads((find_run(pytester) / "report.json").read_text())["schema"]


def test_cells_are_benchmarks_where_pytest_benchmark_is(pytester, monkeypatch):
    pytest.importorskip("pytest_benchmark")
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    # in a worker pytest-benchmark measures nothing, and takes the variable for being in one
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    with serve_model(0.01, 0.0) as server:
        command = [
            *(sys.executable, "-m", "pytest", "-p", "lleval", "-p", "pytest_benchmark.plugin", "-p", "xdist", "-n2"),
            *("--lleval-matrix=100,200", *QUICK, f"--lleval-model=openai/m@{server.url}", "--benchmark-json=out.json"),
        ]
        done = subprocess.run(command, cwd=pytester.path, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((pytester.path / "out.json").read_text())["benchmarks"]
    assert [one["fullname"] for one in found] == ["matrix::100[m]", "matrix::200[m]"]
    cells = read_view(pytester).curves[0].cells
    for one, cell in zip(found, cells, strict=True):
        assert one["stats"]["data"] == pytest.approx(list(cell.seconds))
        assert one["stats"]["median"] == pytest.approx(cell.wall.value)
        assert one["extra_info"]["prompt_tokens"] == cell.tokens
    compared = subprocess.run(
        [sys.executable, "-m", "pytest_benchmark", "compare", "out.json"],
        cwd=pytester.path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "100[m]" in compared.stdout + compared.stderr


@pytest.mark.slow
def test_the_embedded_model_is_measured_at_exact_sizes(pytester, local_model_server):
    done = pytester.runpytest_subprocess(
        *("-p", "no:cacheprovider", "--lleval-matrix=xs,s", "--lleval-matrix-repeats=3", "--lleval-matrix-budget=1")
    )
    done.assert_outcomes(passed=2)
    for cell in read_view(pytester).curves[0].cells:
        assert cell.input_tokens == cell.tokens
        assert cell.output_tokens == 16
        assert cell.cached_tokens == 0
        assert "F4" not in {flag.code for flag in cell.flags}


def test_reports_tell_of_the_matrix_and_are_the_same_bytes_later(run, pytester, capsys):
    names = ["out.html", "out.md", "out.json"]
    words = [f"--lleval-report={name}" for name in names]
    with serve_model(0.001, 0.0002) as one, serve_model(0.03, 0.0) as two:
        run("64,256", *QUICK, *words, one=one, two=two)
    page, text, report = ((pytester.path / name).read_text(encoding="utf-8") for name in names)
    assert "Stress curves</h2>" in page
    assert "othing was scored" not in page + text
    assert "--lleval-matrix=64,256" in page
    assert len(json.loads(report)["matrix"]["curves"]) == 2
    again = [f"again-{name}" for name in names]
    assert main(["report", str(find_run(pytester)), *(word for name in again for word in ("--output", name))]) == 0
    assert main(["verify", str(find_run(pytester))]) == 0
    capsys.readouterr()
    for name, other in zip(names, again, strict=True):
        assert (pytester.path / name).read_bytes() == (pytester.path / other).read_bytes()
