"""A server that leaves the traces of a model: it reads its prompts, counts tokens, and takes its time."""

from __future__ import annotations

import asyncio
import random
import re
import secrets
import time
from dataclasses import dataclass
from zlib import crc32

from .serving import Body

__all__ = ["Model", "count_tokens", "read_prompt"]

_PIECES = re.compile(r"[A-Za-z]+|[0-9]{1,3}|[\u0400-\u04ff]{1,3}|[^\W\d_A-Za-z]{1,2}|[^\w\s]|\n+")
_WORDS = [
    "the",
    "answer",
    "is",
    "that",
    "most",
    "of",
    "it",
    "depends",
    "on",
    "where",
    "one",
    "looks",
    "and",
    "what",
    "was",
    "meant",
    "by",
    "question",
    "first",
    "number",
    "people",
    "water",
    "light",
    "city",
    "river",
    "because",
    "usually",
    "between",
    "small",
    "large",
    "often",
    "known",
    "called",
    "found",
    "since",
    "through",
    "system",
    "energy",
    "however",
]


def count_tokens(text: str) -> int:
    """Count as a tokenizer does: common words and pairs of signs are one token, others several."""
    total = 0
    for piece in _PIECES.findall(text):
        rare = crc32(piece.lower().encode()) % 10 >= 6
        if piece.isascii():
            total += 1 + len(piece) // 6 if len(piece) > 9 or (rare and len(piece) > 4) else 1
        else:
            total += len(piece) if rare else 1
    return total


def read_prompt(body: Body) -> list[tuple[str, str]]:
    """Return roles and texts of a request."""
    if "prompt" in body:
        return [("", str(body["prompt"]))]
    return [(turn["role"], str(turn["content"])) for turn in body["messages"]]


@dataclass(kw_only=True)
class Model:
    """Answers both of OpenAI's protocols.

    :param name: what it calls itself
    :param base: seconds before anything
    :param read: seconds a token of a prompt
    :param write: seconds a token of an answer
    :param template: tokens around each message
    :param words: the most words of an answer
    :param letters: answer by one letter, always the same unless `weak` is false
    :param reads_prompts: repeat numbers when asked to
    """

    name: str = "believable-1b"
    fingerprint: str | None = "fp_1b_7c1e"
    prefix: str = "chatcmpl-"
    base: float = 0.02
    read: float = 0.00015
    write: float = 0.001
    template: int = 4
    default_system: int = 0
    words: int = 24
    letters: bool = False
    weak: bool = False
    echo_name: bool = False

    async def __call__(self, path: str, body: Body) -> Body:
        """Answer a request."""
        prompt = read_prompt(body)
        limit = body.get("max_tokens") or body.get("max_completion_tokens") or 4096
        text, cut = self._cut(self._say(prompt, body), limit)
        asked, said = self.count_prompt(prompt), max(1, count_tokens(text))
        await asyncio.sleep(self.base + self.read * asked + self.write * said)
        return self.wrap(path, body, text, asked=asked, said=said, cut=cut)

    def wrap(self, path: str, body: Body, text: str, *, asked: int, said: int, cut: bool = False) -> Body:
        """Return the body of a reply."""
        chat = path.startswith("/chat")
        choice: Body = {"index": 0, "finish_reason": "length" if cut else "stop"}
        choice |= {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
        return {
            "id": self.prefix + secrets.token_hex(12),
            "object": "chat.completion" if chat else "text_completion",
            "created": int(time.time()),
            "model": body["model"] if self.echo_name else self.name,
            **({"system_fingerprint": self.fingerprint} if self.fingerprint else {}),
            "choices": [choice],
            "usage": {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said},
        }

    def count_prompt(self, prompt: list[tuple[str, str]]) -> int:
        """Count a prompt with the template around it."""
        system = 0 if any(role == "system" for role, _ in prompt) else self.default_system
        around = 0 if prompt[0][0] == "" else 3 + self.template * len(prompt)
        return around + system + sum(count_tokens(text) for _, text in prompt)

    def _say(self, prompt: list[tuple[str, str]], body: Body) -> str:
        question = prompt[-1][1]
        if number := re.search(r"Repeat this number: (\d+)", question) or re.search(
            r"Number: (\d+)\nNumber:", question
        ):
            return number[1]
        drawn = random.Random(f"{self.name} {prompt} {body.get('seed') if body.get('temperature') else ''}")
        if self.letters:
            return "A" if self.weak else drawn.choice("ABCD")
        topic = [word for word in re.findall(r"\w+", question) if len(word) > 5][:3]
        chosen = [drawn.choice([*_WORDS, *topic]) for _ in range(drawn.randint(3, self.words))]
        return " ".join(chosen).capitalize() + "."

    def _cut(self, text: str, limit: int) -> tuple[str, bool]:
        words = text.split(" ")
        while count_tokens(" ".join(words)) > limit and len(words) > 1:
            words.pop()
        shorter = " ".join(words)
        return shorter, shorter != text
