from pathlib import Path

import pytest

from pytest_lleval.support.mounts import find_network, match_network

MOUNTS = [
    ("/", "ext4", "rw"),
    ("/home", "autofs", "rw"),
    ("/home", "nfs4", "rw,vers=4.2"),
    ("/home/local", "xfs", "rw"),
    ("/homestead", "btrfs", "rw"),
    ("/share", "CIFS", "rw"),
]


@pytest.mark.skipif(Path("/").drive != "", reason="paths of POSIX")
@pytest.mark.parametrize(
    ("path", "system"),
    [
        ("/var/x", ""),
        ("/home/me/x", "nfs4"),
        ("/home/local/x", ""),
        ("/homestead/x", ""),
        ("/share", "CIFS"),
    ],
)
def test_the_innermost_mount_tells_whether_a_file_is_on_a_network(path: str, system: str) -> None:
    assert match_network(Path(path), MOUNTS) == system


def test_a_drive_at_the_other_end_of_a_network_is_one(tmp_path: Path) -> None:
    assert match_network(tmp_path, [(tmp_path.anchor, "NTFS", "rw,remote")]) == "NTFS"
    assert match_network(tmp_path, [(tmp_path.anchor, "NTFS", "rw,fixed")]) == ""


def test_no_mount_known_is_no_network_known(tmp_path: Path) -> None:
    assert match_network(tmp_path, []) == ""


def test_a_folder_of_this_machine_is_on_no_network(tmp_path: Path) -> None:
    assert find_network(tmp_path / "absent" / "file") == ""
