"""One frozen `Settings`, and the grammar of the values a user types."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from .errors import UnknownNameError, UsageError
from .gates import Comparison, Threshold
from .matrix import MatrixSettings
from .shards import Shard

__all__ = [
    "ACKNOWLEDGEABLE",
    "CACHE_MODES",
    "DEFAULT_DEADLINE",
    "DEFAULT_MODEL",
    "OF_ONE_SESSION",
    "Allowance",
    "CacheMode",
    "Limit",
    "ModelSpec",
    "Settings",
    "parse_acknowledgements",
    "parse_allowance",
    "parse_arguments",
    "parse_limit",
    "parse_model",
    "split_names",
]

CacheMode = Literal["on", "off", "refresh", "only"]
CACHE_MODES: tuple[CacheMode, ...] = ("on", "off", "refresh", "only")

#: factors of disclosures: the six of the trust layer, seeds, dataset, answers
ACKNOWLEDGEABLE = ("F1", "F2", "F3", "F4", "F5", "E", "S", "D", "A")
DEFAULT_DEADLINE = 600.0
DEFAULT_MODEL = "local/smollm2-135m"
_SECRET = re.compile(r"api_?key|token$|secret|password", re.IGNORECASE)
_BASE_URL = re.compile(r"@(?P<url>https?://\S+)$")


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelSpec:
    """A model as the user named it: ``provider/model[@base_url]``, with options from a model table."""

    provider: str
    model: str
    base_url: str | None = None
    options: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    #: the name of its table under ``[tool.pytest_lleval.models]``, where it has one
    alias: str | None = None

    @property
    def name(self) -> str:
        """The spec in one word, as printed and recorded."""
        if self.alias:
            return self.alias
        return f"{self.provider}/{self.model}" + (f"@{self.base_url}" if self.base_url else "")

    @property
    def label(self) -> str:
        """A short name for node ids, without the provider and the address."""
        if self.alias:
            return self.alias
        if self.model.endswith(".gguf"):
            return re.split(r"[/\\]", self.model)[-1].removesuffix(".gguf")
        return self.model


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """A slice of the stratified order of a suite's samples: positions `start` up to, not including, `stop`."""

    start: int
    stop: int

    def __str__(self) -> str:
        return str(self.stop) if self.start == 0 else f"{self.start + 1}-{self.stop}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Allowance:
    """How many of something there may be: a count, or a share of all."""

    value: float = 0.0
    relative: bool = False

    def admits(self, count: int, total: int) -> bool:
        """Tell whether so many of so many are few enough."""
        return count <= (self.value * total if self.relative else self.value)

    def __str__(self) -> str:
        return f"{self.value:.6g}" if not self.relative else f"{100 * self.value:.6g}%"


