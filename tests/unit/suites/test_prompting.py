import pytest

from pytest_lleval.core.errors import SuiteError, UsageError
from pytest_lleval.core.records import Generation, Message, Sample
from pytest_lleval.core.settings import Settings
from pytest_lleval.suites.definition import Dataset, Suite
from pytest_lleval.suites.prompting import build_request

SAMPLE = Sample(
    id="s/1", input="Why {x}?", target="SECRET", choices=("one", "two"), group="g", metadata={"hint": "think"}
)
DATASET = Dataset(name="mine", edition="full", samples=[SAMPLE])


def ask(prompt, *, sample=SAMPLE, generation=Generation(), seed=None, **options):
    suite = Suite(name="mine", version="1", dataset=[sample], scorers=(), prompt=prompt, generation=generation)
    return build_request(suite, DATASET, sample, Settings(**options), seed)


def user(text):
    return (Message(role="user", content=text),)


def test_a_format_string_becomes_one_user_message():
    assert ask("{id} {group}: {input} {hint}").messages == user("s/1 g: Why {x}? think")


def test_choices_are_lettered_lines_or_single_ones():
    assert ask("{input}\n{choices}").messages == user("Why {x}?\nA. one\nB. two")
    assert ask("{choices[1]}").messages == user("two")


@pytest.mark.parametrize("metadata", [{}, {"target": "SECRET"}])
def test_the_target_is_no_field(metadata):
    sample = Sample(id="s/1", input="q", target="SECRET", metadata=metadata)
    with pytest.raises(SuiteError, match=r"suite 'mine', sample 's/1': .* field 'target'") as caught:
        ask("{target}", sample=sample)
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize("template", ["{inputs}", "{", "{}", "{0}", "{choices[9]}", "{input.absent}", "{choices[x]}"])
def test_a_template_that_cannot_be_filled_names_suite_and_sample(template):
    with pytest.raises(SuiteError, match="suite 'mine', sample 's/1'"):
        ask(template)


def test_a_function_may_return_messages_or_a_bare_prompt():
    assert ask(lambda sample, dataset: [Message(role="user", content=dataset.name)]).messages == user("mine")
    request = ask(lambda sample, dataset: f"Q: {sample.id}")
    assert (request.kind, request.prompt, request.messages) == ("completion", "Q: s/1", ())


@pytest.mark.parametrize("returned", [None, [], "", 3, ["text"], [{"role": "user", "content": "x"}]])
def test_a_function_that_returns_something_else_is_refused(returned):
    with pytest.raises(SuiteError, match="suite 'mine', sample 's/1'"):
        ask(lambda sample, dataset: returned)


def test_a_failing_function_is_named_with_its_error():
    with pytest.raises(SuiteError, match=r"sample 's/1': the prompt function failed: KeyError: 'nope'") as caught:
        ask(lambda sample, dataset: sample.metadata["nope"])
    assert isinstance(caught.value.__cause__, KeyError)


def test_our_own_errors_pass_through_a_function():
    def fail(sample, dataset):
        raise UsageError("plain words")

    with pytest.raises(UsageError, match=r"^plain words$"):
        ask(fail)


def test_the_system_prompt_comes_first():
    messages = ask("{id}", system_prompt="Be brief.").messages
    assert [(message.role, message.content) for message in messages] == [("system", "Be brief."), ("user", "s/1")]


def test_the_system_prompt_is_joined_to_the_suites_own():
    own = [Message(role="system", content="You solve."), Message(role="user", content="q")]
    messages = ask(lambda sample, dataset: own, system_prompt="Be brief.").messages
    assert [message.content for message in messages] == ["Be brief.\n\nYou solve.", "q"]


def test_the_system_prompt_is_put_before_a_bare_prompt():
    assert ask(lambda sample, dataset: "Q:", system_prompt="Be brief.").prompt == "Be brief.\n\nQ:"


def test_settings_take_precedence_over_the_suite():
    generation = Generation(temperature=0.7, top_p=0.9, max_tokens=5, stop=("\n",), top_logprobs=3)
    assert ask("{id}", generation=generation, seed=11).generation == Generation(
        temperature=0.7, top_p=0.9, max_tokens=5, stop=("\n",), top_logprobs=3, seed=11
    )
    assert ask(
        "{id}", generation=generation, seed=11, temperature=0.0, top_p=0.5, max_tokens=9
    ).generation == Generation(temperature=0.0, top_p=0.5, max_tokens=9, stop=("\n",), top_logprobs=3, seed=11)


def test_a_seed_of_the_suite_does_not_survive():
    assert ask("{id}", generation=Generation(seed=3), seed=None).generation.seed is None
