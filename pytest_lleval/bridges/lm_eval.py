"""Results of lm-evaluation-harness: ``results_*.json`` and ``samples_TASK_*.jsonl``, or a directory of both.

The shape is that of lm-eval 0.4: a results file has ``results`` and ``configs``, a line of a samples file
``doc_id`` and ``resps``. Neither holds a time or a token count of a single answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..core.errors import UsageError
from ..core.observations import Observation, Observations
from .cells import as_mapping, dig, read_number, read_text
from .reading import Content, read_content

__all__ = ["find_lm_eval_files", "holds_lm_eval", "read_lm_eval"]

_RESULTS = ("results", "configs")
_VERSIONS = ("lm_eval_version", "transformers_version", "git_hash")
#: lines of the description of the machine that lm-eval takes from PyTorch
_MACHINE = {"PyTorch version": "torch", "Python version": "python", "OS": "system", "Nvidia driver version": "driver"}
_GPU = re.compile(r"\bGPU \d+: (.+)$", re.MULTILINE)
_STAMP = re.compile(r"_(\d{4}-\d\d-\d\dT[\d.-]+)$")


def holds_lm_eval(content: Content) -> bool:
    """Tell whether a file is of lm-eval."""
    if content.kind == "jsonl":
        return bool(content.lines) and _is_sample(content.lines[0][1])
    document = content.document
    if isinstance(document, list):
        return bool(document) and _is_sample(document[0])
    return _is_sample(document) or all(isinstance(dig(document, name), dict) for name in _RESULTS)


def find_lm_eval_files(directory: Path) -> list[Path]:
    """Return the files of lm-eval in a directory and in those right below it, one of which each model has."""
    found = {path for pattern in ("*.json", "*.jsonl", "*/*.json", "*/*.jsonl") for path in directory.glob(pattern)}
    return sorted(path for path in found if _is_named(path))


def _is_named(path: Path) -> bool:
    """Tell whether a file is called as lm-eval calls its files; results may begin with a name of the user's."""
    if path.suffix == ".jsonl":
        return path.name.startswith("samples_")
    return path.name.startswith("results_") or _STAMP.search(path.stem) is not None


def read_lm_eval(place: Path, contents: Iterable[Content]) -> Observations:
    """Read files of lm-eval together.

    :param place: what the user named
    :raises UsageError: when a file is not of lm-eval
    """
    contents = list(contents)
    for content in contents:
        if not holds_lm_eval(content):
            raise UsageError(
                f"{content.path}: is no result of lm-eval: it has neither 'results' and 'configs' nor lines with "
                "'doc_id' and 'resps'; leave --format out to have the format found"
            )
    results = {content.path: content.document for content in contents if _is_results(content)}
    rows = [row for content in contents for row in _read_file(content, results)]
    runs = list(results.values()) or [run for run in [_find_sibling(place)] if run]
    walls = [wall for run in runs if (wall := read_number(run.get("total_evaluation_time_seconds"))) is not None]
    return Observations(
        place=str(place),
        format="lm-eval " + ("results and samples" if results and rows else "results" if results else "samples"),
        rows=tuple(rows),
        notes=() if rows else ("it has no samples, only their averages: nothing of single answers can be judged",),
        facts=_collect_facts(runs),
        wall=sum(walls) if walls else None,
        mocks=tuple(name for run in runs if (name := read_text(dig(run, "config", "model"))) == "dummy"),
        replays=tuple(text for run in runs if (text := read_text(dig(run, "config", "use_cache")))),
    )


def _is_sample(value: object) -> bool:
    names = set(as_mapping(value))
    return "doc_id" in names and bool(names & {"resps", "filtered_resps"})


def _is_results(content: Content) -> bool:
    return content.kind == "json" and isinstance(content.document, dict) and not _is_sample(content.document)


def _read_file(content: Content, results: Mapping[Path, Any]) -> Iterator[Observation]:
    if _is_results(content):
        model = _name_model(content.document)
        for task, samples in as_mapping(content.document.get("samples")).items():
            numbered = enumerate(samples if isinstance(samples, list) else [], 1)
            yield from _read_samples(numbered, model, str(task))
        return
    whole = content.document if isinstance(content.document, list) else [content.document]
    rows: Iterable[tuple[int, Any]] = content.lines if content.kind == "jsonl" else enumerate(whole, 1)
    run = _find_run(content.path, results)
    stem = _STAMP.sub("", content.path.stem).removeprefix("samples_")
    yield from _read_samples(rows, _name_model(run) if run else "", stem)


