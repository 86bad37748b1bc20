"""The same work in other tools: each function writes what its tool needs and returns the command, or why it cannot.

They are programs of their own, in an interpreter of the user's choice, because their dependencies exclude each other's.
These versions were compared; others may need other options::

    pip install aiohttp==3.14.5 openai==3.57.0 pytest==9.2.0 pytest-xdist==3.8.0
    pip install pydantic-evals==2.62.0 inspect-ai==0.3.285 'lm-eval[api]==0.4.13'
    pip install evals==3.0.1.post1          # openai/evals; pulls TensorFlow in, give it an environment of its own
    npm install --global promptfoo@0.121.20
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["PEERS", "Absent", "Contender", "Errand", "find_versions"]


@dataclass(frozen=True, kw_only=True)
class Errand:
    """What a peer is to do, and what it may use."""

    folder: Path
    url: str
    questions: Sequence[str]
    connections: int
    python: str
    #: of the packages the interpreter has
    versions: Mapping[str, str]

    def write(self, name: str, text: str) -> str:
        """Write a file and return its name."""
        (self.folder / name).write_text(text, encoding="utf-8")
        return name

    def write_lines(self, name: str, rows: Sequence[object]) -> str:
        """Write a file of JSON lines and return its name."""
        return self.write(name, "".join(json.dumps(row) + "\n" for row in rows))

    def run(self, program: str, *words: str, **environment: str) -> Contender:
        """Return the command that runs a Python program with the questions in a file beside it."""
        self.write("questions.json", json.dumps(list(self.questions)))
        command = (self.python, self.write("program.py", program), self.url, str(self.connections), *words)
        return Contender(command=command, environment=environment)

    def lacks(self, *packages: str) -> str | None:
        """Return how to install what is missing."""
        missing = [package for package in packages if package.partition("[")[0] not in self.versions]
        return (
            "not installed: pip install " + " ".join(f"'{one}'" if "[" in one else one for one in missing)
            if missing
            else None
        )


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A command to measure."""

    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Absent:
    """Why a tool is not compared."""

    reason: str


Peer = Callable[[Errand], Contender | Absent]

_RAW = """
import asyncio, json, sys
from urllib.parse import urlsplit

async def main(url, connections):
    place = urlsplit(url)
    questions = iter(json.load(open("questions.json")))

    async def ask_all():
        reader, writer = await asyncio.open_connection(place.hostname, place.port or 80)
        for text in questions:
            body = {"model": "any", "messages": [{"role": "user", "content": text}], "max_tokens": 4, "temperature": 0}
            data = json.dumps(body).encode()
            head = f"POST {place.path}/chat/completions HTTP/1.1\\r\\nhost: {place.netloc}\\r\\n"
            head += f"content-type: application/json\\r\\ncontent-length: {len(data)}\\r\\n\\r\\n"
            writer.write(head.encode() + data)
            reply = (await reader.readuntil(b"\\r\\n\\r\\n")).lower()
            assert reply.startswith(b"http/1.1 200"), reply
            length = int(reply.partition(b"content-length:")[2].partition(b"\\r\\n")[0])
            answer = json.loads(await reader.readexactly(length))["choices"][0]["message"]["content"]
            scores.append(answer == "A")
        writer.close()

    scores = []
    await asyncio.gather(*(ask_all() for _ in range(connections)))
    print(len(scores), "asked,", sum(scores), "right")

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""
_AIOHTTP = """
import asyncio, json, sys
import aiohttp

async def main(url, connections):
    connector = aiohttp.TCPConnector(limit=connections)
    async with aiohttp.ClientSession(connector=connector, raise_for_status=True) as session:
        async def ask(text):
            messages = [{"role": "user", "content": text}]
            body = {"model": "any", "messages": messages, "max_tokens": 4, "temperature": 0}
            async with session.post(url + "/chat/completions", json=body) as reply:
                return (await reply.json())["choices"][0]["message"]["content"] == "A"
        scores = await asyncio.gather(*map(ask, json.load(open("questions.json"))))
    print(len(scores), "asked,", sum(scores), "right")

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""
_OPENAI = """
import asyncio, json, sys
from openai import AsyncOpenAI

async def main(url, connections):
    gate = asyncio.Semaphore(connections)
    async with AsyncOpenAI(base_url=url, api_key="none") as client:
        async def ask(text):
            async with gate:
                messages = [{"role": "user", "content": text}]
                reply = await client.chat.completions.create(
                    model="any", messages=messages, max_tokens=4, temperature=0
                )
            return reply.choices[0].message.content == "A"
        scores = await asyncio.gather(*map(ask, json.load(open("questions.json"))))
    print(len(scores), "asked,", sum(scores), "right")

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""
_PYDANTIC = """
import asyncio, json, sys
from openai import AsyncOpenAI
from pydantic_evals import Case, Dataset
from pydantic_evals.evaluators import EqualsExpected

