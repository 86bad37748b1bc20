"""A suite as a pytest session, whatever way it is spread."""

import gc
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from rundirs import find_runs, read_records, read_scores

from pytest_lleval.execution.journal import JournalReader
from pytest_lleval.reports.view import load_view

from .conftest import Run


def test_every_case_is_recorded_once(pytester: pytest.Pytester, run: Run, workers: list[str]) -> None:
    result = run(*workers)
    result.assert_outcomes(passed=12)
    assert result.ret == 0
    records = read_records(find_runs(pytester.path)[0])
    assert len(records) == len({record["case"] for record in records}) == 12
    assert all(record["outcome"] == "scored" for record in records)


def test_the_summary_shows_groups_total_and_disclosures(run: Run, workers: list[str]) -> None:
    result = run(*workers)
    result.stdout.fnmatch_lines(
        [
            "*= lleval =*",
            "model    mock/fixed:A: *MOCK*",
            "suite    letters on mock/fixed:A",
            "dataset  letters, *12 of 12 samples asked",
            "blue * 4 * 0.250  [[]0.046, 0.699[]]",
            "green * 4 * 0.250 *",
            "red * 4 * 0.250 *",
            "accuracy * 0.250  [[]0.089, 0.532[]]  Wilson  [[]F3[]]",
            "scored   12, unscored 0",
            "traffic  requests 12 (0 retried), cache hits 0",
            "trustworthy: no (*F3 flagged*",
            "F3 backend      flagged    a mock answers*",
            "wall *",
            "run *runs*",
        ]
    )


def test_scores_do_not_depend_on_the_number_of_workers(pytester: pytest.Pytester, run: Run) -> None:
    for words in ([], ["-n2"], ["-n3", "--dist=worksteal"]):
        run(*words, model="mock/pick:A,B,C,D")
    first, *others = [read_scores(path) for path in find_runs(pytester.path)]
    assert len(first) == 12
    assert 0 < sum(first.values()) < 12
    assert others == [first, first]


def test_a_wrong_answer_passes_with_a_letter_of_its_own(run: Run) -> None:
    result = run()
    result.stdout.fnmatch_lines(["letters .www.www.www *"])


def test_verbose_output_says_right_and_wrong(run: Run, workers: list[str]) -> None:
    result = run("-v", *workers)
    result.stdout.fnmatch_lines_random(["*letters::red/0*fixed:A* RIGHT*"] if not workers else ["*RIGHT*"])
    result.stdout.fnmatch_lines_random(["*WRONG*"])


def test_records_hold_the_request_and_its_seed(pytester: pytest.Pytester, run: Run) -> None:
    run("--lleval-system-prompt=Be brief.", "--lleval-temperature=0.5", "--lleval-top-p=0.9", "--lleval-max-tokens=7")
    request = read_records(find_runs(pytester.path)[0])[0]["request"]
    assert request["messages"][0] == {"role": "system", "content": "Be brief."}
    assert (request["temperature"], request["top_p"], request["max_tokens"]) == (0.5, 0.9, 7)
    assert 0 <= request["seed"] < 2**31


def test_the_root_seed_moves_every_seed(pytester: pytest.Pytester, run: Run) -> None:
    run()
    run("--lleval-seed=1")
    run("--lleval-seed=1", "-n2")
    seeds = [
        {record["case"]: record["request"]["seed"] for record in read_records(path)}
        for path in find_runs(pytester.path)
    ]
    assert len(set(seeds[0].values())) == 12
    assert all(seeds[0][case] != seeds[1][case] for case in seeds[0])
    assert seeds[1] == seeds[2]


def test_epochs_run_inside_the_item(pytester: pytest.Pytester, run: Run, workers: list[str]) -> None:
    result = run("--lleval-epochs=3", *workers)
    result.assert_outcomes(passed=12)
    records = read_records(find_runs(pytester.path)[0])
    assert len(records) == 36
    assert {record["epoch"] for record in records} == {1, 2, 3}
    assert len({record["request"]["seed"] for record in records}) == 36


