import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_lleval.core.encoding import decode_identity, dump_record, encode_identity, load_record
from pytest_lleval.core.errors import RunDirectoryError
from pytest_lleval.core.records import (
    BackendIdentity,
    Completion,
    Disclosure,
    FailedAttempt,
    Generation,
    Message,
    Record,
    Request,
    Score,
    Timing,
    TokenLogprob,
    Usage,
)

anything = st.text(st.characters(codec=None), max_size=20)


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
