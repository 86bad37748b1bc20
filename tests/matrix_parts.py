"""Models whose time depends on the size of the prompt, for tests of the size matrix."""

import re

from serving import ModelServer, SeenRequest

__all__ = ["answer_question", "count_words", "serve_model"]

_ASKED = re.compile(r"What is the code of the (\w+)\?")


def count_words(request: SeenRequest) -> int:
    """As `ModelServer` counts tokens."""
    return sum(len(turn["content"].split(" ")) for turn in (request.body or {}).get("messages", []))


def answer_question(request: SeenRequest) -> str:
    """Answer as a model that has read the whole prompt."""
    asked = _ASKED.search(request.question)
    told = re.search(rf"The code of the {asked[1]} is (\w+)\.", request.question) if asked else None
    return f"It is {told[1]}." if told else "I do not know"


def serve_model(fixed, per_token, *, answer=answer_question, gap=0.001, **options) -> ModelServer:
    """A server of a model whose first token comes after a fixed time and a time for each token of the prompt."""
    return ModelServer(
        answer=answer,
        echo_model=True,
        pace=lambda request: (fixed + per_token * count_words(request), gap),
        **options,
    )
