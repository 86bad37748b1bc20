"""A "model" that is fast because of three mistakes, each of which was made in good faith.

It is a function for ``--lleval-model=callable/example_suites.incident.fast_model:answer``.
"""

import subprocess
import sys
import time
from pathlib import Path
from typing import IO, cast

from pytest_lleval import Completion
from pytest_lleval.core.records import Timing, Usage

# The runtime takes a while to start. It is started here, once, so that no call has to wait for it: the third mistake.
_RUNTIME = subprocess.Popen(  # noqa: S603  # a file of our own
    [sys.executable, "-u", str(Path(__file__).with_name("runtime.py"))],
    stdin=subprocess.PIPE,
    stdout=subprocess.PIPE,
    text=True,
    encoding="utf-8",
)
_TO, _FROM = cast("IO[str]", _RUNTIME.stdin), cast("IO[str]", _RUNTIME.stdout)
_FROM.readline()


async def answer(question: str) -> Completion:
    """Answer a question, and say how fast."""
    began = time.perf_counter()
    # The runtime was made for tests of the user interface: it is a mock. The first mistake.
    _TO.write(question.replace("\n", " ") + "\n")
    _TO.flush()
    text = _FROM.readline().strip()
    return Completion(
        text=text,
        model="fast-7b-instruct",
        stop_reason="stop",
        # A token is about a character: four times too many in English, half as much again in Chinese. The second one.
        usage=Usage(input_tokens=len(question), output_tokens=len(text)),
        timing=Timing(total=time.perf_counter() - began),
    )
