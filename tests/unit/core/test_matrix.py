"""What the size matrix was asked to measure, as it is typed and as it is recorded."""

import json

import pytest

from pytest_lleval.core.errors import UsageError
from pytest_lleval.core.matrix import MatrixSettings, parse_share
from pytest_lleval.core.settings import Settings
from pytest_lleval.core.sizes import parse_sizes


@pytest.mark.parametrize(("text", "share"), [("5%", 0.05), ("0.05", 0.05), (" 2.5 % ", 0.025), ("1", 1.0), (".1", 0.1)])
def test_a_share_is_a_fraction_or_percents(text, share):
    assert parse_share("--here", text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["0", "0%", "101%", "2", "-1%", "five", "", "5%%"])
def test_what_is_no_share_above_0_is_refused_with_its_place(text):
    with pytest.raises(UsageError, match=r"--here: .* is not a share above 0"):
        parse_share("--here", text)


def test_settings_with_a_matrix_survive_json():
    matrix = MatrixSettings(sizes=parse_sizes("--here", "xs,300,4k"), shared_prefix=True, target=0.1, budget=5.0)
    settings = Settings(suites=("s",), matrix=matrix)
    assert Settings.decode(json.loads(json.dumps(settings.encode()))) == settings


def test_settings_of_runs_before_there_was_a_matrix_are_read():
    raw = Settings().encode()
    del raw["matrix"]
    assert Settings.decode(raw).matrix is None


def test_a_matrix_names_the_options_that_ask_for_it():
    usual = MatrixSettings(sizes=parse_sizes("--here", "xs,4k"))
    assert usual.options == ("--lleval-matrix=xs,4k",)
    other = MatrixSettings(sizes=usual.sizes, shared_prefix=True, refine=True, target=0.1, output=8)
    assert other.options[1:] == (
        "--lleval-matrix-prefix=shared",
        "--lleval-matrix-refine",
        "--lleval-matrix-target=0.1",
        "--lleval-matrix-output=8",
    )