#: where and how one session runs: no part of what a run was asked, which is gone on with or put together with others
OF_ONE_SESSION = ("run_dir", "resume", "hosts", "host_timeout", "require_hosts")


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Everything a run was asked to do; the same on the controller and on every worker."""

    suites: tuple[str, ...] = ()
    arguments: Mapping[str, str] = field(default_factory=dict)
    models: tuple[ModelSpec, ...] = ()
    limit: Limit | None = None
    sample_ids: tuple[str, ...] = ()
    #: the part of the run that this session takes; None for the whole
    shard: Shard | None = None
    epochs: int = 1
    seed: int = 0
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    system_prompt: str | None = None
    max_connections: int | None = None
    #: requests and tokens a minute and the budget, all of the whole run
    rpm: float | None = None
    tpm: float | None = None
    max_cost: float | None = None
    max_tokens_total: int | None = None
    #: seconds one epoch of a case may take from when it is first sent, with everything tried again
    deadline: float = DEFAULT_DEADLINE
    cache: CacheMode = "on"
    #: how many samples are asked twice to see whether the answers are the same
    check_seed: int = 0
    #: what to compare with: a baseline file, or the path or name of an earlier run
    baseline: str | None = None
    gates: tuple[Threshold, ...] = ()
    #: what must not become worse than in the baseline, and by how much it may
    comparisons: tuple[Comparison, ...] = ()
    #: the file to write the results to, for later runs to be compared with
    save_baseline: str | None = None
    #: whether a suite ends as soon as its gates are decided
    stop_decided: bool = False
    #: whether planted answers go through each suite's scorers before anything is asked
    canaries: bool = False
    #: whether tests may ask models that cost money
    live: bool = False
    #: unscored samples that do not fail the session
    unscored_allowed: Allowance = field(default_factory=Allowance)
    #: report files to write when the session ends
    reports: tuple[str, ...] = ()
    #: the file of known failures; None looks for the usual one
    known_failures: str | None = None
    #: whether a finding above a note fails the session
    strict: bool = False
    #: factor to the reason why its findings are expected
    acknowledged: Mapping[str, str] = field(default_factory=dict)
    run_dir: str | None = None
    #: `None`: a fresh run; an empty string: the newest run; else the name or path of a run
    resume: str | None = None
    dry_run: bool = False
    #: the share of answers that another worker asks again; 0 asks none
    audit: float = 0.0
    #: the file that names hosts for workers; None where there are none
    hosts: str | None = None
    #: seconds of silence after which a worker on a host is given up
    host_timeout: float = 15.0
    #: whether the session ends when a host is absent or lost
    require_hosts: bool = False
    #: the size matrix; None where it is not asked for
    matrix: MatrixSettings | None = None

    @property
    def is_limited(self) -> bool:
        """Whether the run has rate limits or a budget."""
        limits = (self.rpm, self.tpm, self.max_cost, self.max_tokens_total)
        return any(limit is not None for limit in limits)

    def encode(self) -> dict[str, object]:
        """Return the settings as plain JSON values."""
        return asdict(self)

    @classmethod
    def decode(cls, raw: Mapping[str, object]) -> Settings:
        """Rebuild settings from `encode`'s values, possibly after a trip through JSON."""
        values: dict[str, Any] = dict(raw)
        values["suites"] = tuple(_strings(values["suites"]))
        values["sample_ids"] = tuple(_strings(values["sample_ids"]))
        values["models"] = tuple(ModelSpec(**model) for model in _mappings(values["models"]))
        limit = values["limit"]
        values["limit"] = Limit(**limit) if isinstance(limit, dict) else None
        shard = values.get("shard")
        values["shard"] = Shard.decode(shard) if isinstance(shard, dict) else None
        values["gates"] = tuple(Threshold(**gate) for gate in _mappings(values.get("gates", ())))
        values["comparisons"] = tuple(Comparison(**rule) for rule in _mappings(values.get("comparisons", ())))
        values["reports"] = tuple(_strings(values.get("reports", ())))
        allowed = values.get("unscored_allowed", {})
        values["unscored_allowed"] = Allowance(**allowed) if isinstance(allowed, dict) else Allowance()
        matrix = values.get("matrix")
        values["matrix"] = MatrixSettings.decode(matrix) if isinstance(matrix, dict) else None
        return cls(**values)


def _strings(value: object) -> Iterable[str]:
    return value if isinstance(value, (list, tuple)) else ()


def _mappings(value: object) -> Iterable[dict[str, Any]]:
    return value if isinstance(value, (list, tuple)) else ()


def split_names(values: Iterable[str]) -> tuple[str, ...]:
    """Split comma-separated words of a repeatable option, keeping order and dropping repeats."""
    words = (word.strip() for value in values for word in value.split(","))
    return tuple(dict.fromkeys(word for word in words if word))


def parse_arguments(place: str, values: Iterable[str]) -> dict[str, str]:
    """Parse ``K=V`` words.

    :raises UsageError: for a word without ``=`` or without a name
    """
    parsed: dict[str, str] = {}
    for value in values:
        name, equals, text = value.partition("=")
        if not equals or not name.strip():
            raise UsageError(f"{place}: {value!r} is not of the form NAME=VALUE, e.g. num_fewshot=5")
        parsed[name.strip()] = text.strip()
    return parsed


