import base64
import csv
import hashlib
import importlib.metadata
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from pytest_lleval.core.errors import HostError
from pytest_lleval.distribution.rebuilding import name_wheel, rebuild_wheel


def encode(content: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def install(
    site: Path, files: dict[str, bytes], *, unrecorded: tuple[str, ...] = ()
) -> importlib.metadata.Distribution:
    """Lay out a distribution as an installer does."""
    info = site / "zz_thing-1.0.dist-info"
    everything = {
        "zz_thing-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: zz-thing\nVersion: 1.0\n",
        "zz_thing-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nTag: py2-none-any\nTag: py3-none-any\n",
        "zz_thing-1.0.dist-info/INSTALLER": b"pip\n",
        **files,
    }
    info.mkdir(parents=True)
    rows = []
    for name, content in everything.items():
        path = site / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        rows.append((name, "" if name in unrecorded else encode(content), len(content)))
    rows += [("zz_thing-1.0.dist-info/RECORD", "", ""), ("__pycache__/zz_thing.cpython-311.pyc", "", "")]
    with (info / "RECORD").open("w", newline="") as stream:
        csv.writer(stream).writerows(rows)
    return importlib.metadata.PathDistribution(info)


@pytest.mark.parametrize("name", ["pluggy", "psutil", "pytest"])
def test_a_rebuilt_wheel_has_what_is_installed_with_its_digests(name: str, tmp_path: Path) -> None:
    distribution = importlib.metadata.distribution(name)
    wheel = rebuild_wheel(distribution, tmp_path)
    assert wheel.name.startswith(f"{name}-{distribution.version}-")
    with zipfile.ZipFile(wheel) as archive:
        assert archive.testzip() is None
        (record,) = (found for found in archive.namelist() if found.endswith(".dist-info/RECORD"))
        rows = {path: digest for path, digest, _ in csv.reader(archive.read(record).decode().splitlines())}
        assert set(rows) == set(archive.namelist())
        assert all(encode(archive.read(path)) == digest for path, digest in rows.items() if path != record)
        unpacked = {path for path in rows if ".dist-info/" not in path}
    installed = {str(file) for file in distribution.files or [] if ".dist-info/" not in str(file)}
    assert unpacked == {path for path in installed if not path.endswith(".pyc") and ".." not in path}


def test_the_same_wheel_comes_out_each_time(tmp_path: Path) -> None:
    distribution = importlib.metadata.distribution("pluggy")
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    assert rebuild_wheel(distribution, tmp_path / "one").read_bytes() == (
        rebuild_wheel(distribution, tmp_path / "two").read_bytes()
    )


def test_the_tags_of_a_wheel_are_in_its_name(tmp_path: Path) -> None:
    assert name_wheel(install(tmp_path, {"zz.py": b""})) == "zz_thing-1.0-py2.py3-none-any.whl"


def test_what_the_installer_added_is_left_out(tmp_path: Path) -> None:
    entries = b"[console_scripts]\nzz = zz:main\n"
    distribution = install(tmp_path / "site", {"zz.py": b"", "zz_thing-1.0.dist-info/entry_points.txt": entries})
    with zipfile.ZipFile(rebuild_wheel(distribution, tmp_path)) as archive:
        assert sorted(Path(name).name for name in archive.namelist()) == sorted(
            ["zz.py", "METADATA", "WHEEL", "entry_points.txt", "RECORD"]
        )


def test_scripts_and_data_get_back_the_names_that_wheels_have_for_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path / ("bin" if name == "scripts" else "")))
    entries = b"[console_scripts]\nmade = zz:main\n"
    distribution = install(
        tmp_path / "lib" / "site",
        {
            "zz.py": b"",
            "zz_thing-1.0.dist-info/entry_points.txt": entries,
            "../../bin/made": b"#!/old/bin/python3\n",
            "../../bin/raw": b"#!/old/venv/bin/python3.11 -P\nprint()\n",
            "../../bin/program": b"\x7fELF",
            "../../share/man/zz.1": b"manual",
        },
    )
    (tmp_path / "bin" / "program").chmod(0o755)
    with zipfile.ZipFile(rebuild_wheel(distribution, tmp_path)) as archive:
        names = {name: archive.read(name) for name in archive.namelist() if ".data/" in name}
        mode = archive.getinfo("zz_thing-1.0.data/scripts/program").external_attr >> 16
    assert names == {
        "zz_thing-1.0.data/scripts/raw": b"#!python\nprint()\n",
        "zz_thing-1.0.data/scripts/program": b"\x7fELF",
        "zz_thing-1.0.data/data/share/man/zz.1": b"manual",
    }
    assert mode == 0o100755 or sys.platform == "win32"


def test_a_file_that_was_changed_or_removed_makes_no_wheel(tmp_path: Path) -> None:
    distribution = install(tmp_path / "site", {"zz.py": b"x = 1\n"})
    (tmp_path / "site" / "zz.py").write_bytes(b"x = 2\n")
    with pytest.raises(HostError, match=r"zz-thing: its file zz\.py is not the one that was installed"):
        rebuild_wheel(distribution, tmp_path)
    (tmp_path / "site" / "zz.py").unlink()
    with pytest.raises(HostError, match=r"zz\.py cannot be read \(No such file or directory\)"):
        rebuild_wheel(distribution, tmp_path)
    assert not list(tmp_path.glob("*.whl"))


def test_a_file_without_a_recorded_digest_makes_no_wheel(tmp_path: Path) -> None:
    distribution = install(tmp_path / "site", {"zz.py": b""}, unrecorded=("zz.py",))
    with pytest.raises(HostError, match=r"no digest of its file zz\.py was recorded"):
        rebuild_wheel(distribution, tmp_path)


def test_a_file_outside_of_the_environment_makes_no_wheel(tmp_path: Path) -> None:
    distribution = install(tmp_path / "a" / "site", {"zz.py": b"", "../../elsewhere.txt": b""})
    with pytest.raises(HostError, match=r"elsewhere\.txt is outside of"):
        rebuild_wheel(distribution, tmp_path)


def test_an_editable_distribution_makes_no_wheel(tmp_path: Path) -> None:
    origin = b'{"url": "file:///src", "dir_info": {"editable": true}}'
    distribution = install(tmp_path, {"zz_thing-1.0.dist-info/direct_url.json": origin})
    with pytest.raises(HostError, match=r"zz-thing 1\.0 was not installed from a wheel here"):
        name_wheel(distribution)
