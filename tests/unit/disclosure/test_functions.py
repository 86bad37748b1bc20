from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from run_parts import make_completion, make_record, make_request
from trust_parts import PROOF, make_function, messages_of, see

from pytest_lleval.core.records import BackendIdentity, Record, Trace, Usage, Verdict
from pytest_lleval.disclosure.backends import judge_backends

QUIET = Trace(opened=0, processes=0, files=0, cpu=0.0001)
SPEC = "callable/bot:answer"
READS = {**PROOF, "opened": 0}
DEAF = {**READS, "text": "Hello!", "repeated": False}


def call(count: int = 12, trace: Trace = QUIET, **changes: Any) -> list[Record]:
    values = {"model": "bot:answer", "fingerprint": None, "usage": Usage(), **changes}
    return [
        make_record(
            str(at),
            model=SPEC,
            request=make_request(f"What is {at}?"),
            completion=make_completion(**{"text": f"It is {at}.", "trace": trace, **values}),
        )
        for at in range(count)
    ]


def judge(records: Sequence[Record], identity: BackendIdentity | None = None) -> Verdict:
    return judge_backends(see(records, (identity or make_function(),)))


def test_a_function_that_did_nothing_is_unverified() -> None:
    verdict = judge(call())
    assert (verdict.state, verdict.disclosures) == ("unverified", ())
    assert verdict.message == (
        f"{SPEC} is a function that opened no connection and started no process; whether a model stands behind it "
        "cannot be seen"
    )


@pytest.mark.parametrize(
    ("trace", "did"),
    [
        (replace(QUIET, opened=1), "opened 12 connections and started no process"),
        (replace(QUIET, processes=1), "opened no connection and started 12 processes"),
        (replace(QUIET, opened=2, files=3), "opened 24 connections, started no process and read 36 files"),
    ],
)
def test_a_function_that_asked_somebody_and_reads_its_prompts_is_clean(trace: Trace, did: str) -> None:
    verdict = judge(call(trace=trace))
    assert verdict.state == "clean"
    assert verdict.message == f"{SPEC}: the function {did}, and its answers depend on what it is asked"


def test_connections_of_the_import_and_of_probes_count() -> None:
    assert judge(call(), make_function(imported={"opened": 1, "processes": 0})).state == "clean"
    assert judge(call(), make_function(imported={"opened": 0, "processes": 1})).state == "clean"
    assert judge(call(), make_function(probes=[{**READS, "opened": 1}])).state == "clean"


def test_connections_alone_do_not_prove_that_prompts_are_read() -> None:
    busy = replace(QUIET, opened=1)
    assert judge(call(trace=busy), make_function(probes=[])).state == "unverified"
    assert judge(call(trace=busy), make_function(probes=[DEAF, DEAF])).state == "unverified"


@pytest.mark.parametrize(
    ("changes", "served", "claim"),
    [
        ({"usage": Usage(output_tokens=5)}, "bot:answer", "token counts"),
        ({"response_id": "chatcmpl-1"}, "bot:answer", "a server's response ids"),
        ({"model": "gpt-9"}, "gpt-9", "that 'gpt-9' answered"),
    ],
)
def test_a_function_that_claims_what_only_a_model_could_tell_is_found(
    changes: dict[str, Any], served: str, claim: str
) -> None:
    verdict = judge(call(**changes), replace(make_function(), served_model=served))
    assert messages_of(verdict, "critical") == (
        f"{SPEC}: it claims {claim}, but it opened no connection and started no process and computed 0.10 ms a call: "
        "no model was asked"
    )


@pytest.mark.parametrize("trace", [replace(QUIET, cpu=0.5), replace(QUIET, cpu=None), replace(QUIET, opened=1), None])
def test_claims_of_a_function_that_may_have_asked_a_model_are_believed(trace: Trace | None) -> None:
    assert messages_of(judge(call(trace=trace, usage=Usage(output_tokens=5)))) == ""


def test_a_function_whose_connections_python_cannot_see_is_unverified_whatever_it_claims() -> None:
    imported = {"opened": 0, "processes": 0, "seconds": 0.0, "hidden": ["grpc"]}
    verdict = judge(call(usage=Usage(output_tokens=5)), make_function(imported=imported))
    assert verdict.state == "unverified"
    assert "(grpc may open connections that Python does not see)" in verdict.message


def test_a_function_that_gives_questions_back_is_an_echo() -> None:
    echo = {**READS, "echoed": True}
    assert "it gives questions back as answers" in messages_of(judge(call(), make_function(probes=[echo, echo])))
    assert messages_of(judge(call(), make_function(probes=[echo, READS]))) == ""


def test_one_answer_to_everything_is_found_where_the_function_has_not_shown_that_it_reads() -> None:
    deaf = make_function(probes=[DEAF, DEAF])
    assert "all 12 prompts got the same answer" in messages_of(judge(call(text="A"), deaf))
    assert messages_of(judge(call(text="A"))) == ""


def test_a_function_that_was_never_looked_at_is_unverified() -> None:
    bare = replace(make_function(), evidence={})
    assert judge(call(trace=None), bare).state == "unverified"
    assert judge([], bare).message == f"{SPEC}: no answer was made in this run"
