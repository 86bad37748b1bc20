"""What a backend has shown in one of several sessions is true of the whole run."""

from typing import Any

from run_parts import make_completion, make_evidence, make_identity, make_record

from pytest_lleval.core.canonical import canonical_prompt
from pytest_lleval.core.records import OTHERS, BackendIdentity, Disclosure, Generation, Timing, Trace, Usage
from pytest_lleval.disclosure.attachments import list_attachments
from pytest_lleval.disclosure.backends import judge_backends
from pytest_lleval.disclosure.prompts import judge_prompts
from pytest_lleval.disclosure.times import judge_times
from pytest_lleval.providers.canary import add_system, describe_answer, make_probe


def describe(text: str | None, *, counted: int | None = None, system: bool = False) -> dict[str, Any]:
    """What a probe shows that was answered by a text, or by the number it asked for."""
    probe = make_probe("chat", Generation(max_tokens=16))
    number = str(canonical_prompt(probe)["turns"][-1][1]).rpartition(" ")[2]
    probe = add_system(probe) if system else probe
    completion = make_completion(
        text=number if text is None else text,
        usage=Usage(input_tokens=counted, output_tokens=2),
        timing=Timing(total=0.5),
        trace=Trace(opened=1),
    )
    return describe_answer(probe, completion)


def attach(*evidence: dict[str, Any], **changes: Any) -> BackendIdentity:
    first, *others = evidence
    return make_identity(url="http://m/v1", evidence={**first, OTHERS: others} if others else first, **changes)


def judge(judged: Any, identity: BackendIdentity) -> tuple[Disclosure, ...]:
    records = [make_record(f"q{number}") for number in range(3)]
    return judged(make_evidence(records, [identity])).disclosures


GOOD = {"probes": [describe(None), describe(None)]}
DEAF = {"probes": [describe("I am a script"), describe("I am a script")]}


def test_most_backends_were_attached_once() -> None:
    identity = attach(GOOD)
    assert list_attachments(identity) == [identity]
    assert list_attachments(make_identity(evidence={OTHERS: "of a provider of its own"})) != []


def test_every_kind_of_evidence_is_an_attachment() -> None:
    assert [found.evidence["probes"] for found in list_attachments(attach(GOOD, DEAF))][1] == DEAF["probes"]


def test_one_backend_of_several_that_does_not_read_its_prompts_is_found() -> None:
    assert not judge(judge_backends, attach(GOOD))
    for identity in (attach(DEAF), attach(GOOD, DEAF), attach(DEAF, GOOD)):
        assert "its answers do not depend on what it is asked" in judge(judge_backends, identity)[0].message


def test_what_one_gateway_of_several_adds_to_prompts_is_found() -> None:
    plain, padded = ({"probes": [describe(None, counted=count, system=True)]} for count in (150, 900))
    assert not judge(judge_prompts, attach(plain))
    assert "counted 900 tokens in a prompt of about" in judge(judge_prompts, attach(plain, padded))[0].message


def test_what_one_process_of_several_did_before_its_first_call_is_found() -> None:
    slow = {**GOOD, "imported": {"seconds": 60.0, "processes": 1}}
    assert not judge(judge_times, attach(GOOD))
    assert "loading the function took 60.00 s" in judge(judge_times, attach(GOOD, slow))[0].message
