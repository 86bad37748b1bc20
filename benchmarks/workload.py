"""The reference work: N short questions of multiple choice, each one chat completion that is matched exactly."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["make_session", "read_records", "write_work"]

_SUITE = """
import json
from pathlib import Path
from typing import Any
from pytest_lleval import Dataset, Generation, Sample, Suite, choice

def load(progress):
    rows = json.loads(Path(__file__).with_name("questions.json").read_text())
    samples = [Sample(id=str(n), input=text, target="A", choices=("a", "b", "c", "d")) for n, text in enumerate(rows)]
    return Dataset(name="questions", edition="generated", samples=samples)

questions = Suite(
    name="questions", version="1", dataset=load, scorers=[choice()], generation=Generation(max_tokens=4)
)
"""
_TABLE = """
[tool.pytest_lleval.models.faulty]
model = "openai/any"
base_url = {url}
timeout = {timeout}
"""


def write_work(folder: Path, samples: int, *, url: str = "", timeout: float = 0.0) -> list[str]:
    """Write the questions and the suite, and return the questions.

    :param folder: made if need be
    :param samples: how many questions
    :param url: of a server that the model table `faulty` names; none for no table
    :param timeout: seconds that table gives one attempt
    """
    folder.mkdir(parents=True, exist_ok=True)
    questions = [f"Question {number}: which of A, B, C and D comes first?" for number in range(samples)]
    (folder / "questions.json").write_text(json.dumps(questions), encoding="utf-8")
    (folder / "suite.py").write_text(_SUITE, encoding="utf-8")
    # keeps pytest from looking for a root above
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    if url:
        table = _TABLE.format(url=json.dumps(url), timeout=timeout)
        (folder / "pyproject.toml").write_text(table, encoding="utf-8")
    return questions


def make_session(workers: int, words: Sequence[str], *, suite: str | None = "suite.py") -> list[str]:
    """Return the command of one of our sessions.

    :param workers: for ``-n``
    :param words: further options
    :param suite: None leaves it to a run that is resumed
    """
    session = [sys.executable, "-m", "pytest", "-q", "-p", "xdist", "-p", "lleval", "-p", "no:cacheprovider"]
    session += [] if suite is None else [f"--lleval-suite={suite}"]
    return [*session, f"-n{workers}", *words]


def read_records(run: Path) -> list[dict[str, Any]]:
    """Return the lines of a run's journal."""
    lines = (run / "samples.jsonl").read_text(encoding="ascii").splitlines()
    return [json.loads(line) for line in lines]
