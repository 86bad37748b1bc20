import importlib.metadata
import importlib.util
import shutil
import zipfile
from pathlib import Path

import pytest
from packaging.tags import sys_tags

from pytest_lleval.core.errors import HostError
from pytest_lleval.distribution.wheelsource import WheelSource

TAGS = [str(tag) for tag in sys_tags()]
PLUGGY = importlib.metadata.version("pluggy")


@pytest.fixture(autouse=True)
def no_index(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test asks an index."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)


def put(folder: Path, name: str) -> Path:
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / name, "w") as archive:
        archive.writestr("x.py", "")
    return folder / name


def test_what_is_installed_here_is_made_into_wheels(tmp_path: Path) -> None:
    pins = {name: importlib.metadata.version(name) for name in ("pluggy", "psutil")}
    found = WheelSource(tmp_path).collect(pins, TAGS, "3.11")
    assert [path.name.split("-")[0] for path in found] == ["pluggy", "psutil"]
    assert all(zipfile.ZipFile(path).testzip() is None for path in found)


def test_each_is_made_once(tmp_path: Path) -> None:
    source = WheelSource(tmp_path)
    (first,) = source.collect({"pluggy": PLUGGY}, TAGS, "3.11")
    made = first.stat().st_mtime_ns
    assert source.collect({"pluggy": PLUGGY}, TAGS, "3.11") == [first]
    assert source.rebuild("pluggy") == first
    assert first.stat().st_mtime_ns == made


def test_a_folder_of_the_users_comes_first_and_its_best_wheel(tmp_path: Path) -> None:
    given = tmp_path / "given"
    put(given, f"pluggy-{PLUGGY}-py3-none-any.whl")
    best = put(given, f"pluggy-{PLUGGY}-{TAGS[0]}.whl")
    put(given, "pluggy-0.1-py3-none-any.whl")
    put(given, "not a wheel.whl")
    (tmp_path / "scratch").mkdir()
    assert WheelSource(tmp_path / "scratch", given).collect({"pluggy": PLUGGY}, TAGS, "3.11") == [best]


def test_names_are_compared_as_they_are_meant(tmp_path: Path) -> None:
    wheel = put(tmp_path / "given", "Zz_Thing.Part-1.0-py3-none-any.whl")
    assert WheelSource(tmp_path, tmp_path / "given").collect({"zz-thing-part": "1"}, TAGS, "3.11") == [wheel]


def test_what_does_not_fit_the_host_is_fetched_or_named(tmp_path: Path) -> None:
    if importlib.util.find_spec("pip") is None:
        pytest.skip("needs pip")
    psutil = importlib.metadata.version("psutil")
    foreign = ["cp311-cp311-abacus_1_0", "py3-none-any"]
    with pytest.raises(HostError) as raised:
        WheelSource(tmp_path).collect({"pluggy": PLUGGY, "psutil": psutil}, foreign, "3.11")
    assert f"no wheel that fits it could be had of psutil=={psutil} (" in str(raised.value)
    assert "pluggy" not in str(raised.value).partition("(")[0]
    assert str(raised.value).endswith("put wheels into a folder and name that by --wheels DIR")


def test_what_this_machine_does_not_have_is_fetched_from_its_index(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An index that is a folder, by pip's own setting."""
    if importlib.util.find_spec("pip") is None:
        pytest.skip("needs pip")
    (tmp_path / "scratch").mkdir()
    (wheel,) = WheelSource(tmp_path / "scratch").collect({"pluggy": PLUGGY}, TAGS, "3.11")
    links = tmp_path / "links"
    links.mkdir()
    with zipfile.ZipFile(links / "zz_thing-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr("zz_thing-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: zz-thing\nVersion: 1.0\n")
        archive.writestr("zz_thing-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("zz_thing-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_FIND_LINKS", str(links))
    (tmp_path / "more").mkdir()
    shutil.copy(wheel, tmp_path / "more")
    found = WheelSource(tmp_path / "more").collect({"zz-thing": "1.0"}, TAGS, "3.11")
    assert [path.name for path in found] == ["zz_thing-1.0-py3-none-any.whl"]


def test_what_cannot_be_made_a_wheel_is_none(tmp_path: Path) -> None:
    assert WheelSource(tmp_path).rebuild("no-such-distribution") is None