async def main(url, connections):
    questions = json.load(open("questions.json"))
    cases = [Case(name=str(n), inputs=text, expected_output="A") for n, text in enumerate(questions)]
    dataset = Dataset(name="questions", cases=cases, evaluators=[EqualsExpected()])
    async with AsyncOpenAI(base_url=url, api_key="none") as client:
        async def ask(text):
            messages = [{"role": "user", "content": text}]
            reply = await client.chat.completions.create(model="any", messages=messages, max_tokens=4, temperature=0)
            return reply.choices[0].message.content
        report = await dataset.evaluate(ask, max_concurrency=connections, progress=False)
    assert len(report.cases) == len(questions), report.failures[:1]
    print(report.averages())

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""
_PYTEST = """
import json
from pathlib import Path
import pytest
from openai import OpenAI

QUESTIONS = json.loads(Path(__file__).with_name("questions.json").read_text())

@pytest.fixture(scope="session")
def client():
    return OpenAI(base_url={url!r}, api_key="none")

@pytest.mark.parametrize("text", QUESTIONS, ids=range(len(QUESTIONS)))
def test_question(client, text):
    messages = [{{"role": "user", "content": text}}]
    reply = client.chat.completions.create(model="any", messages=messages, max_tokens=4, temperature=0)
    # a wrong answer is not what is measured here
    assert reply.choices[0].message.content in "ABCD"
"""
_INSPECT = """
from inspect_ai import Task, task
from inspect_ai.dataset import json_dataset
from inspect_ai.scorer import exact
from inspect_ai.solver import generate

@task
def questions():
    return Task(dataset=json_dataset("rows.jsonl"), solver=generate(), scorer=exact())
"""
_LM_EVAL = """
task: questions
dataset_path: json
dataset_kwargs:
  data_files:
    test: {rows}
test_split: test
output_type: generate_until
doc_to_text: "{{{{input}}}}"
doc_to_target: "{{{{target}}}}"
generation_kwargs:
  max_gen_toks: 4
  temperature: 0
  until: []
metric_list:
  - metric: exact_match
    aggregation: mean
    higher_is_better: true
"""
_EVALS = """
questions:
  id: questions.test.v0
  metrics: [accuracy]
questions.test.v0:
  class: evals.elsuite.basic.match:Match
  args:
    samples_jsonl: {rows}
"""


def make_raw(errand: Errand) -> Contender | Absent:
    """Hand-written HTTP/1.1 on asyncio's streams: the floor."""
    return errand.run(_RAW)


def make_aiohttp(errand: Errand) -> Contender | Absent:
    """One session of aiohttp."""
    lacking = errand.lacks("aiohttp")
    return Absent(reason=lacking) if lacking else errand.run(_AIOHTTP)


def make_openai(errand: Errand) -> Contender | Absent:
    """The official client under a semaphore."""
    lacking = errand.lacks("openai")
    return Absent(reason=lacking) if lacking else errand.run(_OPENAI)


def make_pydantic(errand: Errand) -> Contender | Absent:
    """A dataset of pydantic-evals over the official client."""
    lacking = errand.lacks("pydantic-evals", "openai")
    return Absent(reason=lacking) if lacking else errand.run(_PYDANTIC)


def make_lm_eval(errand: Errand) -> Contender | Absent:
    """A task of lm-evaluation-harness on its own client for this protocol."""
    if lacking := errand.lacks("lm-eval[api]"):
        return Absent(reason=lacking)
    rows = errand.write_lines("rows.jsonl", _make_rows(errand))
    errand.write("questions.yaml", _LM_EVAL.format(rows=json.dumps(str(errand.folder / rows))))
    model = f"model=any,base_url={errand.url}/chat/completions,num_concurrent={errand.connections},max_retries=3"
    words = ["--model", "local-chat-completions", "--model_args", f"{model},tokenized_requests=False"]
    words += ["--tasks", "questions", "--include_path", ".", "--apply_chat_template"]
    return Contender(
        command=(errand.python, "-m", "lm_eval", *words),
        environment={
            "OPENAI_API_KEY": "none",
            "HF_HUB_OFFLINE": "1",
            "HF_DATASETS_OFFLINE": "1",
            "HF_HOME": str(errand.folder / "home"),
        },
    )


