import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_lleval.core.encoding import (
    decode_completion,
    decode_identity,
    dump_record,
    encode_completion,
    encode_identity,
    encode_verdict,
    load_record,
)
from pytest_lleval.core.errors import RunDirectoryError
from pytest_lleval.core.records import (
    BackendIdentity,
    Completion,
    Disclosure,
    Exchange,
    FailedAttempt,
    Generation,
    Message,
    Record,
    Request,
    Score,
    SeedCheck,
    Timing,
    TokenLogprob,
    Trace,
    Usage,
    Verdict,
)

anything = st.text(st.characters(codec=None), max_size=20)
numbers = st.one_of(st.none(), st.integers(0, 2**60))
seconds = st.one_of(st.none(), st.floats(0, 1e9))
TRACES = st.builds(
    Trace,
    prompt=st.one_of(st.none(), anything),
    altered=st.dictionaries(st.sampled_from(["prompt", "sampling"]), st.dictionaries(anything, anything, max_size=2)),
    sent=numbers,
    received=numbers,
    opened=numbers,
    peers=st.lists(anything, max_size=3).map(tuple),
    processes=numbers,
    files=numbers,
    cpu=seconds,
    claimed=seconds,
    created=seconds,
    computed_tokens=numbers,
    computed_seconds=seconds,
    counted_input=numbers,
    counted_output=numbers,
)
CHECKS = st.builds(SeedCheck, same_text=st.booleans(), logprob_difference=seconds, text=anything)


def make_record(text: str = "B", **changes: object) -> Record:
    values: dict[str, object] = {
        "case": "mmlu::anatomy/1[m]",
        "suite": "mmlu",
        "sample": "anatomy/1",
        "group": "anatomy",
        "model": "local/m",
        "epoch": 1,
        "outcome": "scored",
        "scores": (Score(name="choice", value=1.0, answer="B", explanation=text),),
        "request": Request(messages=(Message(role="user", content=text),), generation=Generation(stop=("\n",), seed=3)),
        "completion": Completion(
            text=text,
            model="m",
            usage=Usage(input_tokens=3, output_tokens=1),
            timing=Timing(queued=0.5, connect=None, first_byte=0.1, total=0.25),
            logprobs=(TokenLogprob(token=text, logprob=-0.5, top={text: -0.5}),),
        ),
        "failures": (FailedAttempt(error=text, status=500, seconds=0.5, waited=0.25), FailedAttempt(error="gone")),
        "target": ("B",),
        "started": 12.5,
    }
    return Record(**{**values, **changes})


@given(anything)
@settings(deadline=None)
def test_a_record_survives_the_journal_whatever_a_model_says(text: str) -> None:
    line = dump_record(make_record(text))
    assert line.isascii()
    assert "\n" not in line
    assert load_record(line) == make_record(text)


def test_an_unscored_record_keeps_its_cause() -> None:
    record = make_record(outcome="unscored", cause="refused", error="no", scores=(), completion=None)
    assert load_record(dump_record(record)) == record


@pytest.mark.parametrize("line", ["", "{", "[]", "3", '{"schema": 1}', '{"schema": 99}'])
def test_a_line_that_is_no_record_is_refused(line: str) -> None:
    with pytest.raises(RunDirectoryError, match="not a record of schema 3"):
        load_record(line)


def test_an_identity_survives_json() -> None:
    identity = BackendIdentity(
        spec="local/m",
        provider="local",
        kind="real",
        requested_model="m",
        served_model="m",
        details={"slots": 1},
        disclosures=(Disclosure(factor="F2", severity="note", message="an alias", evidence={"served": "m"}),),
    )
    assert decode_identity(json.loads(json.dumps(encode_identity(identity)))) == identity


@given(trace=TRACES, check=st.one_of(st.none(), CHECKS), flags=st.lists(anything, max_size=3).map(tuple))
@settings(deadline=None)
def test_what_was_seen_of_a_call_survives_the_journal(
    trace: Trace, check: SeedCheck | None, flags: tuple[str, ...]
) -> None:
    completion = Completion(text="B", model="m", trace=trace)
    record = make_record(completion=completion, seed_check=check, flags=flags)
    assert load_record(dump_record(record)) == record
    # the response cache goes the same way
    assert decode_completion(json.loads(json.dumps(encode_completion(completion)))) == completion


def test_what_nobody_saw_takes_no_room() -> None:
    assert "trace" not in encode_completion(Completion(text="", model="m"))
    assert encode_completion(Completion(text="", model="m", trace=Trace(opened=0)))["trace"] == {"opened": 0}
    line = dump_record(make_record())
    assert "seed_check" not in line
    assert "flags" not in line


def test_an_outline_holds_nothing_that_was_asked_or_answered() -> None:
    secret = "what was said"
    completion = Completion(
        text=secret, model="m", trace=Trace(prompt=secret), logprobs=(TokenLogprob(token=secret, logprob=0),)
    )
    failures = (FailedAttempt(error="gone"),)
    record = make_record("a", completion=completion, failures=failures, target=(secret,))
    assert secret in dump_record(record)
    assert secret not in dump_record(load_record(dump_record(record), outline=True))


def test_a_verdict_is_written_with_all_its_findings_and_evidence() -> None:
    found = Disclosure(factor="F1", severity="critical", message="altered", evidence={"prompts": 3})
    verdict = Verdict(factor="F1", state="flagged", message="altered", disclosures=(found,), evidence={"seen": 4})
    assert json.loads(json.dumps(encode_verdict(verdict))) == {
        "factor": "F1",
        "state": "flagged",
        "message": "altered",
        "disclosures": [{"factor": "F1", "severity": "critical", "message": "altered", "evidence": {"prompts": 3}}],
        "evidence": {"seen": 4},
    }


def test_calls_before_the_last_one_come_back_and_are_written_only_where_there_are_any() -> None:
    call = Exchange(
        request=Request(messages=(Message(role="user", content="first"),)),
        completion=make_record().completion,
        failures=(FailedAttempt(error="busy", status=503, seconds=0.5, waited=1.0),),
        started=7.5,
    )
    unanswered = Exchange(request=Request(prompt="second"), started=8.0)
    record = make_record(earlier=(call, unanswered))
    assert load_record(dump_record(record)) == record
    assert "earlier" not in json.loads(dump_record(make_record()))
    assert [found.request for found in record.exchanges] == [call.request, unanswered.request, record.request]
    outline = load_record(dump_record(record), outline=True)
    assert outline.earlier[0].completion is not None
    assert outline.earlier[0].completion.text == ""
