"""What the usual names of columns mean, and the units that are part of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["KEYS", "SECONDS_OF", "SIZE_UNITS", "TIME_KEYS", "Meaning", "read_meaning"]

#: how many seconds one of a unit is
SECONDS_OF: Mapping[str, float] = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "min": 60.0}
SIZE_UNITS = ("tokens", "chars", "words", "bytes")
TIME_KEYS = ("latency", "first_byte", "startup", "total")

_UNIT_WORDS: Mapping[str, tuple[str, ...]] = {
    "s": ("s", "sec", "secs", "second", "seconds"),
    "ms": ("ms", "msec", "msecs", "millis", "millisecond", "milliseconds"),
    "us": ("us", "µs", "μs", "usec", "micros", "microseconds"),
    "ns": ("ns", "nsec", "nanos", "nanoseconds"),
    "min": ("min", "mins", "minutes"),
    "tokens": ("tokens", "token", "toks", "tok"),
    "chars": ("chars", "char", "characters", "character"),
    "words": ("words", "word"),
    "bytes": ("bytes", "byte"),
}
_UNIT_OF = {word: unit for unit, words in _UNIT_WORDS.items() for word in words}

#: keys in the order in which a name is looked up, each with its names, the likeliest first
_NAMES: Mapping[str, str] = {
    "model": "model model_name model_id llm engine deployment",
    "provider": "provider provider_id provider_name backend vendor",
    "requested": "requested_model request_model",
    "served": "served_model served response_model actual_model returned_model model_served answered_by",
    "fingerprint": "system_fingerprint fingerprint",
    "response_id": "response_id completion_id chat_completion_id",
    "sample": "sample_id sample question_id doc_id case_id case item_id test_id task_id prompt_id id idx index",
    "prompt": "prompt prompt_text input_text messages question input query",
    "prompt_hash": "prompt_hash prompt_digest prompt_sha256",
    "output": "output output_text completion response response_text generated_text text content prediction",
    "status": "status status_code http_status state outcome ok success succeeded",
    "error": "error error_message exception err",
    "cached": "cached cache_hit from_cache is_cached",
    "started": "started started_at start_time timestamp created_at created datetime ts",
    "host": "host hostname machine node",
    "gpu": "gpu gpu_name device accelerator",
    "python": "python python_version",
    "system": "os system platform",
    "version": "version library_version server_version engine_version",
    "latency": (
        "latency response_latency request_latency e2e_latency end_to_end_latency duration elapsed elapsed_time "
        "response_time request_time inference_time generation_time time_taken runtime took time"
    ),
    "first_byte": "ttft time_to_first_token first_token first_token_latency first_token_time ttfb first_byte",
    "startup": (
        "startup startup_time start_up load_time load_duration load model_load model_load_time init_time init "
        "boot_time cold_start process_start spawn_time launch_time"
    ),
    "total": "total_time total_duration total_latency total_elapsed wall_time wall_clock wall total",
    "size": (
        "size prompt_size prompt_length prompt_len input_size input_length input_len context_size context_length "
        "context_len ctx_size ctx length"
    ),
    "output_length": (
        "output_length output_len output_size completion_length completion_len response_length response_len "
        "answer_length generated_length gen_len"
    ),
    "rate": "rate speed throughput",
}
KEYS = (*_NAMES, "prompt_chars", "prompt_tokens", "output_chars", "output_tokens")

#: names whose unit is known although they do not say it
_FIXED: Mapping[str, tuple[str, str]] = {
    **dict.fromkeys(("tokens_in", "prompt_eval_count", "prompt_token_count"), ("prompt_tokens", "tokens")),
    **dict.fromkeys(("input_token_count", "num_prompt_tokens", "n_prompt_tokens"), ("prompt_tokens", "tokens")),
    **dict.fromkeys(("tokens_out", "eval_count", "output_token_count"), ("output_tokens", "tokens")),
    **dict.fromkeys(("completion_token_count", "candidates_token_count"), ("output_tokens", "tokens")),
    **dict.fromkeys(("generated_tokens", "tokens_generated", "new_tokens"), ("output_tokens", "tokens")),
    **dict.fromkeys(("num_tokens", "n_tokens", "token_count", "tokens"), ("output_tokens", "tokens")),
    **dict.fromkeys(("num_chars", "n_chars", "char_count", "chars", "characters"), ("output_chars", "chars")),
    **dict.fromkeys(("n_ctx", "seq_len", "sequence_length"), ("size", "tokens")),
    **dict.fromkeys(("tps", "tok_s", "toks_s", "tokens_s", "tokens_sec", "t_per_s"), ("rate", "tokens")),
    **dict.fromkeys(("cps", "chars_s", "char_s", "chars_sec"), ("rate", "chars")),
}
_KEY_OF = {name: (key, rank) for key, names in _NAMES.items() for rank, name in enumerate(names.split())}
_TIMED = frozenset(TIME_KEYS)
#: names that are a time only with its unit
_NEEDS_UNIT = frozenset({"total", "load", "init", "first_token", "took", "wall"})
_SIDES = {"prompt": "prompt", "input": "prompt", "context": "prompt", "output": "output", "completion": "output"}
_SIDES |= {"response": "output", "answer": "output", "generated": "output", "generation": "output", "gen": "output"}
_RATE = re.compile(r"(?:(?P<of>.+)_)?(?P<unit>[a-z]+)_per_(?:s|sec|second)")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_PROMPT_RATE = re.compile(r"(^|_)(prompt|input|prefill|pp)(_|$)")


class Meaning(NamedTuple):
    """What a column's name says: the key, its unit, and how good a name it is for that (0 is best)."""

    key: str
    unit: str
    rank: int


