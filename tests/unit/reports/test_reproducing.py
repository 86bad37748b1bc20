import shlex
from typing import Any

from pytest_lleval.core.gates import parse_comparison, parse_threshold
from pytest_lleval.core.matrix import MatrixSettings
from pytest_lleval.core.settings import Allowance, Limit, Settings, parse_model
from pytest_lleval.core.sizes import parse_sizes
from pytest_lleval.reports.reproducing import lay_out_command, list_command


def describe(settings: Settings, **changes: Any) -> dict[str, Any]:
    return {"settings": settings.encode(), "suites": [], **changes}


def test_a_command_holds_what_was_set_and_nothing_else() -> None:
    settings = Settings(
        suites=("mmlu",),
        arguments={"method": "logprobs"},
        models=(parse_model("-", "openai/m@http://h/v1", {}),),
        limit=Limit(start=10, stop=20),
        epochs=3,
        temperature=0.7,
        gates=(parse_threshold("-", "accuracy>=0.6"),),
        comparisons=(parse_comparison("-", "accuracy:2%"),),
        baseline="main.json",
        unscored_allowed=Allowance(value=0.01, relative=True),
        stop_decided=True,
        strict=True,
        acknowledged={"F2": "gateway alias"},
    )
    assert list_command(describe(settings))[3:] == [
        "--lleval-suite=mmlu",
        "--lleval-arg=method=logprobs",
        "--lleval-model=openai/m@http://h/v1",
        "--lleval-limit=11-20",
        "--lleval-epochs=3",
        "--lleval-temperature=0.7",
        "--lleval-baseline=main.json",
        "--lleval-fail-on-unscored=1%",
        "--lleval-gate=accuracy>=0.6",
        "--lleval-compare-fail=accuracy:2%",
        "--lleval-stop=decided",
        "--lleval-strict",
        "--lleval-acknowledge=F2:gateway alias",
    ]


def test_tests_of_the_user_are_named() -> None:
    manifest = describe(Settings(), suites=[{"name": "tests/test_bot.py::test_x", "kind": "tests"}, {"name": "mmlu"}])
    assert list_command(manifest) == ["python", "-m", "pytest", "tests/test_bot.py::test_x"]


def test_a_shell_reads_the_same_words() -> None:
    manifest = describe(Settings(suites=("mmlu",), system_prompt='Don\'t `rm -rf $HOME`;\n"ever"'))
    assert shlex.split(lay_out_command(manifest).replace("\\\n", "")) == list_command(manifest)


def test_a_size_matrix_is_asked_for_again() -> None:
    matrix = MatrixSettings(sizes=parse_sizes("-", "xs,1k"), shared_prefix=True, budget=90.0)
    settings = Settings(models=(parse_model("-", "local/smollm2-135m", {}),), matrix=matrix)
    assert list_command(describe(settings))[3:] == [
        "--lleval-model=local/smollm2-135m",
        "--lleval-matrix=xs,1k",
        "--lleval-matrix-prefix=shared",
        "--lleval-matrix-budget=90",
    ]
