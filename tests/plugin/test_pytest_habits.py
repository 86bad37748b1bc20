"""What pytest users rely on keeps working for cases: selection, stopping, reruns, reports."""

import xml.etree.ElementTree as ET

import pytest
from rundirs import find_runs, read_records
from serving import Fault, ModelServer, SeenRequest

from .conftest import Run

BROKEN = Fault(status=400, message="this question is not allowed")


@pytest.fixture
def picky_server() -> ModelServer:
    """A server that answers A, and fails every question of the green group."""
    with ModelServer(answer="A", faults=lambda seen: BROKEN if "green" in seen.question else None) as server:
        yield server


def test_keywords_select_cases(run: Run, workers: list[str]) -> None:
    run("-k", "green", *workers).assert_outcomes(passed=4, deselected=0 if workers == ["-n2"] else 8)


def test_collect_only_lists_cases_and_sends_nothing(pytester: pytest.Pytester, run: Run) -> None:
    result = run("--co", "-q", model="openai/nobody@http://127.0.0.1:9/v1")
    result.stdout.fnmatch_lines(["letters::red/0[[]nobody[]]", "letters::blue/3[[]nobody[]]", "12 tests collected*"])
    assert not find_runs(pytester.path)


def test_a_node_id_from_the_output_runs_that_case(run: Run, workers: list[str]) -> None:
    run("letters::green/2[fixed:A]", *workers).assert_outcomes(passed=1)
    run("letters::green/2", *workers).assert_outcomes(passed=1)


def test_a_node_id_that_names_no_case_is_an_error(run: Run) -> None:
    result = run("letters::green/9")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*'letters::green/9' names no case*"])


def test_an_unscored_case_is_an_error_and_never_a_wrong_answer(
    pytester: pytest.Pytester, run: Run, picky_server: ModelServer, workers: list[str]
) -> None:
    result = run(*workers, model=f"openai/served-model@{picky_server.url}")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=8, errors=4)
    result.stdout.fnmatch_lines(
        [
            "*ERROR at setup of green/0*",
            "unscored: error: *this question is not allowed*",
            "accuracy * 0.250 *",
            "scored   8, unscored 4 (error 4)",
        ]
    )
    unscored = [record for record in read_records(find_runs(pytester.path)[0]) if record["outcome"] == "unscored"]
    assert [record["cause"] for record in unscored] == ["error"] * 4


def test_x_stops_at_the_first_unscored_case(run: Run, picky_server: ModelServer, workers: list[str]) -> None:
    picky_server.latency = 0.1
    words = ["-x", "--lleval-max-connections=2", *workers]
    result = run(*words, model=f"openai/served-model@{picky_server.url}")
    result.stdout.fnmatch_lines(["*stopping after 1 failures*"])
    assert result.parseoutcomes()["errors"] < 4


def test_answers_that_came_before_a_stop_are_kept(pytester: pytest.Pytester, run: Run, workers: list[str]) -> None:
    def fail_late(seen: SeenRequest) -> Fault | None:
        return Fault(status=400, delay=1.0) if "red 0" in seen.question or "red 1" in seen.question else None

    with ModelServer(answer="A", faults=fail_late) as server:
        result = run("-x", *workers, model=f"openai/served-model@{server.url}")
    assert result.parseoutcomes()["errors"] >= 1
    records = read_records(find_runs(pytester.path)[0])
    # ten were answered at once, wherever pytest was when the first failure came
    assert len(records) == len({record["case"] for record in records}) >= 11


def test_wrong_answers_do_not_stop_x(run: Run, workers: list[str]) -> None:
    run("-x", *workers).assert_outcomes(passed=12)


def test_maxfail_counts_unscored_cases(run: Run, picky_server: ModelServer) -> None:
    result = run("--maxfail=2", model=f"openai/served-model@{picky_server.url}")
    result.assert_outcomes(passed=4, errors=2)


def test_last_failed_asks_the_unscored_again(run: Run, picky_server: ModelServer, workers: list[str]) -> None:
    words = (*workers, "-p", "cacheprovider")
    run(*words, model=f"openai/served-model@{picky_server.url}")
    picky_server.faults = None
    result = run(*words, "--lf", model=f"openai/served-model@{picky_server.url}")
    result.assert_outcomes(passed=4, deselected=0 if workers == ["-n2"] else 8)


