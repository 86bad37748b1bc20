import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from run_parts import MOCK, make_completion, make_record
from trust_parts import SERVER, alter, answer_all, make_function, make_server, messages_of, see

from pytest_lleval.core.records import BackendIdentity, Disclosure, Record, Verdict
from pytest_lleval.disclosure.evidence import RunEvidence
from pytest_lleval.disclosure.models import judge_models

ALIAS = Disclosure(factor="F2", severity="warning", message="openai/m: an alias")


def judge(records: Sequence[Record], *identities: BackendIdentity, baseline: RunEvidence | None = None) -> Verdict:
    return judge_models(see(records, identities or (SERVER,)), baseline)


def answer_with(records: Sequence[Record], every: int, **changes: object) -> list[Record]:
    """The records with changes laid over every so many-th."""
    return [alter(record, **changes) if at % every == 0 else record for at, record in enumerate(records)]


def by_function(*models: str) -> list[Record]:
    return [
        make_record(str(at), model="callable/bot:answer", completion=make_completion(model=model, fingerprint=None))
        for at, model in enumerate(models)
    ]


def test_answers_of_the_model_asked_for_are_clean() -> None:
    verdict = judge(answer_all())
    assert (verdict.state, verdict.message) == ("clean", "every answer came from the model asked for: 'm-2026'")
    assert verdict.evidence == {"openai/m": {"requested": "m", "served": {"m-2026": 60}}}
    assert verdict.disclosures == ()


@pytest.mark.parametrize("every", [1, 7, 59])
def test_answers_of_another_model_are_critical_however_few(every: int) -> None:
    verdict = judge(answer_with(answer_all(), every, model="m-mini"))
    assert (verdict.state, verdict.disclosures[0].severity) == ("flagged", "critical")
    assert f"attached to 'm-2026', but answers came from 'm-mini' {-(-60 // every)} times" in messages_of(verdict)


def test_cached_answers_of_another_model_are_found_too() -> None:
    assert judge(answer_with(answer_all(), 9, model="m-mini", cached=True)).state == "flagged"


def test_what_was_found_when_a_model_was_attached_is_kept() -> None:
    other = Disclosure(factor="E", severity="warning", message="no seed")
    verdict = judge(answer_all(), replace(SERVER, disclosures=(ALIAS, other)))
    assert verdict.disclosures == (ALIAS,)


def test_a_fingerprint_that_changes_is_a_warning_and_says_whether_workers_differ() -> None:
    records = answer_with(answer_all(), 2, fingerprint="fp2")
    (found,) = judge(records).disclosures
    assert found.message == "openai/m: the fingerprint of the backend changed during the run (2 different)"
    assert found.evidence == {"fp1": 30, "fp2": 30}
    split = [replace(record, worker=f"gw{at % 2}") for at, record in enumerate(records)]
    (found,) = judge(split).disclosures
    assert found.message.endswith("(2 different, by worker)")
    assert found.evidence["workers"] == {"gw0": ["fp2"], "gw1": ["fp1"]}


def test_a_backend_without_fingerprints_is_clean() -> None:
    records = [alter(record, fingerprint=None) for record in answer_all()]
    assert judge(records, replace(SERVER, fingerprint=None)).state == "clean"


def test_response_ids_of_two_kinds_of_servers_are_found() -> None:
    records = answer_all()
    mixed = [alter(record, response_id=f"msg_{at:08}") if at % 5 == 0 else record for at, record in enumerate(records)]
    assert messages_of(judge(mixed)) == (
        "openai/m: different servers answered: response ids begin with 'chatcmpl-' 48 times, 'msg-' 12 times"
    )


@pytest.mark.parametrize("form", ["{:08}-ab", "{}", "x-{}", "", "chatcmpl-{}"])
def test_response_ids_of_one_form_are_clean(form: str) -> None:
    records = [alter(record, response_id=form.format(at)) for at, record in enumerate(answer_all())]
    assert judge(records).state == "clean"