def test_several_models_are_asked_the_same_samples(pytester: pytest.Pytester, run: Run, workers: list[str]) -> None:
    result = run("--lleval-model=mock/fixed:B", *workers)
    result.assert_outcomes(passed=24)
    models = {record["model"] for record in read_records(find_runs(pytester.path)[0])}
    assert models == {"mock/fixed:A", "mock/fixed:B"}


def test_the_limit_is_stratified(pytester: pytest.Pytester, run: Run) -> None:
    run("--lleval-limit=3")
    samples = [record["sample"] for record in read_records(find_runs(pytester.path)[0])]
    assert samples == ["red/0", "green/0", "blue/0"]


def test_sample_ids_choose_by_glob(pytester: pytest.Pytester, run: Run) -> None:
    run("--lleval-sample-id=blue/*", "--lleval-sample-id=red/3")
    samples = {record["sample"] for record in read_records(find_runs(pytester.path)[0])}
    assert samples == {"red/3", "blue/0", "blue/1", "blue/2", "blue/3"}


def test_the_report_is_machine_readable(pytester: pytest.Pytester, run: Run) -> None:
    run()
    report = json.loads((find_runs(pytester.path)[0] / "report.json").read_text())
    suite = report["suites"][0]
    assert (suite["suite"], suite["scored"], suite["metrics"][0]["estimate"]["value"]) == ("letters", 12, 0.25)
    assert [found["factor"] for found in report["disclosures"]] == ["F3"]


def test_the_manifest_identifies_suite_and_model(pytester: pytest.Pytester, run: Run) -> None:
    run()
    manifest = json.loads((find_runs(pytester.path)[0] / "manifest.json").read_text())
    assert manifest["schema"] == 3
    assert len(manifest["suites"][0]["digest"]) == 64
    assert manifest["models"][0]["kind"] == "mock"
    assert "pytest" in manifest["environment"]["packages"]
    assert manifest["sessions"][0]["ended"] >= manifest["sessions"][0]["started"]


def test_unrelated_tests_stay_out_unless_asked_for(pytester: pytest.Pytester, run: Run, workers: list[str]) -> None:
    pytester.makepyfile(test_mine="def test_mine(): pass")
    run(*workers).assert_outcomes(passed=12)
    run("test_mine.py", *workers).assert_outcomes(passed=13)