def test_junit_tells_scores_and_errors_apart(
    pytester: pytest.Pytester, run: Run, picky_server: ModelServer, workers: list[str]
) -> None:
    run("--junitxml=out.xml", *workers, model=f"openai/served-model@{picky_server.url}")
    suite = ET.parse(pytester.path / "out.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("errors"), suite.get("failures")) == ("12", "4", "0")
    cases = {case.get("name"): case for case in suite.iter("testcase")}
    right = {item.get("name"): item.get("value") for item in cases["red/0[served-model]"].iter("property")}
    assert right == {"lleval_exact": "1.0"}
    error = cases["green/1[served-model]"].find("error")
    assert error is not None
    assert "this question is not allowed" in (error.text or "")


def test_durations_show_the_time_of_the_call(run: Run, workers: list[str]) -> None:
    with ModelServer(answer="A", latency=0.05) as server:
        result = run("--durations=3", "-vv", *workers, model=f"openai/served-model@{server.url}")
    result.stdout.re_match_lines([r"0\.\d\ds call +letters::\w+/\d\[served-model\]"])


def test_calls_behind_the_current_case_are_in_flight(run: Run, workers: list[str]) -> None:
    with ModelServer(answer="A", latency=0.2) as server:
        run(*workers, model=f"openai/served-model@{server.url}")
        assert server.peak >= 4


def test_max_connections_bounds_the_whole_run(run: Run, workers: list[str]) -> None:
    with ModelServer(answer="A", latency=0.05) as server:
        run("--lleval-max-connections=2", *workers, model=f"openai/served-model@{server.url}")
        assert server.peak == 2


def test_max_connections_holds_for_workers_named_by_tx(run: Run) -> None:
    with ModelServer(answer="A", latency=0.05) as server:
        model = f"openai/served-model@{server.url}"
        run("--lleval-max-connections=4", "--dist=load", "--tx=2*popen", model=model).assert_outcomes(passed=12)
        assert server.peak <= 4


def test_a_case_marked_skip_is_not_asked(pytester: pytest.Pytester, run: Run, workers: list[str]) -> None:
    pytester.makeconftest(
        """
        import pytest

        def pytest_collection_modifyitems(items):
            for item in items:
                if "green" in item.name:
                    item.add_marker(pytest.mark.skip(reason="not today"))
                if "blue" in item.name:
                    item.add_marker(pytest.mark.blue)

        def pytest_configure(config):
            config.addinivalue_line("markers", "blue: a colour")
        """
    )
    with ModelServer(answer="A") as server:
        model = f"openai/served-model@{server.url}"
        result = run("-p", "skipping", *workers, model=model)
        result.assert_outcomes(passed=8, skipped=4)
        assert result.ret == 0
        assert not [seen for seen in server.posts if "green" in seen.question]
        run("-m", "blue", *workers, model=model).assert_outcomes(passed=4, deselected=0 if workers == ["-n2"] else 8)


def test_a_scorer_that_fails_leaves_the_case_unscored(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        broken="""
        from pytest_lleval import Sample, Score, Suite

        class Broken:
            name = "broken"
            def __call__(self, sample, completion):
                raise ZeroDivisionError("by zero")

        suite = Suite(name="broken", version="1", dataset=[Sample(id="1", input="q")], scorers=[Broken()])
        """
    )
    result = run(suite="broken.py")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["unscored: error: scorer 'broken' of suite 'broken' failed: ZeroDivisionError: by zero"]
    )


def test_what_execnet_cannot_carry_is_carried(pytester: pytest.Pytester, run: Run, workers: list[str]) -> None:
    """A lone surrogate in an answer ends a plain xdist session."""
    pytester.makepyfile(
        bot="""
        def answer(question):
            return "A" + chr(0xD800)
        """
    )
    result = run(*workers, model="callable/bot:answer")
    result.assert_outcomes(passed=12)
    texts = {record["completion"]["text"] for record in read_records(find_runs(pytester.path)[0])}
    assert texts == {"A\ud800"}
