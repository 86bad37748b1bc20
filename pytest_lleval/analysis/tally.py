"""A run's records in columns, about a hundred bytes each: all that its numbers are computed from."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Mapping, Sequence
from sys import intern
from typing import TYPE_CHECKING, Any

from ..core.records import Completion, Record

if TYPE_CHECKING:
    import numpy as np

__all__ = ["CACHED", "DECIDED", "FRESH", "UNANSWERED", "Tally", "TallyBuilder", "tally_records"]

_NAN = math.nan
#: seconds, tokens, and how many attempts failed
_FLOATS = ("started", "queued", "total", "input_tokens", "output_tokens", "failures")
_CODES = ("epoch", "group", "cluster", "cause", "answered", "further")
#: the cause of an epoch that was not asked, since the gates were decided
DECIDED = "decided"
#: what stands in ``answered``
UNANSWERED, FRESH, CACHED = 0, 1, 2


class Tally:
    """The records of one suite asked of one model, one row an epoch; the latest record of each counts.

    :param suite: the suite
    :param model: the model as the user named it
    """

    def __init__(self, suite: str, model: str) -> None:
        self.suite = suite
        self.model = model
        self._samples: list[str] = []
        self._cases: list[str] = []
        self._floats = {name: array("d") for name in _FLOATS}
        self._codes = {name: array("i") for name in _CODES}
        #: by scorer, in order of first appearance; NaN where a record has no such score
        self._scores: dict[str, array[float]] = {}
        self._words: dict[str, dict[str, int]] = {"group": {}, "cluster": {}, "cause": {"": 0}}
        self._named: dict[str, list[str]] = {}
        self._table: dict[str, Any] = {}

    def add(self, record: Record) -> None:
        """Take a record."""
        row = len(self._samples)
        self._samples.append(intern(record.sample))
        self._cases.append(intern(record.case))
        calls = _list_calls(record)
        for name, number in _read_numbers(calls).items():
            self._floats[name].append(number)
        self._floats["started"].append(record.earlier[0].started if record.earlier else record.started)
        self._floats["failures"].append(len(record.failures) + sum(len(call.failures) for call in record.earlier))
        self._codes["epoch"].append(record.epoch)
        self._codes["group"].append(self._code("group", record.group))
        self._codes["cluster"].append(self._code("cluster", record.cluster))
        cause = "" if record.outcome == "scored" else record.cause or "error"
        self._codes["cause"].append(self._code("cause", cause))
        self._codes["answered"].append(UNANSWERED if not calls else CACHED if calls[-1].cached else FRESH)
        self._codes["further"].append(max(0, len(calls) - 1))
        for score in record.scores if record.outcome == "scored" else ():
            column = self._scores.setdefault(intern(score.name), array("d"))
            column.extend([_NAN] * (row - len(column)))
            column.append(score.value)
        self._table = {}

    def _code(self, column: str, word: str) -> int:
        words = self._words[column]
        return words.setdefault(word, len(words))

    def __len__(self) -> int:
        return len(self["epoch"])

    def __getitem__(self, name: str) -> np.ndarray[Any, Any]:
        """Return a column, ordered by sample and epoch: ``sample``, ``case``, a number, or a code of words."""
        found: np.ndarray[Any, Any] = self._arrange()[name]
        return found

    def name(self, column: str, code: int) -> str:
        """Return the word of a code of ``group``, ``cluster`` or ``cause``."""
        return self._names(column)[code]

    def _names(self, column: str) -> list[str]:
        words = self._words[column]
        known = self._named.get(column)
        if known is None or len(known) != len(words):
            known = self._named[column] = list(words)
        return known

    def find(self, column: str, word: str) -> int:
        """Return the code of a word; one that no row has where there is no such word."""
        return self._words[column].get(word, -1)

    @property
    def scorers(self) -> tuple[str, ...]:
        """The names of the scorers; the first one's values make the accuracy."""
        return tuple(self._scores)

    def score(self, scorer: str) -> np.ndarray[Any, Any]:
        """Return the values of one scorer, NaN where a record has none."""
        found: np.ndarray[Any, Any] = self._arrange()[f"score {scorer}"]
        return found

    def means(self, scorer: str) -> Mapping[str, np.ndarray[Any, Any]]:
        """Return one row a scored sample: its name, ``group``, ``cluster``, ``epochs``, and mean ``value`` over them.

        :param scorer: whose values
        """
        import numpy as np

        table = self._arrange()
        keep = ~np.isnan(table[f"score {scorer}"])
        samples, values = table["sample"][keep], table[f"score {scorer}"][keep]
        first = np.flatnonzero(np.concatenate([[True] * bool(len(samples)), samples[1:] != samples[:-1]]))
        epochs = np.diff([*first, len(samples)])
        return {
            "sample": samples[first],
            "group": table["group"][keep][first],
            "cluster": table["cluster"][keep][first],
            "epochs": epochs,
            "value": np.add.reduceat(values, first) / epochs if len(samples) else values,
        }

    def epochs(self, scorer: str) -> list[list[float]]:
        """Return for each scored sample the values of its epochs.

        :param scorer: whose values
        """
        values: dict[str, list[float]] = {}
        for sample, value in zip(self["sample"], self.score(scorer).tolist(), strict=True):
            if not math.isnan(value):
                values.setdefault(sample, []).append(value)
        return list(values.values())

    def _arrange(self) -> dict[str, Any]:
        """Return the columns with the latest record of each sample and epoch, in an order that no arrival changes."""
        if not self._table:
            import numpy as np

            order = sorted(range(len(self._samples)), key=lambda row: (self._samples[row], self._codes["epoch"][row]))
            # a resumed run asks epochs again that could not be scored; the sort keeps their order
            keep = [
                row
                for row, after in zip(order, [*order[1:], -1], strict=True)
                if after < 0 or not self._is_same(row, after)
            ]
            rows = np.array(keep, dtype=np.int64)
            table: dict[str, Any] = {
                "sample": np.array(self._samples, dtype=object)[rows],
                "case": np.array(self._cases, dtype=object)[rows],
            }
            for name, column in {**self._floats, **self._codes}.items():
                table[name] = np.array(column)[rows]
            for scorer, column in self._scores.items():
                column.extend([_NAN] * (len(self._samples) - len(column)))
                table[f"score {scorer}"] = np.array(column)[rows]
            self._table = table
        return self._table

    def _is_same(self, one: int, two: int) -> bool:
        epochs = self._codes["epoch"]
        return self._samples[one] == self._samples[two] and epochs[one] == epochs[two]


