"""The evidence of a run in columns: what every factor looks at, a few hundred bytes a record."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from sys import intern
from typing import TYPE_CHECKING, Any
from zlib import crc32

from ..core.canonical import canonical_prompt, digest_prompt
from ..core.records import BackendIdentity, Completion, Disclosure, Factor, Record, Request, Severity
from ..providers.counting import estimate_text, list_texts
from .hashes import hash_name, hash_text, shape_id, shorten_digest
from .incidents import Incidents

if TYPE_CHECKING:
    import numpy as np

__all__ = [
    "Altered",
    "Evidence",
    "EvidenceBuilder",
    "RunEvidence",
    "build_evidence",
    "list_omitted",
    "name_call",
    "warn",
]

_NAN = math.nan
#: what a server claims is a number, but no number of anything; sums of it stay finite
_MOST = 1e15
#: numbers; NaN where nothing is known
_FLOATS = (
    *("started", "queued", "connect", "first_byte", "total", "claimed", "created", "computed_seconds", "cpu"),
    *("input_tokens", "output_tokens", "cached_tokens", "computed_tokens", "counted_input", "counted_output"),
    *("characters", "bytes", "words", "estimate", "said_characters", "said_bytes", "said_words", "said_estimate"),
    *(
        "opened",
        "sent",
        "received",
        "processes",
        "files",
        "failures",
        "temperature",
        "cached",
        "cut",
        "altered",
        "epoch",
        "sure",
    ),
)
#: the first bits of digests, 0 where there is none; codes of words
_WORDS = ("suite", "model", "worker", "served", "fingerprint", "kind")
_MOMENTS = frozenset(
    {"started", "created", "total", "first_byte", "connect", "queued", "claimed", "computed_seconds", "cpu"}
)
_CODES = ("sample", "asked", "left", "text", "response", *_WORDS)
#: of so many records, evenly spread, tokens are estimated
_ESTIMATED = 256
_MOST_ALTERED = 5
_UNKNOWN = -1


@dataclass(frozen=True, kw_only=True)
class Altered:
    """A prompt that left the process otherwise than it was asked for."""

    case: str
    epoch: int
    model: str
    wanted: Mapping[str, Any]
    sent: Mapping[str, Any]


class EvidenceBuilder:
    """Takes records one by one.

    :param expected: about how many there will be
    """

    def __init__(self, expected: int) -> None:
        self._stride = max(1, math.ceil(expected / _ESTIMATED))
        # whole numbers are exact up to 16 million in 32 bits; moments need more
        self._floats = {name: array("d" if name in _MOMENTS else "f") for name in _FLOATS}
        self._codes = {name: array("q") for name in _CODES}
        self._words: dict[str, dict[str, int]] = {name: {} for name in _WORDS}
        self._samples: list[str] = []
        self._count = 0
        self._altered: dict[str, dict[tuple[str, int], Altered]] = {}
        self._conversing: set[str] = set()
        #: by model and name: the value of the first case by name and epoch, and which that is
        self._parameters: dict[str, dict[str, tuple[tuple[str, int], Any]]] = {}
        self.unanswered = 0

    def add(self, record: Record) -> None:
        """Take a record; what has no completion is counted and left out."""
        for number, call in enumerate(record.earlier, start=1):
            if call.completion is not None:
                # compared with the same call of other models and runs
                self._add(
                    replace(
                        record,
                        sample=name_call(record.sample, number),
                        request=call.request,
                        completion=call.completion,
                        failures=call.failures,
                        started=call.started,
                        earlier=(),
                    )
                )
        self._add(record)

    def _add(self, record: Record) -> None:
        if record.completion is None or record.request is None:
            self.unanswered += 1
            return
        estimated = crc32(record.case.encode("utf-8", "surrogatepass")) % self._stride == 0
        values = {
            **_describe_request(record.request, estimated),
            **_describe_completion(record.completion, estimated),
            "started": record.started,
            "epoch": float(record.epoch),
            "temperature": record.request.generation.temperature,
            "failures": float(len(record.failures)),
        }
        self._append(values)
        prompt = canonical_prompt(record.request)
        if prompt.get("system") or len(prompt.get("turns", ())) > 1:
            self._conversing.add(record.model)
        for name, code in self._encode(record, digest_prompt(prompt), record.completion).items():
            self._codes[name].append(code)
        self._samples.append(intern(record.sample))
        self._note_altered(record, record.request, record.completion)

    def _append(self, values: Mapping[str, float | None]) -> None:
        """Add a row of numbers; a column begins with its first number, for of many nothing is ever known."""
        for name, value in values.items():
            number = _read_number(value)
            if number == number:
                column = self._floats[name]
                column.extend([_NAN] * (self._count - len(column)))
                column.append(number)
        self._count += 1

    def _fill(self, column: array[float]) -> np.ndarray[Any, Any]:
        import numpy as np

        if not len(column):
            return np.broadcast_to(np.array(_NAN, dtype=column.typecode), self._count)
        column.extend([_NAN] * (self._count - len(column)))
        return _view(column)

    def _encode(self, record: Record, asked: str, completion: Completion) -> dict[str, int]:
        trace = completion.trace
        return {
            "asked": shorten_digest(asked),
            "left": shorten_digest(trace.prompt) if trace and trace.prompt else 0,
            "text": hash_text(completion.text),
            "response": hash_text(completion.response_id) if completion.response_id else 0,
            "sample": hash_name(f"{record.suite}::{record.sample}"),
            "suite": self._code("suite", record.suite),
            "model": self._code("model", record.model),
            "worker": self._code("worker", record.worker),
            "served": self._code("served", completion.model),
            "fingerprint": self._code("fingerprint", completion.fingerprint or ""),
            "kind": self._code("kind", shape_id(completion.response_id)),
        }

    def _code(self, column: str, word: str) -> int:
        words = self._words[column]
        return words.setdefault(word, len(words))

    def _note_altered(self, record: Record, request: Request, completion: Completion) -> None:
        altered = completion.trace.altered if completion.trace else {}
        place = (record.case, record.epoch)
        if "prompt" in altered:
            examples = self._altered.setdefault(record.model, {})
            wanted = canonical_prompt(request)
            examples[place] = Altered(
                case=record.case, epoch=record.epoch, model=record.model, wanted=wanted, sent=altered["prompt"]
            )
            # the first by name, whichever came first
            if len(examples) > _MOST_ALTERED:
                del examples[max(examples)]
        for name, value in altered.get("sampling", {}).items():
            known = self._parameters.setdefault(record.model, {})
            if name not in known or place < known[name][0]:
                known[name] = (place, value)

    def finish(self) -> Evidence:
        """Return the columns."""
        import numpy as np  # only a process that decides needs it

        found = Evidence(
            floats={name: self._fill(column) for name, column in self._floats.items()},
            codes={name: _view(column) for name, column in self._codes.items()},
            words={name: tuple(words) for name, words in self._words.items()},
            samples=np.array(self._samples, dtype=object),
            altered=tuple(examples[place] for examples in self._altered.values() for place in sorted(examples)),
            parameters={
                model: {name: value for name, (_, value) in known.items()} for model, known in self._parameters.items()
            },
            conversing=frozenset(self._conversing),
            unanswered=self.unanswered,
        )
        keys = np.stack([found["sample"], found["model"], found["epoch"].astype(np.int64)], axis=1)[::-1]
        _, last = np.unique(keys, axis=0, return_index=True)
        # a resumed run asks failed epochs again: the last record of each counts
        return found if len(last) == len(found) else found.select(np.sort(len(found) - 1 - last))


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Columns of equal length, one row an answered epoch."""

    floats: Mapping[str, np.ndarray[Any, Any]]
    codes: Mapping[str, np.ndarray[Any, Any]]
    #: the words of the columns that hold codes of words
    words: Mapping[str, Sequence[str]]
    #: the ids of samples
    samples: np.ndarray[Any, Any]
    #: a few of the prompts that left otherwise than asked for
    altered: tuple[Altered, ...] = ()
    #: sampling parameters that left otherwise, by model
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    #: models of whose prompts any has a system prompt or several turns
    conversing: frozenset[str] = frozenset()
    unanswered: int = 0

    def __getitem__(self, name: str) -> np.ndarray[Any, Any]:
        """Return a column."""
        return self.floats[name] if name in self.floats else self.codes[name]

    def __len__(self) -> int:
        return len(self.codes["model"])

    def select(self, keep: np.ndarray[Any, Any]) -> Evidence:
        """Return the rows for which a mask is true."""
        return Evidence(
            floats={name: column[keep] for name, column in self.floats.items()},
            codes={name: column[keep] for name, column in self.codes.items()},
            words=self.words,
            samples=self.samples[keep],
            altered=self.altered,
            parameters=self.parameters,
            conversing=self.conversing,
            unanswered=self.unanswered,
        )

    def of_model(self, model: str, *, fresh: bool = True) -> Evidence:
        """Return the rows of one model.

        :param fresh: leave out what came from the response cache
        """
        code = self.words["model"].index(model) if model in self.words["model"] else _UNKNOWN
        keep = self.codes["model"] == code
        return self.select(keep & ~(self.floats["cached"] > 0)) if fresh else self.select(keep)

    def name(self, column: str, row: int) -> str:
        """Return the word of a row."""
        return str(self.words[column][int(self.codes[column][row])])

    def name_sample(self, row: int) -> str:
        """Return suite and sample of a row."""
        return f"{self.name('suite', row)}::{self.samples[row]}"

    def count(self, column: str) -> dict[str, int]:
        """Return how many rows have which word, the most frequent first."""
        import numpy as np

        codes, counts = np.unique(self.codes[column], return_counts=True)
        pairs = [(str(self.words[column][int(code)]), int(count)) for code, count in zip(codes, counts, strict=True)]
        return dict(sorted(pairs, key=lambda pair: (-pair[1], pair[0])))


