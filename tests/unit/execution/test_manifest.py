import json
from dataclasses import replace

import pytest

from pytest_lleval.core.errors import UsageError
from pytest_lleval.core.records import BackendIdentity, Disclosure, Sample
from pytest_lleval.core.settings import Limit, ModelSpec, Settings
from pytest_lleval.execution.asking import Plan
from pytest_lleval.execution.manifest import compare_experiments, make_manifest
from pytest_lleval.execution.planning import RunPlan
from pytest_lleval.suites.definition import Dataset, Suite

SETTINGS = Settings(suites=("s",), models=(ModelSpec(provider="openai", model="m"),))
IDENTITY = BackendIdentity(
    spec="openai/m", provider="openai", kind="real", requested_model="m", served_model="m-2026", fingerprint="fp1"
)
NOTE = Disclosure(factor="D", severity="note", message="a subset")


def make_plan(target: str = "A", **changes: object) -> RunPlan:
    values = {"name": "s", "version": "1", "dataset": (), "scorers": (), "parameters": {"shots": (1, 2), 3: None}}
    sample = Sample(id="x", input="?", target=target)
    dataset = Dataset(name="s", edition="full", samples=[sample], disclosures=(NOTE, NOTE))
    suite = Suite(**{**values, **changes})
    return RunPlan(plans={suite.name: Plan(suite=suite, dataset=dataset)}, cases=())


def make(settings: Settings = SETTINGS, plan: RunPlan | None = None, identity: BackendIdentity = IDENTITY):
    return make_manifest(settings, plan or make_plan(), [identity], {"python": "3.11"})


def test_a_manifest_is_what_json_makes_of_it() -> None:
    manifest = make()
    assert json.loads(json.dumps(manifest)) == manifest
    assert (manifest["schema"], manifest["sessions"]) == (3, [])
    assert manifest["disclosures"] == [{"factor": "D", "severity": "note", "message": "a subset", "evidence": {}}]
    assert Settings.decode(manifest["settings"]) == SETTINGS


def test_a_run_goes_on_after_its_trip_through_a_file() -> None:
    """Tuples are lists and numbers are texts once they have been keys of JSON; neither is another experiment."""
    stored = json.loads(json.dumps(make()))
    compare_experiments(stored, make(), "run")


@pytest.mark.parametrize(
    "changes",
    [{"limit": Limit(start=0, stop=3)}, {"epochs": 4}, {"max_connections": 2}, {"sample_ids": ("x",)}, {"resume": ""}],
)
def test_asking_more_or_faster_is_the_same_experiment(changes: dict[str, object]) -> None:
    compare_experiments(make(), make(replace(SETTINGS, **changes)), "run")


@pytest.mark.parametrize(
    ("fresh", "difference"),
    [
        (make(replace(SETTINGS, seed=7)), "seed: was 0, is 7"),
        (make(replace(SETTINGS, temperature=0.5)), "temperature: was None, is 0.5"),
        (make(replace(SETTINGS, top_p=0.5)), "top_p: was None, is 0.5"),
        (make(replace(SETTINGS, max_tokens=5)), "max_tokens: was None, is 5"),
        (make(replace(SETTINGS, system_prompt="Hi")), "system_prompt: was None, is 'Hi'"),
        (make(plan=make_plan(target="B")), "s digest: was '"),
        (make(plan=make_plan(version="2")), "s version: was '1', is '2'"),
        (make(plan=make_plan(parameters={"shots": 5})), "s parameters: was {"),
        (make(plan=make_plan(name="t")), "t version: was None, is '1'"),
        (make(identity=replace(IDENTITY, served_model="m-2027")), "openai/m served model: was 'm-2026', is 'm-2027'"),
        (make(identity=replace(IDENTITY, fingerprint="fp2")), "openai/m fingerprint: was 'fp1', is 'fp2'"),
        (make(identity=replace(IDENTITY, spec="openai/n")), "openai/n served model: was None, is 'm-2026'"),
    ],
)
def test_another_experiment_is_refused_with_the_difference(fresh: dict[str, object], difference: str) -> None:
    with pytest.raises(UsageError) as caught:
        compare_experiments(make(), fresh, "runs/one")
    assert str(caught.value).startswith("--lleval-resume: runs/one is another experiment (")
    assert difference in str(caught.value)