def parse_acknowledgements(place: str, values: Iterable[str]) -> dict[str, str]:
    """Parse ``FACTOR:REASON`` words.

    :raises UsageError: for a factor that does not exist, or without a reason
    """
    parsed: dict[str, str] = {}
    for value in values:
        factor, _, reason = (part.strip() for part in value.partition(":"))
        if factor not in ACKNOWLEDGEABLE:
            raise UnknownNameError(place, "factor", factor, ACKNOWLEDGEABLE)
        if not reason:
            raise UsageError(f"{place}: {value!r} has no reason; write it as {factor}:REASON, and it will be printed")
        parsed[factor] = f"{parsed[factor]}; {reason}" if factor in parsed else reason
    return parsed


def parse_allowance(place: str, value: str) -> Allowance:
    """Parse ``N``, a count, or ``N%``, a share.

    :raises UsageError: for anything else, or a share of more than all
    """
    match = re.fullmatch(r"\s*(?:(\d+)|(\d+(?:\.\d*)?|\.\d+)\s*%)\s*", value)
    if match is None or float(match[2] or 0) > 100:
        raise UsageError(f"{place}: {value!r} is neither a number of samples such as 5 nor a share such as 1%")
    return Allowance(value=float(match[1])) if match[1] else Allowance(value=float(match[2]) / 100, relative=True)


def parse_limit(place: str, value: str) -> Limit:
    """Parse ``N`` (the first N) or ``A-B`` (the A-th to the B-th, counted from 1).

    :raises UsageError: for anything else, zero, or a range that runs backwards
    """
    match = re.fullmatch(r"\s*(?:(\d+)\s*-\s*)?(\d+)\s*", value)
    start = int(match.group(1) or 1) if match else 0
    stop = int(match.group(2)) if match else 0
    if start < 1 or stop < start:
        raise UsageError(f"{place}: {value!r} is neither a number of samples such as 57 nor a range such as 58-114")
    return Limit(start=start - 1, stop=stop)


def parse_model(place: str, value: str, tables: Mapping[str, Mapping[str, object]] | None = None) -> ModelSpec:
    """Parse ``provider/model[@base_url]``, or the name of a model table.

    :param place: the option it came from, for messages
    :param value: what the user wrote
    :param tables: ``[tool.pytest_lleval.models]``; a table needs ``model`` and may hold provider options
    :raises UsageError: when it is neither
    """
    tables = tables or {}
    if value in tables:
        return _read_table(value, tables[value])
    match = _BASE_URL.search(value)
    url = _check_url(place, match.group("url")) if match else None
    provider, slash, model = (value[: match.start()] if match else value).partition("/")
    if not slash or not provider or not model:
        known = f" or one of the tables {', '.join(sorted(tables))}" if tables else ""
        raise UsageError(f"{place}: {value!r} is not PROVIDER/MODEL, e.g. {DEFAULT_MODEL} or openai/gpt-4o-mini{known}")
    return ModelSpec(provider=provider, model=model, base_url=url)


def _check_url(place: str, url: str) -> str:
    """Refuse what may hold credentials in a URL: it stands in node ids, journals and reports."""
    if "@" in url.partition("://")[2].partition("/")[0] or "?" in url:
        raise UsageError(
            f"{place}: a base URL must hold neither credentials nor a query; keys come from the environment"
        )
    return url.rstrip("/")


def _read_table(name: str, table: Mapping[str, object]) -> ModelSpec:
    place = f"[tool.pytest_lleval.models.{name}]"
    model = table.get("model")
    if not isinstance(model, str):
        raise UsageError(f'{place}: needs model = "provider/model"')
    options: dict[str, str | int | float | bool] = {}
    for key, value in table.items():
        if key in ("model", "base_url"):
            continue
        if _SECRET.search(key):
            raise UsageError(f"{place}: {key} looks like a secret; keys come from the environment, e.g. OPENAI_API_KEY")
        if not isinstance(value, (str, int, float, bool)):
            raise UsageError(f"{place}: {key} must be a text, a number or a truth value, not {value!r}")
        options[key] = value
    spec = parse_model(place, model)
    url = table.get("base_url")
    return ModelSpec(
        provider=spec.provider,
        model=spec.model,
        base_url=_check_url(place, url) if isinstance(url, str) else spec.base_url,
        options=options,
        alias=name,
    )
