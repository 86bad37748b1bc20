"""A function that asks a real server, as users write them for ``callable/module:function``."""

from __future__ import annotations

from .stage import Stage

__all__ = ["write_function"]

_ASK = '''
import json
import re
import subprocess
import sys
import time
from urllib.request import Request, urlopen
from pytest_lleval import Completion
from pytest_lleval.core.records import Timing, Usage

def ask(text):
    """Return what was said, the model's name, its usage and the response id."""
    body = {"model": "believable-1b", "messages": [{"role": "user", "content": text}], "max_tokens": 48}
    headers = {"content-type": "application/json"}
    with urlopen(Request(URL + "/chat/completions", json.dumps(body).encode(), headers)) as response:
        reply = json.load(response)
    usage = Usage(input_tokens=reply["usage"]["prompt_tokens"], output_tokens=reply["usage"]["completion_tokens"])
    return reply["choices"][0]["message"]["content"], reply["model"], usage, reply["id"]
'''


def write_function(stage: Stage, url: str, source: str) -> str:
    """Write a function ``answer`` beside ``ask``, and return the model to name.

    :param url: of the server that ``ask`` asks
    :param source: Python that defines ``answer``
    """
    stage.write("planted_model.py", f"{_ASK}\nURL = {url!r}\n{source}")
    return "callable/planted_model:answer"
