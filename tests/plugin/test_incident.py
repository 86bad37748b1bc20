"""The example of a run that is fast for three wrong reasons, run as its README says."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
MODEL = "callable/example_suites.incident.fast_model:answer"
COMMAND = ("--lleval-suite=example_suites/incident/suite.py", f"--lleval-model={MODEL}")


def run_incident(folder: Path, *words: str) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    session = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "lleval", *COMMAND]
    done = subprocess.run(
        [*session, f"--lleval-run-dir={folder / 'run'}", *words],
        cwd=ROOT,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done, json.loads((folder / "run" / "report.json").read_text())


@pytest.fixture(scope="module")
def incident(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Any]]:
    done, report = run_incident(tmp_path_factory.mktemp("incident"))
    assert done.returncode == 0, done.stdout
    return done.stdout, report


@pytest.mark.parametrize(
    ("factor", "said"),
    [
        ("F3", "its answers do not depend on what it is asked"),
        ("F4", "the tokens it reports of prompts are its characters"),
        ("F5", "and started 1 processes, which is in no call's time"),
    ],
)
def test_the_incident_exposes_each_of_its_three_mistakes(
    incident: tuple[str, dict[str, Any]], factor: str, said: str
) -> None:
    output, report = incident
    (verdict,) = (verdict for verdict in report["factors"] if verdict["factor"] == factor)
    assert verdict["state"] == "flagged"
    assert said in " ".join(found["message"] for found in verdict["disclosures"])
    assert said in " ".join(output.split())


def test_the_incident_is_right_every_time_and_not_trustworthy(incident: tuple[str, dict[str, Any]]) -> None:
    output, report = incident
    assert not report["trustworthy"]
    assert "accuracy                 1.000" in output
    assert "[F3, F4, F5]" in output


def test_the_incident_fails_when_the_user_is_strict(tmp_path: Path) -> None:
    done, _ = run_incident(tmp_path, "--lleval-strict")
    assert done.returncode == 1


def test_the_readme_of_the_incident_shows_the_command_that_was_run() -> None:
    text = (ROOT / "example_suites" / "incident" / "README.md").read_text(encoding="utf-8")
    assert all(word in text for word in COMMAND)
