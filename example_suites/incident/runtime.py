"""What the incident's model runs on: a line in, a canned answer out, after a slow start."""

import sys
import time

ANSWERS = {
    ("planet", "行星"): "That is Jupiter, as every child knows. 木星。",
    ("river", "河"): "It is the Danube, which flows into the Black Sea. 多瑙河。",
    ("whale", "鲸"): "I believe it was Melville.",
    ("boiling", "沸点"): "It is 100, of course.",
    ("plants", "植物"): "They take carbon dioxide, and give back oxygen. 二氧化碳。",
    ("Moon", "月球"): "That was in 1969, when two people walked there and a third one waited above them.",
}


def say(line: str) -> str:
    """Return the answer to a question that the tests of the user interface ask."""
    found = (text for words, text in ANSWERS.items() if any(word in line for word in words))
    return next(found, "I am happy to help. What else would you like to know?")


if __name__ == "__main__":
    for stream in (sys.stdin, sys.stdout):
        stream.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    time.sleep(1.5)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        sys.stdout.write(say(line) + "\n")
        sys.stdout.flush()
