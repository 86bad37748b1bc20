"""The same answers and scores however a run is spread, and as the plain client gets them from the same server."""

import importlib.util
from pathlib import Path

import pytest
from rundirs import find_runs, read_records

from pytest_lleval.core.errors import AssetError
from pytest_lleval.core.records import Completion, Request
from pytest_lleval.core.settings import DEFAULT_MODEL, Limit, Settings, parse_model
from pytest_lleval.execution.asking import Asker
from pytest_lleval.execution.planning import plan_run
from pytest_lleval.providers.registry import start_service

from .conftest import Run

#: text and score by case
Answers = dict[str, tuple[str, float]]


def ask_plainly(limit: int) -> Answers:
    """Ask the first `limit` questions one after the other, by the documented call of the official client."""
    if importlib.util.find_spec("xllamacpp") is None:
        pytest.skip("needs xllamacpp: pip install 'pytest-lleval[local]'")
    from openai import DefaultHttpxClient, OpenAI

    spec = parse_model("--lleval-model", DEFAULT_MODEL)
    settings = Settings(suites=("mmlu",), models=(spec,), limit=Limit(start=0, stop=limit))
    try:
        plan = plan_run(settings)
        service = start_service(spec, log_dir=None, progress=None)
    except AssetError as error:
        pytest.skip(f"needs the embedded model and MMLU: {error}")
    asker = Asker(plans=plan.plans, callers={}, settings=settings)
    scorer = plan.plans["mmlu"].suite.scorers[0]
    answers: Answers = {}
    try:
        http = DefaultHttpxClient(trust_env=False)
        with OpenAI(base_url=service.connection["url"], api_key="local", http_client=http) as client:
            for case in plan.cases:
                text = send(client, spec.model, asker.build(case))
                answers[case.id] = (text, scorer(case.sample, Completion(text=text, model="")).value)
    finally:
        service.close()
    return answers


def send(client: object, model: str, request: Request) -> str:
    reply = client.chat.completions.create(
        model=model,
        messages=[{"role": turn.role, "content": turn.content} for turn in request.messages],
        temperature=request.generation.temperature,
        max_tokens=request.generation.max_tokens,
        seed=request.generation.seed,
    )
    return reply.choices[0].message.content


def read_answers(run: Path) -> Answers:
    return {
        record["case"]: (record["completion"]["text"], record["scores"][0]["value"]) for record in read_records(run)
    }


def check_ways(root: Path, run: Run, limit: int, ways: list[list[str]]) -> None:
    plain = ask_plainly(limit)
    assert len(plain) == limit
    for words in ways:
        result = run(f"--lleval-limit={limit}", *words, model=DEFAULT_MODEL, suite="mmlu")
        result.assert_outcomes(passed=limit)
    found = [read_answers(path) for path in find_runs(root)]
    assert found == [plain] * len(ways)


@pytest.mark.timeout(600)
def test_one_process_two_workers_and_the_plain_client_get_the_same(pytester: pytest.Pytester, run: Run) -> None:
    check_ways(pytester.path, run, 6, [[], ["-n2"]])


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_four_workers_and_the_plain_client_get_the_same_forty_answers(pytester: pytest.Pytester, run: Run) -> None:
    check_ways(pytester.path, run, 40, [["-n4"]])
