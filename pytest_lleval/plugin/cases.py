"""Marked tests as eval cases: one item for each row, model and epoch, by pytest's own parametrization."""

from __future__ import annotations

import fnmatch
import inspect
from collections.abc import Sequence

import pytest

from ..core.errors import DatasetError, LlevalError, UnknownNameError, UsageError
from ..core.records import Sample
from ..core.settings import Settings
from ..execution.planning import label_models
from ..reports.escaping import escape_text
from ..suites.datasets import Row
from .casebook import EPOCH, MODEL, ROW, CaseRows, CaseSuite, Part, open_casebook
from .casehooks import CaseHooks
from .marks import CaseMark, read_mark
from .rows import load_case_rows
from .spending import choose_models
from .state import load_settings

__all__ = ["generate_cases"]

#: names that are never filled from a column of that name
_KEPT = frozenset({"backend", "grade", "lleval_seed", "model", "request", "sample", "self"})
_HOOKS = "lleval-cases"
#: whether an option was found that does not fit
_REFUSED_KEY: pytest.StashKey[bool] = pytest.StashKey()


def generate_cases(metafunc: pytest.Metafunc) -> None:
    """Parametrize a marked test by its dataset, models and epochs.

    :raises CollectError: when its mark, its dataset or, for the first test, the options are not what they should be
    """
    try:
        _check_options(metafunc.config)
        _lay_out(metafunc)
    except LlevalError as error:
        raise pytest.Collector.CollectError(escape_text(str(error), keep="\n")) from None
    if not metafunc.config.pluginmanager.hasplugin(_HOOKS):
        metafunc.config.pluginmanager.register(CaseHooks(metafunc.config), _HOOKS)


def _check_options(config: pytest.Config) -> None:
    """Read the options, and tell once what is wrong with them: files behind the first are skipped.

    :raises UsageError: naming the option and the value that does not fit
    """
    if config.stash.get(_REFUSED_KEY, False):
        raise pytest.skip.Exception("an option of lleval does not fit: see the error", allow_module_level=True)
    try:
        shard = load_settings(config).shard
        if shard is not None:
            raise UsageError(
                f"--lleval-shard={shard} divides suites and no tests, all of whose eval cases would be asked in every "
                "shard: run tests in a session without it"
            )
    except LlevalError:
        config.stash[_REFUSED_KEY] = True
        raise


def _lay_out(metafunc: pytest.Metafunc) -> None:
    config, name = metafunc.config, metafunc.definition.nodeid
    mark = read_mark(metafunc.definition, name)
    book = open_casebook(config)
    settings = load_settings(config)
    models = choose_models(config, mark.models, mark.place)
    rows = None
    if mark.dataset is not None:
        rows = load_case_rows(config, book, mark, metafunc.definition.path.parent)
    given = _list_parametrized(metafunc)
    names = _bind_columns(metafunc, rows, given) if rows else ()
    book.suites[name] = CaseSuite(
        name=name,
        mark=mark,
        models=models,
        function=metafunc.function,
        rows=rows,
        bound=frozenset((*names, *given)),
    )
    if rows is not None:
        _check_must_pass(rows, mark)
        _parametrize_rows(metafunc, rows, names, mark)
    if len(models) > 1 and {"model", "backend"}.intersection(metafunc.fixturenames):
        labels = label_models(models)
        _parametrize(metafunc, MODEL, [(spec, labels[spec.name]) for spec in models])
    epochs = _count_epochs(config, mark, settings)
    if epochs > 1:
        _parametrize(metafunc, EPOCH, [(number, f"epoch{number}") for number in range(1, epochs + 1)])


def _count_epochs(config: pytest.Config, mark: CaseMark, settings: Settings) -> int:
    if config.getoption("lleval_epochs") is not None or mark.epochs is None:
        return settings.epochs
    return mark.epochs


def _list_parametrized(metafunc: pytest.Metafunc) -> frozenset[str]:
    """Return the arguments the user's own marks fill with values, which no column replaces."""
    found: set[str] = set()
    for marker in metafunc.definition.iter_markers("parametrize"):
        names = marker.args[0] if marker.args else marker.kwargs.get("argnames", ())
        words = [word.strip() for word in names.split(",")] if isinstance(names, str) else list(names)
        indirect = marker.kwargs.get("indirect", False)
        if indirect is not True:
            found.update(word for word in words if not indirect or word not in indirect)
    return frozenset(found)


def _bind_columns(metafunc: pytest.Metafunc, rows: CaseRows, given: frozenset[str]) -> tuple[str, ...]:
    """Return the arguments that are filled from the dataset: ``sample``, and the function's own of a column's name."""
    columns = {name for row in rows.found.rows for name in row.columns} - _KEPT - given
    own = set(inspect.signature(metafunc.function).parameters)
    names = [name for name in metafunc.fixturenames if name in own & columns]
    for row in rows.chosen:
        for name in names:
            if name not in row.columns:
                raise DatasetError(
                    f"{rows.found.origin}, row {row.sample.id!r}",
                    f"has no column {name!r}, which {metafunc.definition.nodeid} asks for; add it, null for nothing",
                )
    return (*names, *(["sample"] if "sample" in metafunc.fixturenames and "sample" not in given else []))


def _check_must_pass(rows: CaseRows, mark: CaseMark) -> None:
    """Refuse names that protect nothing, such as those of samples that were renamed."""
    known = [row.sample.id for row in rows.found.rows]
    for name in mark.must_pass:
        if name not in known and not fnmatch.filter(known, name):
            raise UnknownNameError(f"{mark.place}, must_pass", "sample of its dataset", name, known)


def _parametrize_rows(metafunc: pytest.Metafunc, rows: CaseRows, names: Sequence[str], mark: CaseMark) -> None:
    def fill(row: Row) -> list[object]:
        return [row.sample if name == "sample" else row.columns[name] for name in names]

    values: list[object] = [
        pytest.param(Part(row, _show_id(row.sample.id, metafunc.config)), *fill(row), id=row.sample.id)
        for row in rows.chosen
    ]
    if not values:
        reason = f"{mark.place}: --lleval-sample-id names none of its {len(rows.found.rows):,} samples"
        empty = [Part(Row(sample=Sample(id="none", input=""), columns={}), "none"), *(None for _ in names)]
        values = [pytest.param(*empty, id="none", marks=pytest.mark.skip(reason=reason))]
    # a parameter that no function asks for must be known as one before
    metafunc.fixturenames.append(ROW)
    metafunc.parametrize([ROW, *names], values)


def _parametrize(metafunc: pytest.Metafunc, name: str, values: Sequence[tuple[object, str]]) -> None:
    """Add a parameter of ours, from values with their ids."""
    metafunc.fixturenames.append(name)
    parts = [pytest.param(Part(value, _show_id(text, metafunc.config)), id=text) for value, text in values]
    metafunc.parametrize([name], parts)


def _show_id(text: str, config: pytest.Config) -> str:
    """Return an id as pytest shows it."""
    if config.getini("disable_test_id_escaping_and_forfeit_all_rights_to_community_support"):
        return text
    return text.encode("unicode_escape").decode("ascii")
