"""Calls of size matrices, and what is computed of them, for tests of reports."""

import json

from run_parts import make_completion, make_identity, make_record, write_run

from pytest_lleval.core.encoding import dump_record
from pytest_lleval.core.matrix import MATRIX, MatrixSettings
from pytest_lleval.core.records import FailedAttempt, Score, Timing, Usage
from pytest_lleval.core.settings import Settings
from pytest_lleval.core.sizes import PromptSize
from pytest_lleval.execution.journal import Journal
from pytest_lleval.execution.matrix_cells import MATRIX_JOURNAL
from pytest_lleval.execution.rundir import MANIFEST, read_manifest, write_json
from pytest_lleval.reports.matrix import read_matrix

__all__ = ["NOISE", "SIZES", "cross", "fail_call", "make_call", "measure", "read", "write_matrix_run"]

SIZES = {"s": 400, "m": 1600, "l": 6400}
NOISE = (1.0, 1.01, 0.99, 1.005, 0.995, 1.0)


def make_call(model, size, seconds, repeat, *, said="right", usage=(), **changes):
    tokens = SIZES.get(size) or int(size)
    counted = {"input_tokens": tokens, "output_tokens": 16, "cached_tokens": 0, **dict(usage)}
    timing = Timing(total=seconds, first_token=0.4 * seconds, last_token=seconds)
    completion = make_completion(timing=timing, usage=Usage(**counted))
    values = {
        "case": f"{MATRIX}::{size}[{model}]",
        "model": model,
        "completion": completion,
        "scores": (Score(name="needle", value=float(said == "right"), answer="X", explanation=said),),
        **changes,
    }
    return make_record(f"{size}/{repeat}", group=size, epoch=repeat, suite=MATRIX, **values)


def fail_call(model, size, repeat, error="broken", *, seconds=0.1, status=500):
    failure = FailedAttempt(error=error, status=status, seconds=seconds)
    return make_call(
        *(model, size, 1.0, repeat),
        completion=None,
        scores=(),
        outcome="unscored",
        cause="error",
        error=error,
        failures=(failure,),
    )


def measure(model, time_of, sizes=SIZES, **changes):
    for size in sizes:
        yield make_call(model, size, 99.0, 0, **changes)
        for repeat, noise in enumerate(NOISE, start=1):
            yield make_call(model, size, time_of(SIZES.get(size) or int(size)) * noise, repeat, **changes)


def describe(models=("a",), asked=None, ended="complete", contexts=(), **described):
    """The keys of a manifest that a matrix is computed from."""
    asked = asked or MatrixSettings(sizes=tuple(PromptSize(name=name, tokens=n) for name, n in SIZES.items()))
    return {
        "settings": json.loads(json.dumps(Settings(matrix=asked, deadline=50.0).encode())),
        "models": [{"spec": model, "context_tokens": dict(contexts).get(model)} for model in models],
        "matrix": {
            "cells": [[model, name, tokens] for name, tokens in SIZES.items() for model in models],
            "labels": [[model, model] for model in models],
            "ended": ended,
            **described,
        },
    }


def read(*records, **described):
    """Compute the matrix of some calls."""
    return read_matrix(describe(**described), records)


def cross(**changes):
    """Calls of two models: one that takes a second for 1,000 tokens, and one that takes two for all."""
    yield from measure("a", lambda tokens: tokens / 1000, **changes)
    yield from measure("b", lambda _: 2.0, **changes)


def write_matrix_run(run, records, *, samples=(), suites=(), **described):
    """Write the directory of a run with a matrix, and with samples where it has also asked suites."""
    models = described.get("models", ("a", "b"))
    identities = [make_identity(spec=model) for model in models]
    write_run(run, samples, identities=identities, suites=suites)
    found = describe(**{"models": models, **described})
    written = {**read_manifest(run), "suites": [*suites], "settings": found["settings"], "matrix": found["matrix"]}
    write_json(run / MANIFEST, written)
    with Journal(run, MATRIX_JOURNAL) as journal:
        for record in records:
            journal.append(dump_record(record))
    return run
