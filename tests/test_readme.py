"""The README's commands work as printed, and the documents name what exists."""

import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest
from rundirs import find_runs, read_records
from serving import ModelServer
from test_architecture import ROWS

from pytest_lleval.core.errors import AssetError
from pytest_lleval.core.settings import DEFAULT_MODEL, parse_model
from pytest_lleval.providers.local_models import find_model
from pytest_lleval.suites.registry import find_suites
from pytest_lleval.suites.sources import load_dataset

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAIN_JOB = "pytest --lleval-suite=mmlu --lleval-limit=57 -n 2"
FRESH_MACHINE = (f"pip install '.[local]' && {MAIN_JOB}", "pip install '.[dev]' && pytest -n 2")
#: stands for any server of the user's; here one of our own answers
SERVER = "http://127.0.0.1:8080/v1"
NOT_RUN = {
    "pip install '.[local]'": "changes the environment the tests run in; .ci/run installs the built wheel",
    "pip install '.[dev]'": "changes the environment the tests run in; .ci/run installs the built wheel",
    "pytest -n 2": "is the command that runs this test",
    "pytest --lleval-suite=mmlu --lleval-limit=114 --lleval-model=openai/gpt-4o-mini -n 8": "needs a key and money",
    "lleval audit results.csv": "is about a file of the reader's own; tests/unit/cli/test_audit.py has such files",
}


#: starts a session of this clone where nothing but the package itself and pytest is installed
BARE = """
import sys
import pytest

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("hypothesis", "jsonschema", "statsmodels", "trio", "trustme", "xdist", "execnet"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
sys.exit(pytest.main(["-p", "lleval", "--collect-only", "-q", "--lleval-suite=SUITE", "--lleval-model=mock/echo"]))
"""


