from pathlib import Path

import pytest

from pytest_lleval.disclosure.cgroups import Cgroup, find_cgroup


def write_files(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text, encoding="ascii")


@pytest.fixture
def unified(tmp_path: Path) -> Path:
    write_files(tmp_path, cgroup__controllers="cpu memory")
    write_files(
        tmp_path / "a" / "b",
        cpu__max="max 100000",
        cpu__stat="usage_usec 5\nnr_periods 9\nnr_throttled 3\nthrottled_usec 1500000",
        memory__max="max",
    )
    write_files(
        tmp_path / "a",
        cpu__max="150000 100000",
        cpu__stat="nr_throttled 1\nthrottled_usec 500000",
        memory__max="1000",
        memory__current="900",
        memory__stat="anon 1\ninactive_file 300",
    )
    return tmp_path


def find_in(root: Path, *lines: str) -> Cgroup:
    listing = root / "listing"
    listing.write_text("".join(f"{line}\n" for line in lines), encoding="ascii")
    return find_cgroup(root, listing)


def test_limits_of_the_groups_around_count_too(unified: Path) -> None:
    group = find_in(unified, "0::/a/b")
    assert group.read_quota() == 1.5
    assert group.read_memory_limit() == 1000
    assert group.read_memory_left() == 400
    assert group.read_throttling() == (4, 2.0)


def test_version_1_has_the_same_in_other_files(tmp_path: Path) -> None:
    write_files(
        tmp_path / "cpu" / "g",
        cpu__cfs_quota_us="50000\n",
        cpu__cfs_period_us="100000\n",
        cpu__stat="nr_throttled 7\nthrottled_time 2500000000",
    )
    write_files(tmp_path / "cpu", cpu__cfs_quota_us="-1", cpu__cfs_period_us="100000")
    write_files(tmp_path / "memory", memory__limit_in_bytes="9223372036854771712", memory__usage_in_bytes="5")
    write_files(tmp_path / "memory" / "m", memory__limit_in_bytes="800", memory__usage_in_bytes="500")
    group = find_in(tmp_path, "3:cpu,cpuacct:/g", "2:memory:/m", "0::/")
    assert group.read_quota() == 0.5
    assert group.read_throttling() == (7, 2.5)
    assert group.read_memory_limit() == 800
    assert group.read_memory_left() == 300


@pytest.mark.parametrize("path", ["/docker/0123", "/../../elsewhere"])
def test_a_path_that_is_the_hosts_means_the_mounted_group(unified: Path, path: str) -> None:
    write_files(unified, cpu__max="20000 100000")
    assert find_in(unified, f"0::{path}").read_quota() == 0.2


def test_without_limits_there_are_none(tmp_path: Path) -> None:
    write_files(tmp_path, cgroup__controllers="", cpu__max="max 100000", memory__max="max")
    group = find_in(tmp_path, "0::/")
    assert group.read_quota() is None
    assert group.read_memory_limit() is None
    assert group.read_memory_left() is None
    assert group.read_throttling() is None


@pytest.mark.parametrize("lines", [(), ("nonsense",), ("0::/",)])
def test_where_there_are_no_groups_nothing_is_told(tmp_path: Path, lines: tuple[str, ...]) -> None:
    group = find_in(tmp_path, *lines)
    assert (group.read_quota(), group.read_throttling(), group.read_memory_left()) == (None, None, None)


def test_without_a_list_of_groups_there_are_none(tmp_path: Path) -> None:
    assert find_cgroup(tmp_path, tmp_path / "missing") == Cgroup()


def test_this_machine_can_be_asked() -> None:
    group = find_cgroup()
    group.read_throttling()
    assert (group.read_quota() or 1.0) > 0
