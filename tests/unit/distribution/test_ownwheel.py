import importlib.metadata
import importlib.util
import json
import zipfile
from pathlib import Path

import pytest

from pytest_lleval.core.errors import UsageError
from pytest_lleval.disclosure.fingerprint import digest_modules
from pytest_lleval.distribution.ownwheel import check_wheel, make_wheel, read_metadata
from pytest_lleval.support.digest import digest_file

MODULES = {"__init__.py": b"", "core/errors.py": b"x = 1\n"}


def write_wheel(path: Path, modules: dict[str, bytes], package: str = "pytest_lleval") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in modules.items():
            archive.writestr(f"{package}/{name}", content)
        archive.writestr(f"{package}/data.json", b"{}")
    return path


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this package as it runs here."""
    origin = json.loads(importlib.metadata.distribution("pytest-lleval").read_text("direct_url.json") or "{}")
    if origin.get("dir_info", {}).get("editable") and importlib.util.find_spec("hatchling") is None:
        pytest.skip("needs hatchling to build from an editable installation: pip install hatchling")
    return make_wheel(tmp_path_factory.mktemp("wheel"))


def test_the_wheel_holds_the_code_that_runs_here(wheel: Path) -> None:
    root = Path(importlib.import_module("pytest_lleval").__file__ or "").parent
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if name.endswith(".py")}
    assert packed == {path.relative_to(root.parent).as_posix() for path in root.rglob("*.py")}


def test_the_wheel_says_what_it_needs(wheel: Path) -> None:
    metadata = read_metadata(wheel)
    assert metadata["Name"] == "pytest-lleval"
    assert any(text.startswith("pytest>=") for text in metadata.get_all("Requires-Dist", []))


def test_a_wheel_of_the_same_code_is_known_by_its_digest(tmp_path: Path) -> None:
    path = write_wheel(tmp_path / "a.whl", MODULES)
    assert check_wheel(path, digest_modules(MODULES.items())) == digest_file(path)


def test_a_wheel_of_other_code_is_refused(tmp_path: Path) -> None:
    path = write_wheel(tmp_path / "a.whl", MODULES | {"core/errors.py": b"x = 2\n"})
    with pytest.raises(UsageError, match=r"a\.whl' holds other code \(digest [0-9a-f]{12}\) than runs here"):
        check_wheel(path, digest_modules(MODULES.items()))


def test_what_is_no_wheel_of_this_package_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a wheel, but not one of pytest-lleval"):
        check_wheel(write_wheel(tmp_path / "a.whl", MODULES, "other"), "")
    (tmp_path / "b.whl").write_text("no zip")
    with pytest.raises(UsageError, match="is no wheel that can be read"):
        check_wheel(tmp_path / "b.whl", "")
    with pytest.raises(UsageError, match="is no wheel that can be read"):
        check_wheel(tmp_path / "none.whl", "")
