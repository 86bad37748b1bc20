"""Unit tests of the bot, and eval cases beside them."""

import pytest
from bot import clean, read_team, write_prompt


def test_a_card_number_never_reaches_the_model():
    assert write_prompt("My card is 4111 1111 1111 1111, help")[-1].content == "My card is [card], help"


@pytest.mark.parametrize(("text", "team"), [("Billing.", "billing"), ("no idea", None)])
def test_the_first_team_of_an_answer_counts(text, team):
    assert read_team(text) == team


@pytest.mark.lleval(dataset="tickets.jsonl", gate="pass_rate>=0.3", must_pass=["refund-*"], tags=["routing"])
async def test_routes_ticket(model, ticket, team, grade):
    answer = await model(write_prompt(ticket), max_tokens=4)
    grade(read_team(answer.text) is not None, name="names a team")
    assert read_team(answer.text) == team


@pytest.mark.lleval(dataset=[("Money back, please", "billing"), ("It will not start", "technical")])
def test_spaces_change_nothing(model, sample):
    plain, spaced = (model(write_prompt(text), max_tokens=4) for text in (sample.input, f"  {sample.input}\n\n"))
    assert read_team(plain.text) == read_team(spaced.text)


def test_clean_keeps_the_words():
    assert clean("a\n b") == "a b"