@dataclass(frozen=True, kw_only=True)
class RunEvidence:
    """Everything the factors look at: the rows, who was attached, and what the manifest says of the run."""

    rows: Evidence
    identities: Sequence[BackendIdentity]
    sessions: Sequence[Mapping[str, Any]] = ()
    incidents: Incidents = field(default_factory=Incidents)
    #: returns the prompt as it was asked, in canonical form, of model, suite::sample and epoch
    look_up: Callable[[str, str, int], Mapping[str, Any] | None] = lambda *_: None


def name_call(sample: str, number: int) -> str:
    """Return how a call of a case is called that was not the last one.

    :param number: from 1
    """
    return f"{sample} (call {number})"


def warn(
    factor: Factor, message: str, evidence: Mapping[str, object] | None = None, severity: Severity = "warning"
) -> Disclosure:
    """Return a finding."""
    return Disclosure(factor=factor, severity=severity, message=message, evidence=dict(evidence or {}))


def list_omitted(identity: BackendIdentity) -> frozenset[str]:
    """Return the parameters a model table says never to send, which is disclosed on its own."""
    lists = [found.evidence.get("omit") for found in identity.disclosures]
    return frozenset(str(name) for names in lists if isinstance(names, (list, tuple)) for name in names)


def _view(column: array[Any]) -> np.ndarray[Any, Any]:
    """Return a column for computing, without a copy of it."""
    import numpy as np

    return np.frombuffer(column, dtype=column.typecode) if len(column) else np.zeros(0, dtype=column.typecode)


