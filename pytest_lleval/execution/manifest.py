"""What a run was: written when it starts, completed when it ends, compared when it is resumed."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from ..core.encoding import SCHEMA_VERSION, encode_disclosure, encode_identity
from ..core.errors import UsageError
from ..core.records import BackendIdentity, Disclosure
from ..core.settings import Settings
from .planning import RunPlan

__all__ = [
    "TESTS",
    "compare_experiments",
    "describe_experiment",
    "list_differences",
    "make_manifest",
    "refuse_tests",
]

#: the kind of a suite that is a test of the user's
TESTS = "tests"

#: settings that decide what is sampled from which distribution; the others only decide how much
_EXPERIMENT = ("seed", "temperature", "top_p", "max_tokens", "system_prompt")


def make_manifest(
    settings: Settings,
    plan: RunPlan,
    identities: Sequence[BackendIdentity],
    environment: Mapping[str, Any],
    disclosures: Sequence[Disclosure] = (),
) -> dict[str, Any]:
    """Describe a run that is about to start, in JSON values: as it will be read when the run is resumed."""
    described = {
        "schema": SCHEMA_VERSION,
        "created": time.time(),
        "settings": settings.encode(),
        "suites": plan.describe(),
        "models": [encode_identity(identity) for identity in identities],
        "disclosures": [encode_disclosure(found) for found in _unique((*plan.disclosures, *disclosures))],
        "environment": dict(environment),
        "sessions": [],
    }
    # parameters and details are a suite's or a provider's own values; tuples must compare as what they are read back
    plain: dict[str, Any] = json.loads(json.dumps(described, default=str))
    return plain


def compare_experiments(manifest: Mapping[str, Any], fresh: Mapping[str, Any], run: str) -> None:
    """Refuse to go on with a run under settings that would mix two experiments.

    :param manifest: of the run
    :param fresh: as this session would write it
    :param run: the run, for the message
    :raises UsageError: naming each difference
    """
    differences = list_differences(describe_experiment(manifest), describe_experiment(fresh))
    if differences:
        raise UsageError(
            f"--lleval-resume: {run} is another experiment ({'; '.join(differences)}); "
            "use the same settings or start a new run"
        )


def refuse_tests(manifest: Mapping[str, Any], run: str) -> None:
    """Refuse to go on with a run of tests: which of them run is pytest's to say.

    :param manifest: of the run
    :param run: the run, for the message
    :raises UsageError: naming one of the tests
    """
    tests = [suite["name"] for suite in manifest["suites"] if suite.get("kind") == TESTS]
    if tests:
        raise UsageError(
            f"--lleval-resume: {run} holds eval cases of tests, e.g. {tests[0]!r}, and only suites are resumed; "
            "run the tests again, e.g. by --lf"
        )


def list_differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return what differs in two descriptions of an experiment, in words."""
    return [
        f"{key}: was {old.get(key)!r}, is {new.get(key)!r}"
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
    ]


def describe_experiment(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return what makes a run another experiment than others, by name."""
    found = {key: manifest["settings"][key] for key in _EXPERIMENT}
    for suite in manifest["suites"]:
        for key in ("version", "parameters", "digest"):
            found[f"{suite['name']} {key}"] = suite[key]
    for model in manifest["models"]:
        found[f"{model['spec']} served model"] = model["served_model"]
        found[f"{model['spec']} fingerprint"] = model["fingerprint"]
    return found


def _unique(disclosures: Sequence[Disclosure]) -> list[Disclosure]:
    return list({found.message: found for found in disclosures}.values())
