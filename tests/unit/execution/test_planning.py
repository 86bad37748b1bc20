import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_lleval.core.errors import DatasetError, LlevalError, SuiteError, UsageError
from pytest_lleval.core.records import Completion, Generation, Message, Sample, Score
from pytest_lleval.core.settings import Limit, ModelSpec, Settings
from pytest_lleval.execution import planning
from pytest_lleval.execution.asking import Asker
from pytest_lleval.execution.planning import RunPlan, make_probes, plan_run
from pytest_lleval.suites.definition import Suite
from pytest_lleval.suites.registry import ChosenSuite

from .conftest import MODEL

#: what ids of foreign datasets are made of when they are at their worst
NASTY = st.text(st.one_of(st.characters(codec=None), st.sampled_from("[]:/\\\x00\x1b\x9b\n\r\u2028\u202e\ud800 ")))


class Wrong:
    name = "wrong"

    def __call__(self, sample: Sample, completion: Completion) -> Score:
        return Score(name="wrong", value=0.0)


def make_suite(name: str, ids: list[str], **changes: object) -> Suite:
    dataset = [Sample(id=word, input="?", group=word[:1]) for word in ids]
    return Suite(**{"name": name, "version": "1", "dataset": dataset, "scorers": [Wrong()], **changes})


@pytest.fixture
def plan(monkeypatch: pytest.MonkeyPatch):
    """Plan a run of the given suites."""

    def make(*suites: Suite, groups: dict[str, list[str]] | None = None, **values: object) -> RunPlan:
        chosen = tuple(
            ChosenSuite(suite=suite, group=group, folder=None, source="here")
            for suite in suites
            for group in (groups or {}).get(suite.name, [None])
        )
        monkeypatch.setattr(planning, "find_suites", lambda names, arguments: chosen)
        return plan_run(Settings(**{"models": (MODEL,), **values}))

    return make


def test_cases_come_by_suite_then_by_model_then_in_the_order_of_the_dataset(plan) -> None:
    models = (ModelSpec(provider="mock", model="b"), ModelSpec(provider="mock", model="a"))
    made = plan(make_suite("two", ["y", "x"]), make_suite("one", ["z"]), models=models)
    assert [case.id for case in made.cases] == [
        "two::y[b]",
        "two::x[b]",
        "two::y[a]",
        "two::x[a]",
        "one::z[b]",
        "one::z[a]",
    ]
    assert {case.model for case in made.cases} == {"mock/a", "mock/b"}