def _read_number(value: object) -> float:
    """Return a value as a column holds it: providers of others put anything where a number belongs."""
    if not isinstance(value, (int, float)) or value != value:
        return _NAN
    return float(min(max(value, -_MOST), _MOST))


def _describe_request(request: Request, estimated: bool) -> dict[str, float | None]:
    texts = list_texts(request)
    values: dict[str, float | None] = {"characters": float(sum(map(len, texts)))}
    if estimated:
        values["bytes"] = float(sum(len(text.encode("utf-8", "surrogatepass")) for text in texts))
        values["words"] = float(sum(len(text.split()) for text in texts))
        values["estimate"] = float(sum(map(estimate_text, texts)))
    return values


def _describe_completion(completion: Completion, estimated: bool) -> dict[str, float | None]:
    usage, timing, trace, text = completion.usage, completion.timing, completion.trace, completion.text
    values: dict[str, float | None] = {
        "queued": timing.queued,
        "connect": timing.connect,
        "first_byte": timing.first_byte,
        "total": timing.total,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cached_tokens": usage.cached_tokens,
        "said_characters": float(len(text)),
        "cached": float(completion.cached),
        "cut": float(completion.stop_reason == "length"),
        "sure": float(bool(completion.logprobs)),
    }
    if estimated:
        values["said_bytes"] = float(len(text.encode("utf-8", "surrogatepass")))
        values["said_words"] = float(len(text.split()))
        values["said_estimate"] = float(estimate_text(text))
    if trace is not None:
        values["altered"] = float("prompt" in trace.altered)
        for name in _TRACED:
            values[name] = getattr(trace, name)
    return values


_TRACED = (
    *("claimed", "created", "computed_seconds", "computed_tokens", "counted_input", "counted_output"),
    *("opened", "sent", "received", "processes", "files", "cpu"),
)


def build_evidence(records: Iterable[Record], expected: int) -> Evidence:
    """Return the evidence of records.

    :param expected: about how many there are
    """
    builder = EvidenceBuilder(expected)
    for record in records:
        builder.add(record)
    return builder.finish()
