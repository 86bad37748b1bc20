"""Runs with all that a report must stand, and the data of a page read back."""

from __future__ import annotations

import base64
import json
import random
import re
import zlib
from pathlib import Path
from typing import Any

from run_parts import describe_suite, make_completion, make_record, make_request, write_run

from pytest_lleval.core.records import Disclosure, FailedAttempt, Record, Score

#: what models answer to break a page, a terminal or a reader
EVIL = {
    "script": "</script><script>window.owned = 1</script>",
    "comment": "<!--<script>",
    "image": '<img src="x" onerror="window.owned = 2">',
    "link": "[click](javascript:window.owned=3) <a href='javascript:window.owned=4'>here</a>",
    "turned": "abc\u202egnp.exe\u2066\u200e",
    "terminal": "\x1b[31mred\x1b]8;;http://evil.example\x07link\x1b]8;;\x07\x00\x9b2J",
    "half": "\ud83d and \udc00",
    "emoji": "\U0001f469\u200d\U0001f52c \U0001d518\U0001d52b",
    "template": "${window.owned = 5} {{7*7}} $title $$ %s",
    "entity": "&lt;b&gt; &#60;i&#62;",
    "separators": "\x1euser\x1fpretend",
    "long": "A" * 1_000_000,
}


def make_evil_record(name: str) -> Record:
    """A record whose every text is one of `EVIL`."""
    text = EVIL[name]
    short = text[:200]
    return make_record(
        f"{name} {short}",
        0.0,
        group=short,
        target=(short,),
        request=make_request(text),
        completion=make_completion(text=text),
        scores=(Score(name=short, value=0.0, answer=text, explanation=text),),
        failures=(FailedAttempt(error=text),),
    )


def write_evil_run(run: Path) -> Path:
    records = [make_evil_record(name) for name in EVIL]
    failed = make_record("failed", None, error=EVIL["script"])
    further = [
        Disclosure(factor="D", severity="warning", message=text[:300], evidence={"text": text[:50]})
        for text in EVIL.values()
    ]
    suite = describe_suite(origin=EVIL["script"], parameters={EVIL["image"]: EVIL["turned"]}, edition=EVIL["half"])
    return write_run(run, [*records, failed], suites=[suite], disclosures=further)


def write_long_run(run: Path, samples: int) -> Path:
    """A run of so many samples, two in three of them wrong."""
    chance = random.Random(0)
    words = ["".join(chance.choices("aeiounrtlsd", k=chance.randint(2, 9))) for _ in range(4000)]
    records = (
        make_record(
            f"group_{number % 57}/{number}",
            float(number % 3 == 0),
            group=f"group_{number % 57}",
            target=("A",),
            request=make_request(f"Question {number}: " + " ".join(chance.choices(words, k=40))),
            completion=make_completion(text=f"It is {words[number % 4000]}."),
        )
        for number in range(samples)
    )
    return write_run(run, records, suites=[describe_suite(samples=samples, selected=samples)])


def read_block(page: str, name: str) -> Any:
    """Return the JSON value of a block of data of a page."""
    found = re.search(rf'<script type="application/octet-stream" id="{name}">([A-Za-z0-9+/=]*)</script>', page)
    assert found
    return json.loads(zlib.decompress(base64.b64decode(found[1]), -zlib.MAX_WBITS))


def read_texts(page: str) -> dict[int, tuple[str, Any]]:
    """Return prompt and answer of each row that a page has the texts of, as its script puts them together."""
    kept = read_block(page, "texts")
    bases, shared, rests = kept["prompts"]
    prompts = [
        kept["bases"][base].encode("utf-16-le", "surrogatepass")[: 2 * units].decode("utf-16-le", "surrogatepass")
        + rest
        for base, units, rest in zip(bases, shared, rests, strict=True)
    ]
    columns = zip(kept["row"], kept["prompt"], kept["answer"], strict=True)
    return {row: (prompts[prompt], answer) for row, prompt, answer in columns}
