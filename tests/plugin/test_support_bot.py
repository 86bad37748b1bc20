"""The example of eval cases beside unit tests, run as its README says."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pytest_lleval.core.errors import AssetError
from pytest_lleval.core.settings import DEFAULT_MODEL, parse_model
from pytest_lleval.providers.local_models import find_model

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "example_suites" / "support_bot"
PAGE = ROOT / "docs" / "eval-cases.md"


def run_example(folder: Path, *words: str) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    shutil.copytree(EXAMPLE, folder / "bot", ignore=shutil.ignore_patterns("__pycache__", ".lleval"))
    environment = {name: value for name, value in os.environ.items() if name not in ("LLEVAL_MODEL", "LLEVAL_LIVE")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "lleval", *words],
        cwd=folder / "bot",
        env={**environment, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=150,
    )
    (run,) = (folder / "bot" / ".lleval" / "runs").glob("*")
    return done, json.loads((run / "report.json").read_text())


def test_the_rule_of_the_example_prints_what_its_readme_shows(tmp_path: Path) -> None:
    done, report = run_example(tmp_path, "--lleval-model=callable/bot:guess_team")
    assert done.returncode == 0, done.stdout
    (shown,) = re.findall(r"^```text\n(.*?)^```$", (EXAMPLE / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    for line in shown.splitlines():
        assert line == "…" or line in done.stdout.splitlines(), line
    suites = {suite["suite"].rpartition("::")[2]: suite for suite in report["suites"]}
    assert suites["test_routes_ticket"]["scored"] == 24
    assert suites["test_spaces_change_nothing"]["traffic"]["requests"] == 4


def test_the_embedded_model_answers_the_example(tmp_path: Path) -> None:
    if importlib.util.find_spec("xllamacpp") is None:
        pytest.skip("needs xllamacpp: pip install 'pytest-lleval[local]'")
    try:
        find_model(parse_model("default", DEFAULT_MODEL))
    except AssetError as error:
        pytest.skip(f"needs the embedded model: {error}")
    done, report = run_example(tmp_path, "-k", "routing and refund or card", "--lleval-limit=3")
    # a part of the cases is no evidence about the whole
    assert "UNMEASURED  pass_rate>=0.3" in done.stdout, done.stdout
    (suite,) = report["suites"]
    assert suite["unscored"] == {}
    assert suite["traffic"]["output_tokens"] > 0
    (identity,) = report["models"]
    assert identity["kind"] == "real"


def test_the_page_on_eval_cases_shows_the_example_and_names_every_keyword() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for block in re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        compile(block, str(PAGE), "exec", dont_inherit=True)
    for keyword in ("dataset", "model", "backend", "epochs", "gate", "tags", "must_pass"):
        assert f"`{keyword}" in text, keyword
    source = (EXAMPLE / "test_bot.py").read_text(encoding="utf-8")
    (function,) = re.findall(r'^@pytest\.mark\.lleval\(dataset="tickets.*?(?=\n\n\n)', source, re.MULTILINE | re.DOTALL)
    assert function in text