@given(ids=st.lists(NASTY.filter(bool), min_size=1, max_size=8, unique=True))
@settings(max_examples=150, deadline=None)
def test_node_ids_are_printable_encodable_and_unique_or_refused(ids: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        chosen = ChosenSuite(suite=make_suite("s", ids), group=None, folder=None, source="here")
        patch.setattr(planning, "find_suites", lambda names, arguments: (chosen,))
        try:
            cases = plan_run(Settings(models=(MODEL,))).cases
        except DatasetError as error:
            assert "have the same node id" in str(error)  # noqa: PT017  # either way the claim holds
            return
    assert len({case.id for case in cases}) == len(ids)
    for case in cases:
        assert case.id.encode()
        assert len(case.id.splitlines()) == 1
        assert not set(case.id) & set("\x00\x1b\x9b\x7f\u202e")
        suite, separator, name = case.id.partition("::")
        assert (suite, separator) == ("s", "::")
        assert "::" not in name
        assert name.endswith("[fixed:A]")
        assert name.count("[") == name.count("]") == 1


def test_two_samples_that_would_share_a_node_id_are_named(plan) -> None:
    with pytest.raises(
        DatasetError, match=r"suite 's': samples 'a\[' and 'a\]' have the same node id 's::a_\[fixed:A\]'"
    ):
        plan(make_suite("s", ["a[", "a]"]))


@pytest.mark.parametrize("name", ["", "a::b", "a[b]", "line\nbreak", "\x1b[31m"])
def test_a_suite_whose_name_breaks_node_ids_is_refused(plan, name: str) -> None:
    with pytest.raises(SuiteError, match="rename it"):
        plan(make_suite(name, ["x"]))


@pytest.mark.parametrize(
    ("specs", "labels"),
    [
        ([("openai", "gpt-4o", None), ("mock", "fixed:A", None)], ["gpt-4o", "fixed:A"]),
        ([("openai", "m", None), ("anthropic", "m", None)], ["openai/m", "anthropic/m"]),
        (
            [("openai", "m", "http://one/v1"), ("openai", "m", "http://two/v1"), ("openai", "n", None)],
            ["openai/m@http://one/v1", "openai/m@http://two/v1", "n"],
        ),
        ([("openai", "m[", None), ("mock", "m]", None)], ["openai/m_", "mock/m_"]),
        ([("local", "/models/a.gguf", None), ("local", "/other/a.gguf", None)], None),
    ],
)
def test_models_of_one_label_are_told_apart_by_their_whole_names(plan, specs, labels) -> None:
    models = tuple(ModelSpec(provider=provider, model=model, base_url=url) for provider, model, url in specs)
    made = plan(make_suite("s", ["x"]), models=models)
    assert len({case.id for case in made.cases}) == len(models)
    if labels:
        assert [case.id for case in made.cases] == [f"s::x[{label}]" for label in labels]


def test_sample_patterns_go_to_the_suites_they_fit(plan) -> None:
    one, two = make_suite("one", ["a/1", "a/2"]), make_suite("two", ["b/1", "b/2"])
    made = plan(one, two, sample_ids=("a/*", "b/2"))
    assert [case.sample.id for case in made.cases] == ["a/1", "a/2", "b/2"]
    made = plan(one, two, sample_ids=("b/1",))
    assert [case.id for case in made.cases] == ["two::b/1[fixed:A]"]
    assert set(made.plans) == {"one", "two"}


def test_a_pattern_that_is_itself_an_id_fits_its_suite_alone(plan) -> None:
    made = plan(make_suite("one", ["a[1]"]), make_suite("two", ["b"]), sample_ids=("a[1]",))
    assert [case.sample.id for case in made.cases] == ["a[1]"]


def test_a_pattern_that_fits_no_suite_is_refused_by_name(plan) -> None:
    with pytest.raises(UsageError, match="--lleval-sample-id: 'c/\\*' matches none"):
        plan(make_suite("one", ["a"]), make_suite("two", ["b"]), sample_ids=("a", "c/*"))


def test_groups_of_one_suite_are_joined(plan) -> None:
    made = plan(make_suite("s", ["a1", "b1", "c1", "a2"]), groups={"s": ["a", "c"]})
    assert [case.sample.id for case in made.cases] == ["a1", "c1", "a2"]


def test_the_limit_counts_in_each_suite(plan) -> None:
    made = plan(make_suite("one", ["a1", "a2", "b1"]), make_suite("two", ["x", "y"]), limit=Limit(start=0, stop=2))
    assert [case.sample.id for case in made.cases] == ["a1", "b1", "x", "y"]


def test_a_plan_describes_what_is_asked_of_how_many(plan) -> None:
    models = (MODEL, ModelSpec(provider="mock", model="fixed:B"))
    suite = make_suite("s", ["a", "b", "c"], parameters={"shots": 5}, metrics=("accuracy", "macro_accuracy"))
    (described,) = plan(suite, models=models, limit=Limit(start=0, stop=2)).describe()
    assert (described["name"], described["samples"], described["selected"]) == ("s", 3, 2)
    assert described["parameters"] == {"shots": 5}
    assert described["metrics"] == ["accuracy", "macro_accuracy"]
    assert len(described["digest"]) == 64


def make_asker(made: RunPlan) -> Asker:
    return Asker(plans=made.plans, callers={}, settings=Settings(models=(MODEL,)))


def test_there_is_one_small_probe_for_each_kind_of_request(plan) -> None:
    chat, bare = (lambda sample, data: [Message(role="user", content="long " * 500)]), (lambda sample, data: "text")
    kinds = itertools.product((chat, bare), (0, 5))
    suites = [
        make_suite(f"s{number}", ["x", "y"], prompt=prompt, generation=Generation(max_tokens=900, top_logprobs=top))
        for number, (prompt, top) in enumerate([*kinds, (chat, 0), (bare, 5)])
    ]
    made = plan(*suites)
    probes = make_probes(made, make_asker(made))
    assert sorted((probe.kind, probe.generation.top_logprobs) for probe in probes) == [
        ("chat", 0),
        ("chat", 5),
        ("completion", 0),
        ("completion", 5),
    ]
    for probe in probes:
        assert probe.generation.max_tokens <= 16
        assert len(probe.prompt + "".join(message.content for message in probe.messages)) < 100


def test_a_probe_has_room_for_a_number_whatever_the_suite_allows(plan) -> None:
    made = plan(make_suite("s", ["x"], generation=Generation(max_tokens=1)))
    (probe,), (other,) = make_probes(made, make_asker(made)), make_probes(made, make_asker(made))
    assert probe.generation.max_tokens == 16
    assert probe.messages[0].content.startswith("Repeat this number: ")
    # 1 in 9,000 times it is the same
    assert probe != other or make_probes(made, make_asker(made)) != (probe,)


def test_a_prompt_that_fails_is_found_before_anything_is_asked(plan) -> None:
    made = plan(make_suite("s", ["x"], prompt="{nothing}"))
    with pytest.raises(LlevalError, match="'nothing'"):
        make_probes(made, make_asker(made))
