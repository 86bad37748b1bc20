"""Projects sent to a real host: what arrives, what does not, and what is left when something goes wrong."""

import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import execnet
import pytest
from hostrig import Rig, open_rig

from pytest_lleval.core.errors import HostError
from pytest_lleval.distribution.hosts import Host
from pytest_lleval.distribution.link import HostLink, open_link
from pytest_lleval.distribution.remote.place import CONFIG, MARKER
from pytest_lleval.distribution.shipping import Package, pack_project, place_folder, remove_folder, send_project

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="hosts on one machine need Linux")
OURS = {MARKER, CONFIG}


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    """A host, or a skip."""
    with open_rig(1) as found:
        yield found


@pytest.fixture
def link(rig: Rig, group: execnet.Group) -> HostLink:
    """A connection to the host."""
    return connect(rig, group)


def connect(rig: Rig, group: execnet.Group) -> HostLink:
    host = Host(name="host1", ssh=("host1",), python=sys.executable, ssh_config=rig.ssh_config)
    return open_link(host, group=group)


def run_there(rig: Rig, command: str) -> str:
    words = ["ssh", "-F", str(rig.ssh_config), "host1", command]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout


def list_there(folder: str) -> set[str]:
    return {path.name for path in Path(folder).iterdir()}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project that git knows, with a large file that cannot be made smaller."""
    root = tmp_path / "project"
    (root / "tests").mkdir(parents=True)
    (root / "tests/test_it.py").write_text("def test_size():\n    pass\n\n\ndef test_name():\n    pass\n")
    (root / "data.bin").write_bytes(random.Random(1).randbytes(5_000_000))
    (root / "latest").symlink_to("data.bin")
    (root / "pyproject.toml").write_text("[tool.pytest.ini_options]\ntestpaths = ['tests']\n")
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    return root


def make_package(folder: Path, size: int) -> Package:
    folder.mkdir()
    (folder / "large").write_bytes(random.Random(size).randbytes(size))
    return pack_project(folder, ("large",))


def test_a_project_arrives_whole_and_pytest_collects_it_there(rig: Rig, link: HostLink, project: Path) -> None:
    package = pack_project(project, None)
    assert (package.files, package.left_out) == (4, ())
    folder = place_folder(link, "it")
    assert Path(folder).is_relative_to(rig.find_home("host1") / ".cache/pytest-lleval/runs")
    send_project(link, package, folder)
    assert (Path(folder) / "latest").read_bytes() == (project / "data.bin").read_bytes()
    said = run_there(rig, f"cd {folder} && {sys.executable} -m pytest -p no:cacheprovider --collect-only -q")
    assert said.splitlines()[:2] == ["tests/test_it.py::test_size", "tests/test_it.py::test_name"]
    remove_folder(link, folder)
    assert not Path(folder).exists()
    remove_folder(link, folder)


def test_a_package_that_was_changed_on_its_way_is_refused_and_leaves_nothing(link: HostLink, tmp_path: Path) -> None:
    package = make_package(tmp_path / "it", 3_000_000)
    folder = place_folder(link, "it")
    middle = len(package.content) // 2
    corrupt = package.content[:middle] + b"\0\0\0\0" + package.content[middle + 4 :]
    with pytest.raises(HostError, match=r"host 'host1' does not take the project: it has arrived with digest \w{12}"):
        send_project(link, replace(package, content=corrupt), folder)
    assert list_there(folder) == OURS
    send_project(link, package, folder)
    assert list_there(folder) == {*OURS, "large"}


def test_a_folder_that_no_session_has_made_is_kept(rig: Rig, link: HostLink) -> None:
    foreign = rig.find_home("host1") / "project"
    foreign.mkdir()
    with pytest.raises(HostError, match=f"host 'host1' keeps {foreign}"):
        remove_folder(link, str(foreign))
    assert foreign.is_dir()


def test_the_folder_of_a_session_that_was_killed_goes_with_the_next_one(rig: Rig, group: execnet.Group) -> None:
    first, second = connect(rig, group), connect(rig, group)
    gone, kept = place_folder(first, "gone"), place_folder(second, "kept")
    first.kill()
    deadline = 100
    while Path(gone).exists() and deadline:
        # the host's process needs a moment to notice
        remove_folder(second, place_folder(second, "next"))
        deadline -= 1
    assert not Path(gone).exists()
    assert Path(kept).is_dir()


def test_a_full_disk_is_told_in_words_and_emptied(rig: Rig, link: HostLink, tmp_path: Path) -> None:
    runs = rig.find_home("host1") / ".cache/pytest-lleval/runs"
    # the host may see mounts of its own
    said = run_there(rig, f"mkdir -p {runs} && mount -t tmpfs -o size=4m none {runs} && echo mounted; true")
    if "mounted" not in said:
        pytest.skip("needs the right to mount a small disk")
    try:
        folder = place_folder(link, "it")
        for name, size in (("sent", 40_000_000), ("unpacked", 2_500_000)):
            package = make_package(tmp_path / name, size)
            with pytest.raises(HostError, match=r"does not take the project: No space left on device \(.* MB are free"):
                send_project(link, package, folder)
            assert set(run_there(rig, f"ls -A {folder}").split()) == OURS
        send_project(link, make_package(tmp_path / "small", 1_000_000), folder)
        remove_folder(link, folder)
        assert run_there(rig, f"ls -A {runs}") == ""
    finally:
        run_there(rig, f"umount -l {runs}")


def test_a_host_without_room_for_a_folder_says_so(rig: Rig, link: HostLink) -> None:
    cache = rig.find_home("host1") / ".cache"
    shutil.rmtree(cache, ignore_errors=True)
    cache.write_text("")
    try:
        with pytest.raises(HostError, match=r"host 'host1' has no folder for the session: .*\.cache"):
            place_folder(link, "it")
    finally:
        cache.unlink()


def test_a_connection_that_ends_is_told_as_such(rig: Rig, link: HostLink, tmp_path: Path) -> None:
    folder = place_folder(link, "it")
    package = make_package(tmp_path / "it", 100_000)
    link.kill()
    with pytest.raises(HostError, match="host 'host1': the connection is gone"):
        send_project(link, package, folder)
