import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from provider_cases import attach_with, make_spec
from serving import ModelServer, SeenRequest

from pytest_lleval.core.canonical import canonical_prompt
from pytest_lleval.core.records import Completion, Generation, Request, Timing, Trace, Usage
from pytest_lleval.providers.canary import (
    add_system,
    describe_answer,
    has_repeated,
    is_proof,
    make_probe,
    renew_probe,
)
from pytest_lleval.providers.openai import OpenAIProvider

SMALL = Generation(max_tokens=16)
KINDS = ["chat", "completion"]


def read_number(probe: Request) -> str:
    text = probe.prompt or probe.messages[-1].content
    return text.split("Number: ")[1].strip() if probe.prompt else text.removeprefix("Repeat this number: ")


def describe(probe: Request, text: str) -> dict[str, object]:
    return describe_answer(probe, Completion(text=text, model="m"))


@pytest.mark.parametrize("kind", KINDS)
def test_every_probe_asks_for_a_number_of_its_own(kind: str) -> None:
    probes = [make_probe(kind, SMALL) for _ in range(50)]
    assert {probe.kind for probe in probes} == {kind}
    assert {probe.generation for probe in probes} == {SMALL}
    assert len({read_number(probe) for probe in probes}) > 25


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_cannot_be_foretold_by_seeding(kind: str) -> None:
    drawn = []
    for _ in range(2):
        random.seed(1)
        drawn.append([make_probe(kind, SMALL) for _ in range(5)])
    assert drawn[0] != drawn[1]


@pytest.mark.parametrize("kind", KINDS)
def test_a_probe_is_renewed_with_kind_and_generation_kept(kind: str) -> None:
    probe = make_probe(kind, SMALL)
    renewed = [renew_probe(probe) for _ in range(20)]
    assert {(found.kind, found.generation) for found in renewed} == {(kind, SMALL)}
    assert any(found != probe for found in renewed)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", ["{}", " {}\n", "The number is {}.", "**{}**"])
def test_an_answer_with_the_number_is_proof(kind: str, form: str) -> None:
    probe = make_probe(kind, SMALL)
    found = describe(probe, form.format(read_number(probe)))
    assert is_proof(found)
    assert (found["repeated"], found["echoed"], found["empty"]) == (True, False, False)


@given(st.text(max_size=30).filter(lambda text: not any(letter.isdigit() for letter in text)))
def test_an_answer_without_the_number_is_none(text: str) -> None:
    probe = make_probe("chat", SMALL)
    assert not has_repeated(probe, Completion(text=text, model="m"))
    assert not is_proof(describe(probe, text))


@pytest.mark.parametrize("kind", KINDS)
def test_whoever_gives_the_question_back_has_proven_nothing(kind: str) -> None:
    probe = make_probe(kind, SMALL)
    found = describe(probe, (probe.prompt or probe.messages[-1].content) + "\n")
    assert (found["repeated"], found["echoed"]) == (True, True)
    assert not is_proof(found)


@pytest.mark.parametrize("text", ["", "  \n"])
def test_an_empty_answer_is_no_evidence_either_way(text: str) -> None:
    found = describe(make_probe("chat", SMALL), text)
    assert (found["empty"], found["repeated"], found["echoed"]) == (True, False, False)


def test_a_system_prompt_of_its_own_leaves_the_question_as_it_was() -> None:
    probe = make_probe("chat", SMALL)
    added = add_system(probe)
    assert canonical_prompt(added)["system"]
    assert added.messages[-1:] == probe.messages
    assert is_proof(describe(added, read_number(probe)))


def test_an_answer_is_described_in_json_values() -> None:
    probe = make_probe("chat", SMALL)
    completion = Completion(
        text="x" * 900,
        model="m-1",
        fingerprint="fp",
        usage=Usage(input_tokens=9, output_tokens=3),
        timing=Timing(total=0.25, connect=0.1),
        trace=Trace(opened=1),
    )
    found = describe_answer(probe, completion)
    assert json.loads(json.dumps(found)) == found
    assert len(found["text"]) == 200
    assert found["prompt"] == canonical_prompt(probe)
    seen = [found[name] for name in ("input_tokens", "output_tokens", "seconds", "connect", "opened", "model")]
    assert seen == [9, 3, 0.25, 0.1, 1, "m-1"]


def repeat(request: SeenRequest) -> str:
    return "It is " + request.question.rpartition(": ")[2]


@pytest.mark.parametrize(("answer", "reads"), [(repeat, True), ("Hello!", False)])
def test_a_server_that_reads_its_prompts_is_told_from_one_that_does_not(answer: object, reads: bool) -> None:
    with ModelServer(answer, obeys=False) as server:
        provider = OpenAIProvider(make_spec(f"openai/served-model@{server.url}"), api_key="k")
        identity = attach_with(provider, make_probe("chat", SMALL))
    probes = identity.evidence["probes"]
    assert any(map(is_proof, probes)) == reads
    # whoever failed was asked once more, with another number
    assert sum(not is_proof(found) for found in probes) >= (0 if reads else 2)