def test_response_ids_of_random_letters_are_clean() -> None:
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
    rng = random.Random(4)
    records = [alter(record, response_id="".join(rng.choices(letters, k=22))) for record in answer_all(150)]
    assert judge(records).state == "clean"


@pytest.mark.parametrize(
    ("records", "identity"),
    [
        ([], SERVER),
        ([make_record("a", None)], SERVER),
        ([make_record("a", model=MOCK.spec, completion=make_completion(model="fixed:A", fingerprint=None))], MOCK),
        (by_function("bot:answer", "bot:answer"), make_function()),
    ],
)
def test_without_a_word_on_who_answers_nothing_is_verified(records: list[Record], identity: BackendIdentity) -> None:
    verdict = judge(records, identity)
    assert verdict.state == "unverified"
    assert verdict.message == f"nothing says which model answers for {identity.spec}"


def test_a_function_may_name_a_model_and_that_is_its_own_word_alone() -> None:
    identity = replace(make_function(), served_model="gpt-9")
    verdict = judge(by_function("gpt-9", "gpt-9"), identity)
    assert (verdict.state, messages_of(verdict, "note")) == (
        "unverified",
        "callable/bot:answer: the function says that 'gpt-9' answers",
    )
    assert judge(by_function("gpt-9", "gpt-8"), identity).state == "flagged"


def test_each_model_is_held_against_its_own_identity() -> None:
    other = replace(make_server("openai/n"), served_model="n-1")
    records = [*answer_all(5), *(alter(record, model="n-1") for record in answer_all(5, "openai/n"))]
    assert judge(records, SERVER, other).state == "clean"
    assert judge([*records, *answer_all(6, "openai/n")[5:]], SERVER, other).state == "flagged"


def test_the_same_model_as_in_the_baseline_is_clean() -> None:
    assert judge(answer_all(), baseline=see(answer_all())).state == "clean"


def test_another_model_than_in_the_baseline_is_found() -> None:
    identity = replace(SERVER, served_model="m-2025")
    before = see([alter(record, model="m-2025") for record in answer_all()], (identity,))
    assert messages_of(judge(answer_all(), baseline=before)) == (
        "openai/m: 'm-2026' answered, in the baseline it was 'm-2025'"
    )


@pytest.mark.parametrize("attached", ["fp0", "fp1"])
def test_another_fingerprint_than_in_the_baseline_is_found_where_the_name_is_the_same(attached: str) -> None:
    records = [alter(record, fingerprint="fp0") for record in answer_all()]
    (found,) = judge(answer_all(), baseline=see(records, (replace(SERVER, fingerprint=attached),))).disclosures
    assert found.severity == "warning"
    assert "the fingerprint of the backend is" in found.message
    assert "fp0" in found.message


def test_a_baseline_of_other_models_says_nothing() -> None:
    before = see(answer_all(5, "openai/n"), (replace(make_server("openai/n"), served_model="n"),))
    assert judge(answer_all(), baseline=before).state == "clean"


@given(st.randoms(use_true_random=False))
@settings(max_examples=10, deadline=None)
def test_the_order_of_records_changes_nothing(rng: random.Random) -> None:
    records = answer_with(answer_with(answer_all(), 7, model="x"), 5, fingerprint="fp2", response_id="msg_1")
    records = [replace(record, worker=f"gw{at % 3}") for at, record in enumerate(records)]
    expected = judge(records)
    rng.shuffle(records)
    assert judge(records) == expected


def test_answers_of_another_fingerprint_than_the_attached_one_are_found() -> None:
    attached = replace(SERVER, fingerprint="fp9")
    assert "attached to a backend of fingerprint fp9, answers have fp1" in judge(answer_all(), attached).message
    # a local model is known by the digest of its file, which answers do not carry
    assert judge(answer_all(), replace(SERVER, fingerprint="sha256:" + "0" * 64)).state == "clean"


def test_ids_drawn_at_random_that_begin_with_a_word_now_and_then_are_clean() -> None:
    records = [alter(record, response_id=f"x{at}") for at, record in enumerate(answer_all())]
    assert judge([*records[:-1], alter(records[-1], response_id="abc-1")]).state == "clean"