class TallyBuilder:
    """Takes the records of a whole run."""

    def __init__(self) -> None:
        self._parts: dict[tuple[str, str], Tally] = {}

    def add(self, record: Record) -> None:
        """Take a record."""
        key = record.suite, record.model
        if key not in self._parts:
            self._parts[key] = Tally(*key)
        self._parts[key].add(record)

    def finish(self) -> tuple[Tally, ...]:
        """Return a tally for each suite and model, in order of first appearance."""
        return tuple(self._parts.values())


def tally_records(records: Iterable[Record]) -> tuple[Tally, ...]:
    """Return the tallies of records, one for each suite and model."""
    builder = TallyBuilder()
    for record in records:
        builder.add(record)
    return builder.finish()


def _list_calls(record: Record) -> Sequence[Completion]:
    """Return everything that was answered, in order; of most records that is one."""
    if not record.earlier:
        return (record.completion,) if record.completion else ()
    found = (*(call.completion for call in record.earlier), record.completion)
    return [completion for completion in found if completion is not None]


def _read_numbers(calls: Sequence[Completion]) -> Mapping[str, float]:
    """Return seconds and tokens of an epoch, added up; NaN where nothing was answered or one call does not say."""
    if not calls:
        return {"queued": _NAN, "total": _NAN, "input_tokens": _NAN, "output_tokens": _NAN}
    inputs = [call.usage.input_tokens for call in calls]
    outputs = [call.usage.output_tokens for call in calls]
    return {
        "queued": sum(call.timing.queued for call in calls),
        "total": sum(call.timing.total for call in calls),
        "input_tokens": sum(_NAN if count is None else count for count in inputs),
        "output_tokens": sum(_NAN if count is None else count for count in outputs),
    }
