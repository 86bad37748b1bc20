"""A support bot: it takes a ticket and names the team that answers it."""

from __future__ import annotations

import re

from pytest_lleval import Message

TEAMS = ("billing", "technical", "sales")
RULE = "Name the team for the ticket: billing (payments), technical (something is broken), sales (before buying)."
EXAMPLES = {
    "I was billed for a month I did not use.": "billing",
    "The video has no sound.": "technical",
    "Do you offer yearly contracts?": "sales",
    "Please correct the sum on my bill.": "billing",
    "My screen stays black.": "technical",
    "Which plan fits a family?": "sales",
}


def write_prompt(ticket: str) -> list[Message]:
    """Return what the model is asked: the rule, some examples, the ticket."""
    turns = [Message(role="system", content=RULE)]
    for example, team in EXAMPLES.items():
        turns += [Message(role="user", content=example), Message(role="assistant", content=team)]
    return [*turns, Message(role="user", content=clean(ticket))]


def clean(ticket: str) -> str:
    """Return a ticket on one line, without card numbers."""
    return re.sub(r"\b(?:\d[ -]?){13,16}\b", "[card]", " ".join(ticket.split()))


def read_team(text: str) -> str | None:
    """Return the first team an answer names; None where it names none."""
    found = re.search("|".join(TEAMS), text.lower())
    return found[0] if found else None


def guess_team(prompt: str) -> str:
    """Answer by a few words, without a model: what a model has to be better than."""
    ticket = prompt.strip().splitlines()[-1].lower()
    if re.search(r"invoice|refund|charge|money|bill|card|receipt", ticket):
        return "billing"
    if re.search(r"crash|error|not|nothing|never|slow|load", ticket):
        return "technical"
    return "sales"