def test_a_suite_in_the_ini_runs_beside_the_tests(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(test_mine="def test_mine(): pass")
    pytester.makeini("[pytest]\nlleval_suite = letters.py\nlleval_limit = 2\n")
    run(suite="").assert_outcomes(passed=3)


def test_fixtures_of_tests_survive_cases_between_them(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        test_mine="""
        import pytest

        @pytest.fixture(scope="session")
        def thing():
            yield 1
            print("thing torn down")

        def test_one(thing): pass
        """
    )
    result = run("test_mine.py", "-s")
    result.assert_outcomes(passed=13)
    result.stdout.fnmatch_lines(["*thing torn down*"])


def test_a_run_directory_can_be_chosen_but_not_reused(pytester: pytest.Pytester, run: Run) -> None:
    assert run("--lleval-run-dir=here").ret == 0
    assert len(read_records(pytester.path / "here")) == 12
    again = run("--lleval-run-dir=here")
    assert again.ret == pytest.ExitCode.USAGE_ERROR
    again.stderr.fnmatch_lines(["*already holds a run; go on with it by --lleval-resume=*"])


def test_a_dry_run_sends_nothing(pytester: pytest.Pytester, run: Run, workers: list[str]) -> None:
    result = run("--lleval-dry-run", *workers, model="openai/gpt-nobody@http://127.0.0.1:9/v1")
    result.stdout.fnmatch_lines(["*dry run: nothing was sent*", "*12 cases, 12 requests, * tokens in (*approximation*"])
    assert result.ret == 0
    assert not find_runs(pytester.path)


def test_models_can_have_names_in_pyproject(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyprojecttoml('[tool.pytest_lleval.models.always]\nmodel = "mock/fixed:B"\n')
    result = run("-v", model="always")
    result.stdout.fnmatch_lines(["*letters::red/1[[]always[]] RIGHT*"])


def test_the_model_can_come_from_the_environment(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLEVAL_MODEL", "mock/fixed:C")
    run(model=None).stdout.fnmatch_lines(["suite    letters on mock/fixed:C"])


def test_evidence_folder_keeps_itself_out_of_git(pytester: pytest.Pytester, run: Run) -> None:
    run()
    assert "*" in Path(pytester.path, ".lleval", ".gitignore").read_text().splitlines()


def test_a_suite_runs_where_xdist_is_not_installed(pytester: pytest.Pytester, suite_file: Path) -> None:
    pytester.makepyfile(
        alone="""
        import sys
        import pytest

        class Missing:
            def find_spec(self, name, path=None, target=None):
                if name.split(".")[0] in ("xdist", "execnet"):
                    raise ModuleNotFoundError(f"No module named {name!r}", name=name)

        sys.meta_path.insert(0, Missing())
        sys.exit(pytest.main(["-p", "lleval", "--lleval-suite=letters.py", "--lleval-model=mock/fixed:A"]))
        """
    )
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "alone.py"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)
    assert "12 passed" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0


@pytest.mark.parametrize("spread", ["-n0", "-n1"])
@pytest.mark.parametrize("typed", ["", "test_mine.py"])
def test_the_garbage_collector_passes_over_what_stays_unless_tests_run_too(
    pytester: pytest.Pytester, run: Run, spread: str, typed: str
) -> None:
    pytester.makepyfile(test_mine="def test_mine(): pass")
    pytester.makeconftest(
        """
        import gc, pytest
        from pathlib import Path

        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_protocol(item):
            Path("frozen").write_text(str(gc.get_freeze_count() > 1000))
            return (yield)
        """
    )
    before = gc.get_freeze_count()
    assert run(spread, *([typed] if typed else [])).ret == 0
    assert (pytester.path / "frozen").read_text() == str(not typed)
    assert gc.get_freeze_count() == before


def test_what_only_shows_or_shares_out_is_not_imported_before_the_model_is_asked(
    pytester: pytest.Pytester, suite_file: Path
) -> None:
    pytester.makeconftest(
        """
        import sys
        from pathlib import Path

        def pytest_sessionstart():
            from pytest_lleval.plugin import controller
            start = controller.run_aside

            def note(work):
                # the first that is done aside is to ask the models
                controller.run_aside = start
                Path("imported").write_text(" ".join(sys.modules))
                return start(work)

            controller.run_aside = note
        """
    )
    words = ["-p", "xdist", "-p", "lleval", "--lleval-suite=letters.py", "--lleval-model=mock/fixed:A", "-n0"]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "-m", "pytest", *words]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    imported = {name for name in (pytester.path / "imported").read_text().split() if name.startswith("pytest_lleval.")}
    assert "pytest_lleval.plugin.controller" in imported
    assert not imported & {f"pytest_lleval.{name}" for name in ("reports.terminal", "distribution.scheduler")}


def test_a_report_reads_the_journal_once(pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("--lleval-system-prompt=Be kind.").ret == 0
    (path,) = find_runs(pytester.path)
    read: list[str] = []
    lines = JournalReader.read_lines

    def note(self: JournalReader) -> Iterator[tuple[int, str]]:
        for at, line in lines(self):
            read.append(line)
            yield at, line

    monkeypatch.setattr(JournalReader, "read_lines", note)
    load_view(path)
    assert len(read) == len(set(read)) == 12
