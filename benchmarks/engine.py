"""Whole commands that ask N short questions of one server, as multiples of the time the server alone would need.

The server is any that speaks OpenAI's protocol, named by ``--url``; ``--latency`` is what it takes for one answer, so
that the ideal is ``N / connections * latency``. Compared in one run, in turn: the official `openai` client under
`asyncio.gather`, aiohttp where it is installed, and this plugin with no, two and more workers.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

import psutil

SUITE = """
import json
from pathlib import Path
from pytest_lleval import Dataset, Generation, Sample, Suite, choice

def load(progress):
    rows = json.loads(Path(__file__).with_name("questions.json").read_text())
    samples = [Sample(id=str(n), input=text, target="A", choices=("a", "b", "c", "d")) for n, text in enumerate(rows)]
    return Dataset(name="questions", edition="generated", samples=samples)

questions = Suite(
    name="questions", version="1", dataset=load, scorers=[choice()], generation=Generation(max_tokens=4)
)
"""
OPENAI = """
import asyncio, json, sys
from openai import AsyncOpenAI

async def main(url, connections):
    gate = asyncio.Semaphore(connections)
    async with AsyncOpenAI(base_url=url, api_key="none") as client:
        async def ask(text):
            async with gate:
                messages = [{"role": "user", "content": text}]
                await client.chat.completions.create(model="any", messages=messages, max_tokens=4, temperature=0)
        await asyncio.gather(*map(ask, json.load(open("questions.json"))))

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""
AIOHTTP = """
import asyncio, json, sys
import aiohttp

async def main(url, connections):
    connector = aiohttp.TCPConnector(limit=connections)
    async with aiohttp.ClientSession(connector=connector) as session:
        async def ask(text):
            messages = [{"role": "user", "content": text}]
            body = {"model": "any", "messages": messages, "max_tokens": 4, "temperature": 0}
            async with session.post(url + "/chat/completions", json=body) as reply:
                (await reply.json())["choices"][0]["message"]["content"]
        await asyncio.gather(*map(ask, json.load(open("questions.json"))))

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


class Cost(NamedTuple):
    """Wall and CPU seconds of a command with all its processes."""

    wall: float
    cpu: float


def measure(command: list[str], folder: Path) -> Cost:
    """Run a command to its end; it must succeed."""
    before, began = psutil.Process().cpu_times(), time.perf_counter()
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        check=False,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    wall, after = time.perf_counter() - began, psutil.Process().cpu_times()
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command[:4])} … ended with {done.returncode}:\n{done.stdout[-2000:]}")
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Cost(wall=wall, cpu=cpu)


def list_contenders(url: str, connections: int, workers: list[int]) -> dict[str, list[str]]:
    """Return the commands to compare, by name."""
    python = [sys.executable, "-c"]
    found = {"openai client, asyncio.gather": [*python, OPENAI, url, str(connections)]}
    if importlib.util.find_spec("aiohttp"):
        found["aiohttp, asyncio.gather"] = [*python, AIOHTTP, url, str(connections)]
    session = [sys.executable, "-m", "pytest", "-q", "-p", "xdist", "-p", "lleval", "--lleval-suite=suite.py"]
    session += [f"--lleval-model=openai/any@{url}", f"--lleval-max-connections={connections}"]
    return found | {f"pytest --lleval-suite -n {count}": [*session, f"-n{count}"] for count in workers}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True, help="of the server, e.g. http://127.0.0.1:8000/v1")
    parser.add_argument("--latency", type=float, required=True, help="seconds the server takes for one answer")
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 2])
    parser.add_argument("--rounds", type=int, default=3)
    parsed = parser.parse_args()
    ideal = parsed.samples / parsed.connections * parsed.latency
    contenders = list_contenders(parsed.url.rstrip("/"), parsed.connections, parsed.workers)
    costs: dict[str, list[Cost]] = {name: [] for name in contenders}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "suite.py").write_text(SUITE, encoding="utf-8")
        texts = [f"Question {number}: which of A, B, C and D comes first?" for number in range(parsed.samples)]
        (folder / "questions.json").write_text(json.dumps(texts), encoding="utf-8")
        for _ in range(parsed.rounds):
            for contender, command in contenders.items():
                costs[contender].append(measure(command, folder))
    print(f"{parsed.samples:,} samples, {parsed.connections} in flight, {parsed.latency:g} s each: ideal {ideal:.2f} s")
    print(f"{'':<32}{'wall s':>8}{'x ideal':>9}{'CPU ms a sample':>17}")
    for contender, rounds in costs.items():
        wall, cpu = median(cost.wall for cost in rounds), median(cost.cpu for cost in rounds)
        print(f"{contender:<32}{wall:>8.2f}{wall / ideal:>9.2f}{cpu / parsed.samples * 1e3:>17.2f}")


if __name__ == "__main__":
    main()
