"""Questions of several kinds, of different lengths, and the suite that asks them."""

from __future__ import annotations

import json
import random
from pathlib import Path

__all__ = ["make_questions", "write_suite"]

_NOUNS = [
    "river",
    "mountain",
    "treaty",
    "protein",
    "algorithm",
    "harvest",
    "museum",
    "satellite",
    "contract",
    "volcano",
    "orchestra",
    "enzyme",
    "bridge",
    "parliament",
    "glacier",
    "poem",
    "engine",
    "currency",
    "bacterium",
    "telescope",
    "manuscript",
    "festival",
    "reactor",
    "migration",
    "cathedral",
]
_VERBS = [
    "explain",
    "compare",
    "describe",
    "estimate",
    "summarise",
    "translate",
    "classify",
    "justify",
    "criticise",
    "outline",
]
_CHINESE = (
    "水星是太阳系中最小的行星请说明它为什么没有大气层并且比较地球与月亮的重力历史文化城市河流经济农业科学技术发展"
)
_MIXED = (
    "Почему небо синее и вода прозрачна",
    "यह नदी कहाँ से निकलती है",
    "ما هي عاصمة فرنسا",
    "空はなぜ青いの",
    "Où coule cet été la rivière? 🙂",
)
_CODE = (
    "def {0}_{1}(values: list[int], limit: int = {2}) -> int:\n    return sum(v * {2} for v in values if v < limit)\n"
)

_SUITE = """
import json
import os
from pathlib import Path
from pytest_lleval import Generation, Message, Sample, Suite, includes

rows = json.loads(Path(__file__).with_name("questions.json").read_text(encoding="utf-8"))
{before}
planted = Suite(
    name="planted",
    version="1",
    dataset=[Sample(id=str(n), input=text, target="the") for n, text in enumerate(rows)],
    prompt={prompt},
    scorers=[includes()],
    generation=Generation(max_tokens={tokens}, temperature={temperature}),
)
"""


def make_questions(kind: str, count: int, seed: int = 0) -> list[str]:
    """Return questions of a kind: plain, chinese, mixed, code or choice."""
    drawn = random.Random(f"{kind} {seed}")
    return [_make_question(kind, drawn, number) for number in range(count)]


def _make_question(kind: str, drawn: random.Random, number: int) -> str:
    topics = [drawn.choice(_NOUNS) for _ in range(drawn.randint(2, 40))]
    match kind:
        case "chinese":
            return f"第{number}题:" + "".join(drawn.choice(_CHINESE) for _ in range(drawn.randint(8, 120))) + "?"
        case "mixed":
            return " ".join(drawn.choice(_MIXED) for _ in range(drawn.randint(1, 8))) + f" ({number})"
        case "code":
            parts = (_CODE.format(topic, drawn.choice(_VERBS), drawn.randint(2, 9999)) for topic in topics[:8])
            return "What does this return?\n\n" + "\n".join(parts)
        case "choice":
            options = "\n".join(f"{letter}. {drawn.choice(_NOUNS)}" for letter in "ABCD")
            return f"Question {number}: which of these is a {topics[0]} of the {topics[1]}?\n{options}\nAnswer:"
        case _:
            return f"Question {number}: {drawn.choice(_VERBS)} the {' of the '.join(topics)}, please."


def write_suite(
    folder: Path,
    kind: str = "plain",
    count: int = 40,
    *,
    prompt: str = '"{input}"',
    before: str = "",
    tokens: int = 48,
    temperature: float = 0.0,
) -> None:
    """Write ``suite.py`` and its questions.

    :param prompt: of the suite, as Python
    :param before: Python that comes before the suite
    """
    (folder / "questions.json").write_text(json.dumps(make_questions(kind, count)), encoding="utf-8")
    source = _SUITE.format(prompt=prompt, before=before, tokens=tokens, temperature=temperature)
    (folder / "suite.py").write_text(source, encoding="utf-8")
