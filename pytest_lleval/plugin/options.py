"""The command line, its ini and environment twins, read once into one `Settings`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from ..core.errors import UsageError
from ..core.gates import parse_comparison, parse_threshold
from ..core.matrix import ALL_SIZES, PREFIXES, MatrixSettings, parse_share
from ..core.settings import (
    CACHE_MODES,
    DEFAULT_DEADLINE,
    DEFAULT_MODEL,
    OF_ONE_SESSION,
    Allowance,
    CacheMode,
    ModelSpec,
    Settings,
    parse_acknowledgements,
    parse_allowance,
    parse_arguments,
    parse_limit,
    parse_model,
    split_names,
)
from ..core.shards import parse_shard
from ..core.sizes import parse_sizes
from .reading import Option, OptionReader

__all__ = [
    "declare_options",
    "is_asked",
    "may_limit",
    "overlay_settings",
    "read_model_tables",
    "read_settings",
    "runs_suites_alone",
]


_OPTIONS = (
    Option(
        name="suite",
        metavar="NAME[,NAME]",
        ini="linelist",
        help="benchmark to run: a name (mmlu, gsm8k), NAME/GROUP for one group, or a suite file; repeatable",
    ),
    Option(
        name="arg",
        metavar="K=V",
        ini="linelist",
        help="suite parameter, e.g. num_fewshot=5 or method=logprobs; repeatable",
    ),
    Option(
        name="model",
        metavar="SPEC",
        ini="linelist",
        environment="LLEVAL_MODEL",
        help=f"provider/model[@base_url] or a [tool.pytest_lleval.models] name; repeatable (default: {DEFAULT_MODEL})",
    ),
    Option(name="limit", metavar="N|A-B", help="samples per suite, stratified by group in a fixed order"),
    Option(name="sample-id", metavar="GLOB", ini="linelist", help="only these samples, e.g. 'anatomy/1*'; repeatable"),
    Option(
        name="shard",
        metavar="I/N",
        help="take the I-th of N equal parts of the samples, e.g. 2/8; `lleval merge` puts the runs together",
    ),
    Option(name="epochs", metavar="N", help="sampling runs per case (default: 1)"),
    Option(name="seed", metavar="INT", help="root of every seed (default: 0)"),
    Option(name="temperature", metavar="T", help="sampling temperature (default: the suite's)"),
    Option(name="top-p", metavar="P", help="nucleus sampling (default: the suite's)"),
    Option(name="max-tokens", metavar="N", help="output tokens per answer (default: the suite's)"),
    Option(name="system-prompt", metavar="TEXT", help="system prompt put before every request (default: none)"),
    Option(
        name="max-connections",
        metavar="N",
        help="requests in flight per model, over all workers (default: 32; local models: the slots of their server)",
    ),
    Option(name="rpm", metavar="N", help="requests a minute, of the whole run over all workers (default: no limit)"),
    Option(name="tpm", metavar="N", help="tokens a minute, input and output, of the whole run (default: no limit)"),
    Option(name="max-cost", metavar="USD", help="budget of the run; what it has no room for is not sent"),
    Option(name="max-tokens-total", metavar="N", help="budget of the run in tokens, input and output"),
    Option(
        name="deadline",
        metavar="SECONDS",
        help="what one answer may take from when it is first asked for, with everything tried again (default: 600)",
    ),
    Option(
        name="cache",
        metavar="|".join(CACHE_MODES),
        help="answers at temperature 0 from the response cache: also keep new ones (on, the default), ask again and "
        "keep (refresh), never ask (only), or neither (off)",
    ),
    Option(name="check-seed", metavar="N", help="ask N samples twice, and report how often the answers are the same"),
    Option(
        name="gate",
        metavar="EXPR",
        ini="linelist",
        help="fail unless the numbers show it, e.g. mmlu:accuracy>=0.60 or mmlu/anatomy:accuracy>=0.5 (the bound of "
        "the 95 %% interval decides; point>=0.6: the bare mean); repeatable",
    ),
    Option(name="baseline", metavar="FILE|RUN", help="a baseline file or an earlier run to compare with"),
    Option(
        name="compare-fail",
        metavar="METRIC:TOL",
        ini="linelist",
        help="fail unless the metric is shown to be no worse than the baseline's by more than that, paired by sample, "
        "e.g. accuracy:2%% (of the baseline's value), accuracy:0.02, latency_p50:10%%, cost:5%%; repeatable",
    ),
    Option(name="save-baseline", metavar="FILE", help="write the results for later runs to be compared with"),
    Option(name="stop", metavar="decided", help="end a suite as soon as its gates are decided, at any sample"),
    Option(name="canaries", ini="bool", help="first send planted answers through each suite's scorers"),
    Option(
        name="fail-on-unscored",
        metavar="N|N%",
        help="how many samples may stay unscored without failing the session (default: 0)",
    ),
    Option(
        name="known-failures",
        metavar="FILE",
        help="samples that are known to fail, with reason and expiry (default: known_failures.toml where it is there)",
    ),
    Option(
        name="report",
        metavar="FILE",
        ini="linelist",
        help="write a report when the session ends, in the form its name ends in: .html, .md or .json; repeatable",
    ),
    Option(
        name="live",
        ini="bool",
        environment="LLEVAL_LIVE",
        help="let tests ask models that cost money; a model named by --lleval-model needs no switch",
    ),
    Option(name="strict", ini="bool", help="fail on any disclosure above a note that is not acknowledged"),
    Option(
        name="acknowledge",
        metavar="FACTOR:REASON",
        ini="linelist",
        help='say why findings of a factor are expected, e.g. F2:"gateway alias"; printed, never hidden; repeatable',
    ),
    Option(name="run-dir", metavar="DIR", help="where the evidence goes (default: .lleval/runs/<time>-<id>)"),
    Option(name="resume", metavar="RUN", help="go on with a stopped run: its path or name, or nothing for the newest"),
    Option(name="hosts", metavar="FILE", help="workers on other machines, by ssh: a TOML file with a table a host"),
    Option(
        name="host-timeout",
        metavar="SECONDS",
        help="silence after which a worker on a host is given up, and what it held given to others (default: 15)",
    ),
    Option(
        name="audit",
        metavar="SHARE",
        help="ask a random share of answers again on another worker, on another host where there is one, e.g. 2%% or "
        "0.02: a worker that lies is named and excluded (default: none)",
    ),
    Option(name="require-hosts", ini="bool", help="end the session when a host takes no part, or is lost"),
    Option(
        name="matrix",
        metavar="SIZES",
        help=f"measure each model at growing prompt sizes: {ALL_SIZES} (128 to 32k tokens), or e.g. 256,1k,4k",
    ),
    Option(
        name="matrix-prefix",
        metavar="|".join(PREFIXES),
        help="whether the matrix' prompts of one size differ from the start (own, the default), or begin alike, which "
        "measures prefix caches (shared)",
    ),
    Option(name="matrix-refine", ini="bool", help="add sizes to the matrix where two models cross"),
    Option(name="matrix-repeats", metavar="N", help="measured calls a cell of the matrix has at least (default: 5)"),
    Option(
        name="matrix-target",
        metavar="SHARE",
        help="repeat cells until the limits of the median's interval are so near to it (default: 5%%)",
    ),
    Option(
        name="matrix-budget",
        metavar="SECONDS",
        help="begin no further call after it, once each cell has its repeats (default: 600)",
    ),
    Option(name="matrix-output", metavar="N", help="output tokens of the matrix' calls (default: 16)"),
    Option(name="dry-run", ini="bool", help="say what would be sent (cases, tokens) and send nothing"),
)


#: options that need no value, and the one they have without
_BARE = {"resume": "", "matrix": ALL_SIZES}
#: option name to the field of `Settings` it sets, where they differ
_FIELDS = {
    "suite": "suites",
    "arg": "arguments",
    "model": "models",
    "sample-id": "sample_ids",
    "acknowledge": "acknowledged",
    "gate": "gates",
    "compare-fail": "comparisons",
    "stop": "stop_decided",
    "report": "reports",
    "fail-on-unscored": "unscored_allowed",
}


def declare_options(parser: pytest.Parser) -> None:
    """Declare every option with its ini twin."""
    group = parser.getgroup("lleval", "LLM evaluations (pytest-lleval)")
    for option in _OPTIONS:
        flag, dest = f"--lleval-{option.name}", option.dest
        if option.ini == "linelist":
            group.addoption(flag, dest=dest, action="append", metavar=option.metavar, help=option.help)
        elif option.ini == "bool":
            group.addoption(flag, dest=dest, action="store_true", default=None, help=option.help)
        elif option.name in _BARE:
            const = _BARE[option.name]
            group.addoption(flag, dest=dest, nargs="?", const=const, metavar=option.metavar, help=option.help)
        else:
            group.addoption(flag, dest=dest, metavar=option.metavar, help=option.help)
        parser.addini(dest, f"ini twin of {flag}", type=option.ini, default=[] if option.ini == "linelist" else None)


def is_asked(config: pytest.Config) -> bool:
    """Tell whether this session has anything to evaluate."""
    return runs_suites_alone(config) or bool(config.getini("lleval_suite") or config.getini("lleval_matrix"))


def runs_suites_alone(config: pytest.Config) -> bool:
    """Tell whether suites or the matrix are asked for by the command line, which keeps the default test paths out."""
    asked = (config.getoption(f"lleval_{name}") for name in ("resume", "matrix"))
    return bool(config.getoption("lleval_suite") or any(value is not None for value in asked))


def may_limit(config: pytest.Config) -> bool:
    """Tell whether calls of this session may be limited: by an option, or by the run that is gone on with."""
    read = OptionReader(config, _OPTIONS)
    limits = ("rpm", "tpm", "max-cost", "max-tokens-total")
    return any(map(read.value, limits)) or config.getoption("lleval_resume") is not None


def read_settings(config: pytest.Config) -> Settings:
    """Read command line, environment and ini, in this order of precedence.

    :raises UsageError: naming the option and the value that does not fit
    """
    read = OptionReader(config, _OPTIONS)
    settings = Settings(
        suites=split_names(read.many("suite")),
        arguments=parse_arguments("--lleval-arg", read.many("arg")),
        models=_read_models(config, read.many("model")),
        limit=read.one("limit", lambda text: parse_limit("--lleval-limit", text)),
        sample_ids=tuple(read.many("sample-id")),
        shard=read.one("shard", lambda text: parse_shard("--lleval-shard", text)),
        epochs=read.number("epochs", int, "a whole number of at least 1", lambda n: n >= 1) or 1,
        seed=read.number("seed", int, "a whole number", lambda _: True) or 0,
        temperature=read.number("temperature", float, "a number from 0 to 2", lambda t: 0 <= t <= 2),
        top_p=read.number("top-p", float, "a number above 0, up to 1", lambda p: 0 < p <= 1),
        max_tokens=read.number("max-tokens", int, "a whole number of at least 1", lambda n: n >= 1),
        system_prompt=read.one("system-prompt", str),
        max_connections=read.number("max-connections", int, "a whole number of at least 1", lambda n: n >= 1),
        rpm=read.number("rpm", float, "a number above 0", lambda n: n > 0),
        tpm=read.number("tpm", float, "a number above 0", lambda n: n > 0),
        max_cost=read.number("max-cost", float, "a number of dollars above 0", lambda n: n > 0),
        max_tokens_total=read.number("max-tokens-total", int, "a whole number of at least 1", lambda n: n >= 1),
        deadline=read.number("deadline", float, "a number of seconds above 0", lambda n: n > 0) or DEFAULT_DEADLINE,
        cache=read.one("cache", _parse_cache) or "on",
        check_seed=read.number("check-seed", int, "a whole number of at least 1", lambda n: n >= 1) or 0,
        baseline=read.one("baseline", str),
        gates=tuple(parse_threshold("--lleval-gate", text) for text in read.many("gate")),
        comparisons=tuple(parse_comparison("--lleval-compare-fail", text) for text in read.many("compare-fail")),
        save_baseline=read.one("save-baseline", str),
        stop_decided=bool(read.one("stop", _parse_stop)),
        canaries=bool(read.value("canaries")),
        unscored_allowed=read.one("fail-on-unscored", lambda text: parse_allowance("--lleval-fail-on-unscored", text))
        or Allowance(),
        known_failures=read.one("known-failures", str),
        reports=tuple(read.many("report")),
        live=read.switch("live"),
        strict=bool(read.value("strict")),
        acknowledged=parse_acknowledgements("--lleval-acknowledge", read.many("acknowledge")),
        run_dir=read.one("run-dir", str),
        resume=read.one("resume", str),
        dry_run=bool(read.value("dry-run")),
        audit=read.one("audit", lambda text: parse_share("--lleval-audit", text)) or 0.0,
        hosts=read.one("hosts", str),
        host_timeout=read.number("host-timeout", float, "a number of seconds of at least 3", lambda n: n >= 3) or 15.0,
        require_hosts=bool(read.value("require-hosts")),
        matrix=_read_matrix(read),
    )
    if settings.matrix is not None and settings.resume is not None:
        raise UsageError("--lleval-resume: times of two sessions are no matrix; run --lleval-matrix afresh, without it")
    if settings.check_seed and settings.cache == "only":
        raise UsageError("--lleval-check-seed asks the model twice, --lleval-cache=only never: leave one of them out")
    if settings.comparisons and settings.baseline is None:
        raise UsageError("--lleval-compare-fail needs something to compare with: give --lleval-baseline=FILE too")
    if settings.stop_decided and not (settings.gates or settings.comparisons):
        raise UsageError("--lleval-stop=decided needs gates to decide: give --lleval-gate or --lleval-compare-fail too")
    if settings.resume is not None and settings.run_dir is not None:
        raise UsageError("--lleval-resume goes on in the directory of its run: leave --lleval-run-dir out")
    if settings.shard is not None:
        _check_shard(settings)
    return settings


def _check_shard(settings: Settings) -> None:
    """Refuse what a part of the samples cannot be asked for."""
    place = f"--lleval-shard={settings.shard}"
    if settings.matrix is not None:
        raise UsageError(f"{place} is about suites, a size matrix is measured whole: run --lleval-matrix without it")
    if settings.stop_decided:
        raise UsageError(
            f"{place}: no gate is decided by a part of the samples: leave --lleval-stop=decided out; `lleval merge` "
            "judges the gates"
        )
    if settings.save_baseline is not None:
        raise UsageError(
            f"{place}: a part of the samples is no baseline: leave --lleval-save-baseline out, and compare later runs "
            "with the run that `lleval merge` makes (--lleval-baseline=RUN)"
        )


def overlay_settings(config: pytest.Config, stored: Settings) -> Settings:
    """Return the settings of a stored run with what was typed, or is of one session alone, laid over them.

    :raises UsageError: naming the option and the value that does not fit
    """
    from .typed import is_typed  # sessions without a run to go on with need it not

    fresh = read_settings(config)
    typed = [option for option in _OPTIONS if is_typed(config, option.name)]
    fields = {_FIELDS.get(option.name, option.name.replace("-", "_")) for option in typed}
    # they are fields of the field `matrix`
    fields = {name for name in fields if not name.startswith("matrix_")} | set(OF_ONE_SESSION)
    settings = replace(stored, **{name: getattr(fresh, name) for name in fields})
    if settings.shard is not None:
        _check_shard(settings)
    return settings


def _read_matrix(read: OptionReader) -> MatrixSettings | None:
    sizes = read.one("matrix", lambda text: parse_sizes("--lleval-matrix", text))
    if not sizes:
        alone = [option.name for option in _OPTIONS if option.name.startswith("matrix-") and read.is_given(option.name)]
        if alone:
            raise UsageError(f"--lleval-{alone[0]} is about the size matrix: give --lleval-matrix too")
        return None
    return MatrixSettings(
        sizes=sizes,
        shared_prefix=read.one("matrix-prefix", _parse_prefix) == "shared",
        refine=bool(read.value("matrix-refine")),
        repeats=read.number("matrix-repeats", int, "a whole number of at least 1", lambda n: n >= 1) or 5,
        target=read.one("matrix-target", lambda text: parse_share("--lleval-matrix-target", text)) or 0.05,
        budget=read.number("matrix-budget", float, "a number of seconds above 0", lambda n: n > 0) or 600.0,
        output=read.number("matrix-output", int, "a whole number of at least 1", lambda n: n >= 1) or 16,
    )


def _parse_prefix(text: str) -> str:
    if text not in PREFIXES:
        raise UsageError(f"--lleval-matrix-prefix: {text!r} is none of {', '.join(PREFIXES)}")
    return text


def _parse_cache(text: str) -> CacheMode:
    for mode in CACHE_MODES:
        if mode == text:
            return mode
    raise UsageError(f"--lleval-cache: {text!r} is none of {', '.join(CACHE_MODES)}")


def _parse_stop(text: str) -> bool:
    if text != "decided":
        raise UsageError(f"--lleval-stop: {text!r} is not 'decided', which ends a suite when its gates are decided")
    return True


def _read_models(config: pytest.Config, names: list[str]) -> tuple[ModelSpec, ...]:
    tables = read_model_tables(config)
    specs = [parse_model("--lleval-model", name, tables) for name in names or [DEFAULT_MODEL]]
    unique = {spec.name: spec for spec in specs}
    return tuple(unique.values())


def read_model_tables(config: pytest.Config) -> Mapping[str, Mapping[str, object]]:
    """Read ``[tool.pytest_lleval.models]`` from the pyproject.toml beside the ini file or at the root."""
    folder = Path(config.inipath).parent if config.inipath else Path(config.rootpath)
    file = folder / "pyproject.toml"
    if not file.is_file():
        return {}
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: cannot be read as TOML ({error})") from error
    tables = content.get("tool", {}).get("pytest_lleval", {}).get("models", {})
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise UsageError(f"{file}: [tool.pytest_lleval.models] must hold one table a model")
    return tables