def read_meaning(column: str) -> Meaning | None:
    """Return what a column holds by its name, None where the name is not a usual one.

    :param column: the name in the file; of nested values the dotted path, whose end decides where the whole does not
    """
    parts = [_normalise(part) for part in column.split(".")]
    for depth, name in enumerate(["_".join(parts), *(["_".join(parts[-2:]), parts[-1]] if len(parts) > 1 else [])]):
        found = _look_up(name)
        if found:
            return found._replace(rank=found.rank + 100 * depth)
    return None


def _normalise(name: str) -> str:
    spelled = _CAMEL.sub("_", name.replace("/", "_per_")).lower()
    return re.sub(r"[\W_]+", "_", spelled).strip("_")


def _look_up(name: str) -> Meaning | None:
    if name in _FIXED:
        return Meaning(*_FIXED[name], 0)
    if rate := _RATE.fullmatch(name):
        unit = _UNIT_OF.get(rate["unit"], "")
        return Meaning("rate", unit, 1) if unit in SIZE_UNITS and not _PROMPT_RATE.search(rate["of"] or "") else None
    if name in _KEY_OF and name not in _NEEDS_UNIT:
        return Meaning(_KEY_OF[name][0], "", _KEY_OF[name][1])
    base, _, last = name.rpartition("_")
    unit = _UNIT_OF.get(last, "")
    return _read_measured(base, unit) if unit and base else None


def _read_measured(base: str, unit: str) -> Meaning | None:
    """Return the meaning of a name that ends in a unit."""
    side = _SIDES.get(base.removeprefix("n_").removeprefix("num_"))
    if side and unit in SIZE_UNITS:
        if unit in ("tokens", "chars"):
            return Meaning(f"{side}_{unit}", unit, 0)
        return Meaning("size" if side == "prompt" else "output_length", unit, 0)
    key, rank = _KEY_OF.get(base, ("", 0))
    fits = unit in SECONDS_OF if key in _TIMED else unit in SIZE_UNITS and key in ("size", "output_length")
    return Meaning(key, unit, rank) if fits else None
