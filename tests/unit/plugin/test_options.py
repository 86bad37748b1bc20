from collections.abc import Callable

import pytest

from pytest_lleval.core.errors import UsageError
from pytest_lleval.core.settings import DEFAULT_MODEL, Limit, Settings
from pytest_lleval.plugin.options import is_asked, overlay_settings, read_settings

Configure = Callable[..., pytest.Config]


@pytest.fixture
def configure(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Configure:
    """Parse a command line without configuring the session, so that nothing is evaluated."""
    monkeypatch.delenv("LLEVAL_MODEL", raising=False)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    def parse(*words: str, ini: str = "") -> pytest.Config:
        pytester.makeini(f"[pytest]\n{ini}")
        return pytester.parseconfig("-p", "pytest_lleval.plugin.hooks", *words)

    return parse


def test_nothing_is_asked_without_a_suite_or_a_run_to_go_on_with(configure: Configure) -> None:
    assert not is_asked(configure())
    assert not is_asked(configure("--lleval-model=mock/echo"))
    assert is_asked(configure("--lleval-suite=mmlu"))
    assert is_asked(configure("--lleval-resume"))
    assert is_asked(configure(ini="lleval_suite = mmlu\n"))


def test_what_is_not_said_is_the_default(configure: Configure) -> None:
    settings = read_settings(configure("--lleval-suite=mmlu"))
    assert [spec.name for spec in settings.models] == [DEFAULT_MODEL]
    assert settings == Settings(suites=("mmlu",), models=settings.models)


def test_every_option_is_read_from_the_command_line(configure: Configure) -> None:
    settings = read_settings(
        configure(
            "--lleval-suite=mmlu,gsm8k",
            "--lleval-suite=own.py",
            "--lleval-arg=num_fewshot=5",
            "--lleval-model=mock/echo",
            "--lleval-model=openai/m@http://127.0.0.1:1/v1",
            "--lleval-limit=58-114",
            "--lleval-sample-id=anatomy/*",
            "--lleval-epochs=3",
            "--lleval-seed=-7",
            "--lleval-temperature=0.7",
            "--lleval-top-p=0.9",
            "--lleval-max-tokens=12",
            "--lleval-system-prompt=Be brief.",
            "--lleval-max-connections=4",
            "--lleval-run-dir=here",
            "--lleval-dry-run",
        )
    )
    assert settings == Settings(
        suites=("mmlu", "gsm8k", "own.py"),
        arguments={"num_fewshot": "5"},
        models=settings.models,
        limit=Limit(start=57, stop=114),
        sample_ids=("anatomy/*",),
        epochs=3,
        seed=-7,
        temperature=0.7,
        top_p=0.9,
        max_tokens=12,
        system_prompt="Be brief.",
        max_connections=4,
        run_dir="here",
        dry_run=True,
    )
    assert [spec.name for spec in settings.models] == ["mock/echo", "openai/m@http://127.0.0.1:1/v1"]


INI = """
lleval_suite =
    mmlu
    gsm8k
lleval_arg = num_fewshot=2
lleval_model = mock/echo
lleval_limit = 10
lleval_sample_id = a*
lleval_epochs = 2
lleval_seed = 5
lleval_temperature = 0
lleval_top_p = 0.5
lleval_max_tokens = 3
lleval_system_prompt = Hi
lleval_max_connections = 1
lleval_run_dir = there
lleval_dry_run = true
"""


def test_every_option_is_read_from_the_ini_file(configure: Configure) -> None:
    settings = read_settings(configure(ini=INI))
    assert settings == Settings(
        suites=("mmlu", "gsm8k"),
        arguments={"num_fewshot": "2"},
        models=settings.models,
        limit=Limit(start=0, stop=10),
        sample_ids=("a*",),
        epochs=2,
        seed=5,
        temperature=0.0,
        top_p=0.5,
        max_tokens=3,
        system_prompt="Hi",
        max_connections=1,
        run_dir="there",
        dry_run=True,
    )


def test_the_command_line_goes_before_the_environment_and_that_before_the_ini_file(
    configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_model(*words: str) -> list[str]:
        return [spec.name for spec in read_settings(configure(*words, ini=INI)).models]

    assert read_model() == ["mock/echo"]
    monkeypatch.setenv("LLEVAL_MODEL", "mock/fixed:B")
    assert read_model() == ["mock/fixed:B"]
    assert read_model("--lleval-model=mock/fixed:C") == ["mock/fixed:C"]
    assert read_settings(configure("--lleval-seed=0", "--lleval-temperature=1", ini=INI)).seed == 0


@pytest.mark.parametrize(("text", "share"), [("2%", 0.02), ("0.02", 0.02), ("100%", 1.0)])
def test_the_share_that_is_audited_is_read_from_both_places(configure: Configure, text: str, share: float) -> None:
    assert read_settings(configure(f"--lleval-audit={text}")).audit == share
    assert read_settings(configure(ini=f"lleval_audit = {text}\n")).audit == share
    assert read_settings(configure()).audit == 0.0


def test_a_model_named_twice_is_asked_once(configure: Configure) -> None:
    settings = read_settings(configure("--lleval-model=mock/echo", "--lleval-model=mock/echo"))
    assert len(settings.models) == 1


def test_models_have_tables_in_pyproject(configure: Configure, pytester: pytest.Pytester) -> None:
    table = '[tool.pytest_lleval.models.quick]\nmodel = "mock/echo"\nlatency_ms = 5\n'
    (pytester.path / "pyproject.toml").write_text(table, encoding="utf-8")
    (spec,) = read_settings(configure("--lleval-model=quick")).models
    assert (spec.name, spec.provider, spec.model, spec.options) == ("quick", "mock", "echo", {"latency_ms": 5})


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("[tool.pytest_lleval]\nmodels = 3\n", "must hold one table a model"),
        ("[tool.pytest_lleval.models]\nquick = 'mock/echo'\n", "must hold one table a model"),
        ("[tool.pytest_lleval.models.quick]\nlatency_ms = 5\n", "needs model = "),
        ("[tool.pytest_lleval.models.quick]\nmodel = 'mock/echo'\napi_key = 'x'\n", "looks like a secret"),
    ],
)
def test_a_table_that_cannot_be_used_is_named(
    configure: Configure, pytester: pytest.Pytester, table: str, message: str
) -> None:
    (pytester.path / "pyproject.toml").write_text(table, encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        read_settings(configure("--lleval-model=quick"))


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("--lleval-epochs=0", "--lleval-epochs: '0' is not a whole number of at least 1"),
        ("--lleval-epochs=1.5", "--lleval-epochs: '1.5' is not"),
        ("--lleval-temperature=nan", "--lleval-temperature: 'nan' is not a number from 0 to 2"),
        ("--lleval-temperature=-1", "--lleval-temperature: '-1' is not"),
        ("--lleval-deadline=inf", "--lleval-deadline: 'inf' is not a number of seconds above 0"),
        ("--lleval-audit=0", "--lleval-audit: '0' is not a share above 0 such as 5% or 0.05"),
        ("--lleval-audit=101%", "--lleval-audit: '101%' is not a share"),
        ("--lleval-audit=few", "--lleval-audit: 'few' is not a share"),
        ("--lleval-top-p=0", "--lleval-top-p: '0' is not a number above 0, up to 1"),
        ("--lleval-max-connections=0", "--lleval-max-connections: '0' is not"),
        ("--lleval-max-tokens=", "--lleval-max-tokens: '' is not"),
        ("--lleval-limit=0", "--lleval-limit: '0' is neither"),
        ("--lleval-arg=x", "--lleval-arg: 'x' is not of the form NAME=VALUE"),
        ("--lleval-model=gpt-4o", "--lleval-model: 'gpt-4o' is not PROVIDER/MODEL"),
    ],
)
def test_a_value_that_does_not_fit_is_named_with_its_option(configure: Configure, word: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_settings(configure("--lleval-suite=mmlu", word))
    assert str(caught.value).startswith(message)


def test_a_value_of_the_ini_file_is_checked_like_a_typed_one(configure: Configure) -> None:
    with pytest.raises(UsageError, match="--lleval-epochs: 'many' is not a whole number"):
        read_settings(configure(ini="lleval_epochs = many\n"))


def test_resume_may_name_a_run_or_not_and_keeps_its_directory(configure: Configure) -> None:
    assert read_settings(configure("--lleval-resume")).resume == ""
    assert read_settings(configure("--lleval-resume=20260101-000000-0000")).resume == "20260101-000000-0000"
    with pytest.raises(UsageError, match="leave --lleval-run-dir out"):
        read_settings(configure("--lleval-resume", "--lleval-run-dir=x"))


def test_what_is_typed_lies_over_the_settings_of_a_run_that_goes_on(configure: Configure) -> None:
    stored = Settings(suites=("gsm8k",), epochs=5, seed=3, models=(), temperature=0.5)
    config = configure("--lleval-resume", "--lleval-epochs=1", "--lleval-dry-run", ini="lleval_seed = 9\n")
    settings = overlay_settings(config, stored)
    assert settings == Settings(
        suites=("gsm8k",), epochs=1, seed=3, models=(), temperature=0.5, resume="", dry_run=True
    )
