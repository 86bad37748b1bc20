"""Whether the plugin gives the same answers as the plain `openai` client, case by case, on the embedded model.

The client asks the first N questions of MMLU (in the order of ``--lleval-limit``) one after the other, with the
requests the plugin would send; then the plugin asks them in sessions of its own. Printed is how many texts and scores
differ.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from openai import DefaultHttpxClient, OpenAI

from pytest_lleval.core.encoding import encode_request
from pytest_lleval.core.records import Case, Completion, Request
from pytest_lleval.core.settings import DEFAULT_MODEL, Limit, Settings, parse_model
from pytest_lleval.execution.asking import Asker
from pytest_lleval.execution.planning import plan_run
from pytest_lleval.providers.registry import start_service

#: what a case came to: the request as recorded, the text of the answer, the score
Answers = Mapping[str, tuple[Mapping[str, Any], str, float]]


@contextmanager
def open_client(settings: Settings) -> Iterator[OpenAI]:
    """Serve the model and yield a client of it."""
    service = start_service(settings.models[0], log_dir=None, progress=None)
    if service is None:
        raise SystemExit(f"{settings.models[0].name} needs no server of ours")
    try:
        with OpenAI(
            base_url=service.connection["url"], api_key="local", http_client=DefaultHttpxClient(trust_env=False)
        ) as client:
            yield client
    finally:
        service.close()


def ask_plainly(client: OpenAI, model: str, request: Request) -> str:
    """Send one request by the client's documented call."""
    generation = request.generation
    reply = client.chat.completions.create(
        model=model,
        messages=[{"role": turn.role, "content": turn.content} for turn in request.messages],  # type: ignore[misc]
        temperature=generation.temperature,
        max_tokens=generation.max_tokens,
        seed=generation.seed,
    )
    return reply.choices[0].message.content or ""


def ask_all(settings: Settings) -> Answers:
    """Ask every case with the plain client, one after the other."""
    plan = plan_run(settings)
    asker = Asker(plans=plan.plans, callers={}, settings=settings)

    def answer(client: OpenAI, case: Case) -> tuple[Mapping[str, Any], str, float]:
        request = asker.build(case)
        text = ask_plainly(client, settings.models[0].model, request)
        scorer = plan.plans[case.suite].suite.scorers[0]
        return encode_request(request), text, scorer(case.sample, Completion(text=text, model="")).value

    with open_client(settings) as client:
        return {case.id: answer(client, case) for case in plan.cases}


def run_plugin(folder: Path, limit: int, workers: str) -> Answers:
    """Run the plugin in a session of its own and return what its journal says."""
    words = [
        "--lleval-suite=mmlu",
        "--lleval-cache=off",
        f"--lleval-model={DEFAULT_MODEL}",
        f"--lleval-limit={limit}",
        "--lleval-run-dir=run",
    ]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "xdist", "-p", "lleval", *words, *workers.split()]
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        check=False,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-3000:]}")
    lines = (folder / "run" / "samples.jsonl").read_text(encoding="ascii").splitlines()
    records = [json.loads(line) for line in lines]
    return {
        record["case"]: (
            {**record["request"], "stop": tuple(record["request"]["stop"])},
            record["completion"]["text"],
            record["scores"][0]["value"],
        )
        for record in records
    }


def count_differences(one: Answers, other: Answers) -> tuple[int, int, int, int]:
    """Return how many cases are in one alone, and how many requests, texts and scores differ."""
    both = one.keys() & other.keys()
    parts = [sum(one[case][index] != other[case][index] for case in both) for index in range(3)]
    return len(one.keys() ^ other.keys()), parts[0], parts[1], parts[2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=int, default=200)
    parser.add_argument("--ways", nargs="+", default=["-n 0", "-n 2"], help="how the plugin's sessions are spread")
    parsed = parser.parse_args()
    models = (parse_model("--lleval-model", DEFAULT_MODEL),)
    began = time.perf_counter()
    plain = ask_all(Settings(suites=("mmlu",), models=models, limit=Limit(start=0, stop=parsed.limit)))
    right = sum(score for _, _, score in plain.values())
    print(f"plain client: {len(plain)} cases, {right:.0f} right, {time.perf_counter() - began:.1f} s")
    print(f"{'plugin':<12}{'seconds':>10}{'cases in one alone':>20}{'requests differ':>17}{'texts':>8}{'scores':>8}")
    for way in parsed.ways:
        with tempfile.TemporaryDirectory() as name:
            began = time.perf_counter()
            found = run_plugin(Path(name), parsed.limit, way)
            seconds = time.perf_counter() - began
        alone, requests, texts, scores = count_differences(plain, found)
        print(f"{way:<12}{seconds:>10.1f}{alone:>20}{requests:>17}{texts:>8}{scores:>8}")


if __name__ == "__main__":
    main()