def read_blocks(language: str) -> list[str]:
    return re.findall(rf"^```(?:{language})\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


def read_commands() -> list[str]:
    """Return the words behind ``$`` in console blocks and the lines of bash blocks, split at ``&&``."""
    lines = [line[2:] for block in read_blocks("console") for line in block.splitlines() if line.startswith("$ ")]
    lines += [line for block in read_blocks("bash") for line in block.splitlines() if line.strip()]
    parts = [part.partition(" #")[0].strip() for line in lines for part in line.split(" && ")]
    return [part for part in dict.fromkeys(parts) if part]


def is_ours(command: str) -> bool:
    return command.startswith(("pytest --lleval-", "lleval "))


COMMANDS = read_commands()
SHORT = [command for command in COMMANDS if is_ours(command) and command not in {MAIN_JOB, *NOT_RUN}]


@cache
def find_missing(what: str) -> str:
    """Return why the embedded model or a suite's data cannot be had; an empty text when it can."""
    try:
        if what == "model":
            find_model(parse_model("default", DEFAULT_MODEL))
        else:
            load_dataset(find_suites([what], {})[0])
    except AssetError as error:
        return str(error)
    return ""


def skip_without_assets(command: str) -> None:
    if not command.startswith("pytest --lleval-suite"):
        return
    if "--lleval-model" not in command:
        if importlib.util.find_spec("xllamacpp") is None:
            pytest.skip("needs xllamacpp: pip install 'pytest-lleval[local]'")
        if reason := find_missing("model"):
            pytest.skip(f"needs the embedded model: {reason}")
    for name in ("mmlu", "gsm8k"):
        if name in command and (reason := find_missing(name)):
            pytest.skip(f"needs the data of {name}: {reason}")


def run_command(command: str, folder: Path, seconds: float) -> subprocess.CompletedProcess[str]:
    """Run a command as a shell would, by the scripts of this environment."""
    program, *words = shlex.split(command)
    found = shutil.which(program, path=sysconfig.get_path("scripts"))
    assert found, f"{program} is not installed beside {sys.executable}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment.pop("LLEVAL_MODEL", None)
    environment |= {"COLUMNS": "80", "PYTHONIOENCODING": "utf-8"}
    # what developers have installed beside prints lines of its own
    environment["PYTEST_ADDOPTS"] = "-p no:asyncio -p no:benchmark"
    return subprocess.run(
        [found, *words],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=seconds,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with what a clone has for the README's commands."""
    shutil.copytree(ROOT / "example_suites", tmp_path / "example_suites", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


@pytest.fixture
def servers() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def put_server(command: str, servers: ExitStack) -> str:
    """Replace the README's address by that of a server that has the model the command names."""
    if SERVER not in command:
        return command
    (model,) = re.findall(rf"openai/(\S+)@{re.escape(SERVER)}", command)
    return command.replace(SERVER, servers.enter_context(ModelServer(answer="A", model=model)).url)


def test_the_two_commands_of_a_fresh_machine_are_there() -> None:
    block = "".join(f"$ {command}\n" for command in FRESH_MACHINE)
    assert block in read_blocks("console")


def test_every_command_is_run_or_has_a_reason_not_to_be() -> None:
    assert {command for command in COMMANDS if not is_ours(command)} <= set(NOT_RUN)
    assert set(NOT_RUN) <= set(COMMANDS)
    assert MAIN_JOB in COMMANDS
    assert any(command.startswith("pytest") for command in SHORT)
    assert any(command.startswith("lleval") for command in SHORT)


def pair_up(commands: list[str]) -> list[list[str]]:
    """Put what saves a baseline before what is compared with it."""
    saving = [command for command in commands if "--lleval-save-baseline=main.json" in command]
    comparing = [command for command in commands if "--lleval-baseline=main.json" in command]
    assert len(saving) == len(comparing) == 1
    return [[*saving, *comparing], *([command] for command in commands if command not in saving + comparing)]


@pytest.mark.parametrize("commands", pair_up(SHORT), ids=lambda commands: commands[-1])
def test_the_command_works_as_printed(commands: list[str], folder: Path, servers: ExitStack) -> None:
    for number, command in enumerate(commands, start=1):
        skip_without_assets(command)
        if "--lleval-resume" in command or command in ("lleval report", "lleval verify"):
            earlier = "pytest --lleval-suite=example_suites/capitals.py --lleval-model=mock/fixed:Paris"
            assert run_command(earlier, folder, 60).returncode == 0
        done = run_command(put_server(command, servers), folder, 170)
        assert done.returncode == 0, done.stdout
        if command.startswith("pytest") and "--lleval-dry-run" not in command:
            assert re.search(r"^scored   [1-9][\d,]*, unscored 0$", done.stdout, flags=re.MULTILINE), done.stdout
            assert len(find_runs(folder)) == number


#: the factors F1 to F5 of the embedded model are the same everywhere; how quiet the machine was is not
_DROPPED = re.compile(
    r"([ESDA]  \w+)?\s+(clean|flagged|unverified|note|warning|critical)\s|trustworthy: |lleval: fetching |$"
)
_SHAPES = (
    (r" +\[E\]$", ""),
    (r"\S*[/\\]\.lleval[/\\]runs[/\\]\S+", "RUN"),
    (r"edition .*, digest", "edition EDITION, digest"),
    (r"^origin .*", "origin ORIGIN"),
    (r"\b[0-9a-f]{12}\b", "#"),
    (r" \(\d+:\d\d:\d\d\)", ""),
    (r"\b(\d+ h )?(\d+ min )?\d+ s\b", "TIME"),
    (r"\d+([.,]\d+)*", "#"),
    (r"^[.wpE]+ +(?=\[ *#%\]$)", "LETTERS "),
    (r"=+", "="),
    (r"\s+", " "),
)


def find_shapes(text: str) -> list[str]:
    """Return the lines of a session's output without what differs from machine to machine.

    Numbers, digests, times, letters and addresses become placeholders. Downloads, disclosures and the edition of the
    data depend on what the machine can reach.
    """
    shapes = []
    for line in text.splitlines():
        if _DROPPED.match(line):
            continue
        for regex, placeholder in _SHAPES:
            line = re.sub(regex, placeholder, line)
        shapes.append(line.strip())
    return shapes


def find_difference(shown: list[str], real: list[str]) -> str:
    """Return the first shown lines that the real output does not have in this order; ``…`` stands for any lines."""
    rest = "\n" + "\n".join(real) + "\n"
    for chunk in "\n".join(shown).split("\n…\n"):
        _, found, rest = rest.partition(f"\n{chunk}\n")
        if not found:
            return chunk
        rest = "\n" + rest
    return rest.strip()


def test_shapes_ignore_numbers_and_nothing_else() -> None:
    line = "accuracy                 0.333  [0.225, 0.463]  Wilson"
    assert find_shapes(line) == find_shapes(line.replace("0.333", "0.5"))
    assert find_shapes(line) != find_shapes(line.replace("Wilson", "Normal"))
    assert find_shapes("wall     45 s (45.1 s)") == find_shapes("wall     3 h 02 min 05 s (3725.0 s)")
    assert find_difference(["a", "…", "c"], ["a", "b", "b", "c"]) == ""
    assert find_difference(["a", "…", "d"], ["a", "b", "c"]) == "d"
    assert find_difference(["a", "b"], ["a", "b", "c"]) == "c"


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_the_main_job_prints_what_the_readme_shows(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without LLEVAL_DATA_DIR, as on a fresh machine."""
    monkeypatch.delenv("LLEVAL_DATA_DIR", raising=False)
    find_missing.cache_clear()
    skip_without_assets(MAIN_JOB)
    (shown,) = (block for block in read_blocks("console") if block.startswith(f"$ {MAIN_JOB}\n=="))
    done = run_command(MAIN_JOB, folder, 1400)
    assert done.returncode == 0, done.stdout
    assert "\nscored   57, unscored 0\n" in done.stdout
    (run,) = find_runs(folder)
    records = read_records(run)
    assert {record["outcome"] for record in records} == {"scored"}
    assert len({record["group"] for record in records}) == len(records) == 57
    (suite,) = json.loads((run / "report.json").read_text(encoding="utf-8"))["suites"]
    assert (suite["suite"], suite["scored"], suite["unscored"]) == ("mmlu", 57, {})
    difference = find_difference(find_shapes(shown)[1:], find_shapes(done.stdout))
    assert not difference, f"only one of them has\n{difference}\n\nthe README shows\n{shown}\nreal is\n{done.stdout}"


def test_the_suite_in_the_readme_is_the_example() -> None:
    assert (ROOT / "example_suites" / "capitals.py").read_text(encoding="utf-8") in read_blocks("python")


def test_an_installation_without_developer_tools_can_run_in_a_clone(folder: Path) -> None:
    """The project's own ini file governs the first command of a fresh machine, and that installs no such tools."""
    for name in ("pyproject.toml", "conftest.py", "tests/conftest.py"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    command = "pytest --lleval-suite=example_suites/capitals.py --lleval-model=mock/fixed:Paris"
    done = run_command(f"{command} -p no:timeout -p no:hypothesispytest", folder, 60)
    assert done.returncode == 0, done.stdout
    assert "\nscored   3, unscored 0\n" in done.stdout


@pytest.mark.parametrize("name", ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_links_lead_somewhere(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert (ROOT / target).exists(), target


def test_the_page_on_architecture_has_the_rows_the_imports_are_held_to() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d) \| ([^|]+) \|", text, flags=re.MULTILINE)
    assert {name: int(row) for row, names in rows for name in re.findall(r"`(\w+)`", names)} == ROWS


def test_the_page_on_architecture_names_modules_that_exist() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    names = set(re.findall(r"`([\w/]+\.py)`", text))
    assert len(names) > 20
    for name in names:
        assert (ROOT / name).is_file() or (ROOT / "pytest_lleval" / name).is_file(), name


def test_a_suite_starts_in_a_clone_that_has_none_of_the_developers_tools() -> None:
    suite = next(path for path in sorted(ROOT.joinpath("example_suites").glob("*.py")) if "Suite(" in path.read_text())
    done = subprocess.run(
        [sys.executable, "-c", BARE.replace("SUITE", suite.relative_to(ROOT).as_posix())],
        cwd=ROOT,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "::" in done.stdout
