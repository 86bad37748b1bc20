"""A private cache, a folder of wheels, and a Python with nothing in it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from asset_parts import write_wheel

import pytest_lleval


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder, and no data folder."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("LLEVAL_CACHE_DIR", str(folder))
    monkeypatch.delenv("LLEVAL_DATA_DIR", raising=False)
    return folder


@pytest.fixture
def left_over(cache: Path) -> Callable[[], list[str]]:
    """Lists what was left in the cache by writing to it, beside the files themselves."""
    return lambda: [path.name for path in cache.rglob("*") if path.name.startswith("tmp-") or path.suffix == ".part"]


@pytest.fixture
def wheelhouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels, the only one pip and uv know of."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("UV_NO_CONFIG", "1")
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def wheel(wheelhouse: Path) -> Path:
    """A wheel that holds PAYLOAD as quiz/data/quiz.txt."""
    return write_wheel(wheelhouse)


@pytest.fixture
def bare_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Python with a copy of this package and nothing else: no pip, no huggingface_hub."""
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    library = tmp_path / "library"
    package = Path(pytest_lleval.__file__).parent
    shutil.copytree(package, library / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setenv("PYTHONPATH", str(library))
    return venv / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