def make_inspect(errand: Errand) -> Contender | Absent:
    """A task of Inspect through its generic provider for this protocol."""
    if lacking := errand.lacks("inspect-ai", "openai"):
        return Absent(reason=lacking)
    errand.write_lines("rows.jsonl", _make_rows(errand))
    words = ["eval", errand.write("questions.py", _INSPECT), "--model", "openai-api/bench/any"]
    words += ["--max-connections", str(errand.connections), "--max-samples", str(errand.connections)]
    words += ["--max-tokens", "4", "--temperature", "0", "--display", "none", "--log-dir", "logs"]
    return Contender(
        command=(errand.python, "-m", "inspect_ai", *words),
        environment={"BENCH_API_KEY": "none", "BENCH_BASE_URL": errand.url},
    )


def make_evals(errand: Errand) -> Contender | Absent:
    """A match of openai/evals; its threads are its connections."""
    if lacking := errand.lacks("evals"):
        return Absent(reason=lacking)
    environment = {"OPENAI_API_KEY": "none", "OPENAI_BASE_URL": errand.url, "EVALS_THREADS": str(errand.connections)}
    probe = subprocess.run(
        [errand.python, "-c", "import evals.cli.oaieval"],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )
    if probe.returncode != 0:
        return Absent(reason=f"its install is broken: {probe.stderr.strip().splitlines()[-1]}")
    rows = [{"input": [{"role": "user", "content": text}], "ideal": "A"} for text in errand.questions]
    registry = errand.folder / "registry" / "evals"
    registry.mkdir(parents=True, exist_ok=True)
    samples = errand.folder / errand.write_lines("rows.jsonl", rows)
    (registry / "questions.yaml").write_text(_EVALS.format(rows=json.dumps(str(samples))), encoding="utf-8")
    words = ["gpt-3.5-turbo", "questions", "--registry_path", str(registry.parent), "--record_path", "record.jsonl"]
    return Contender(command=(errand.python, "-m", "evals.cli.oaieval", *words), environment=environment)


def make_promptfoo(errand: Errand) -> Contender | Absent:
    """An eval of promptfoo, without its cache, its database kept in the folder."""
    program = shutil.which("promptfoo")
    if program is None:
        return Absent(reason="not installed: npm install --global promptfoo@0.121.20")
    provider = {
        "id": "openai:chat:any",
        "config": {"apiBaseUrl": errand.url, "apiKey": "none", "max_tokens": 4, "temperature": 0},
    }
    checks = [{"type": "equals", "value": "A"}]
    tests = [{"vars": {"text": text}, "assert": checks} for text in errand.questions]
    config = {"prompts": ["{{text}}"], "providers": [provider], "tests": tests}
    words = ["eval", "-c", errand.write("promptfooconfig.json", json.dumps(config)), "-j", str(errand.connections)]
    words += ["--no-cache", "--no-table", "--no-progress-bar", "-o", "results.json"]
    return Contender(
        command=(program, *words),
        environment={
            "PROMPTFOO_CONFIG_DIR": str(errand.folder / "home"),
            "PROMPTFOO_DISABLE_TELEMETRY": "1",
            "PROMPTFOO_DISABLE_UPDATE": "1",
            # a wrong answer is not what is measured here
            "PROMPTFOO_FAILED_TEST_EXIT_CODE": "0",
        },
    )


def make_pytest(errand: Errand) -> Contender | Absent:
    """Plain pytest with eight workers and a synchronous call in each test."""
    if lacking := errand.lacks("pytest", "pytest-xdist", "openai"):
        return Absent(reason=lacking)
    errand.write("questions.json", json.dumps(list(errand.questions)))
    errand.write("pytest.ini", "[pytest]\n")
    name = errand.write("test_questions.py", _PYTEST.format(url=errand.url))
    return Contender(command=(errand.python, "-m", "pytest", "-q", "-p", "xdist", "-n8", name))


PEERS: Mapping[str, Peer] = {
    "raw sockets": make_raw,
    "aiohttp": make_aiohttp,
    "openai client": make_openai,
    "pydantic-evals": make_pydantic,
    "lm-eval": make_lm_eval,
    "promptfoo": make_promptfoo,
    "pytest -n 8, a call a test": make_pytest,
    "Inspect": make_inspect,
    "openai/evals": make_evals,
}


def find_versions(python: str) -> dict[str, str]:
    """Return the versions of all packages an interpreter has, by name in lower case with dashes."""
    code = (
        "import importlib.metadata as m, json; "
        "print(json.dumps({d.metadata['Name'].lower().replace('_', '-'): d.version for d in m.distributions()}))"
    )
    found = subprocess.run(
        [python, "-c", code], check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONWARNINGS": ""}
    )
    versions: dict[str, str] = json.loads(found.stdout)
    return versions


def _make_rows(errand: Errand) -> list[dict[str, str]]:
    return [{"input": text, "target": "A"} for text in errand.questions]