def _find_run(path: Path, results: Mapping[Path, Any]) -> Mapping[str, Any] | None:
    """Return the results that belong to a file of samples: in its directory, of the same time where there are more."""
    near = {other: run for other, run in results.items() if other.parent in (path.parent, path.parent.parent)}
    stamp = _STAMP.search(path.stem)
    same = [run for other, run in near.items() if stamp and other.stem.endswith(stamp[1])]
    found = same or list(near.values())
    return as_mapping(found[0]) if found else _find_sibling(path)


def _find_sibling(path: Path) -> Mapping[str, Any] | None:
    """Return the results of the same run that lie beside a file of samples, or above it."""
    stamp = _STAMP.search(path.stem)
    if stamp is None or not path.name.startswith("samples_"):
        return None
    near = (
        other for folder in (path.parent, path.parent.parent) for other in sorted(folder.glob(f"*_{stamp[1]}.json"))
    )
    for content in map(read_content, near):
        if _is_results(content):
            return as_mapping(content.document)
    return None


def _name_model(run: Mapping[str, Any]) -> str:
    return read_text(run.get("model_name")) or read_text(dig(run, "config", "model"))


def _read_samples(rows: Iterable[tuple[int, Any]], model: str, task: str) -> Iterator[Observation]:
    """Yield each question once: lm-eval writes it again for every filter of the answer."""
    seen: set[str] = set()
    for number, sample in rows:
        key = f"{task}/{read_text(as_mapping(sample).get('doc_id'))}"
        if not _is_sample(sample) or key in seen:
            continue
        seen.add(key)
        prompt = _first_argument(sample.get("arguments"))
        digest = read_text(sample.get("prompt_hash"))
        responses = sample.get("resps", sample.get("filtered_resps"))
        generated = _generated_text(responses)
        yield Observation(
            row=number,
            model=model,
            sample=key,
            prompt=prompt,
            prompt_digest=digest,
            prompt_chars=None if prompt is None else len(prompt),
            output=read_text(responses) if generated is None else generated,
            output_chars=None if generated is None else len(generated),
        )


def _first_argument(arguments: object) -> str | None:
    """Return the prompt of a sample's first request, in either of the shapes lm-eval writes."""
    first = next(iter(arguments.values()), None) if isinstance(arguments, dict) else arguments
    if isinstance(first, dict):
        first = first.get("arg_0")
    while isinstance(first, list) and first:
        first = first[0]
    return first if isinstance(first, str) else None


def _generated_text(responses: object) -> str | None:
    """Return the text of the first response; None where likelihoods of choices were asked for."""
    value = responses
    for _ in range(2):
        value = value[0] if isinstance(value, list) and value else value
    if not isinstance(value, str) or _is_likelihood(responses):
        return None
    return value


def _is_likelihood(responses: object) -> bool:
    """Tell whether a response is a pair of log likelihood and whether it was the greedy choice."""
    first = responses[0] if isinstance(responses, list) and responses else None
    pair = first[0] if isinstance(first, list) and first and isinstance(first[0], list) else first
    return isinstance(pair, list) and len(pair) == 2 and read_text(pair[1]) in ("True", "False", "true", "false")


def _collect_facts(runs: Iterable[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    facts: dict[str, dict[str, None]] = {}
    for run in runs:
        text = read_text(run.get("pretty_env_info"))
        pairs = [(name, read_text(run.get(name))) for name in _VERSIONS]
        pairs += [(read_text(name), value) for label, name in _MACHINE.items() if (value := _line_of(text, label))]
        pairs += [("gpu", gpu.strip()) for gpu in _GPU.findall(text)]
        for name, value in pairs:
            if value:
                facts.setdefault(name, {})[value] = None
    return {name: tuple(values) for name, values in facts.items()}


def _line_of(text: str, label: str) -> str:
    return next((line.partition(":")[2].strip() for line in text.splitlines() if line.startswith(f"{label}:")), "")
