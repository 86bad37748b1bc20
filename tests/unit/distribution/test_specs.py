import pytest

from pytest_lleval.core.errors import UsageError
from pytest_lleval.distribution.specs import list_local, list_remote, read_specs

TEXTS = ["2*popen", "3*ssh=me@big//python=/opt/bin/python//chdir=/srv/project", "ssh=-p 22 small"]


def test_hosts_and_workers_of_this_machine_are_told_apart() -> None:
    assert list_local(TEXTS) == TEXTS[:1]
    assert list_remote(TEXTS) == TEXTS[1:]


def test_specs_of_hosts_are_read_as_a_file_of_hosts_is() -> None:
    big, small = read_specs(list_remote(TEXTS)).hosts
    assert (big.ssh, big.workers, big.python, big.chdir) == (("me@big",), 3, "/opt/bin/python", "/srv/project")
    assert (small.ssh, small.workers, small.python) == (("-p", "22", "small"), 1, "python")


def test_the_same_words_twice_are_one_host() -> None:
    (host,) = read_specs(["ssh=big", "2*ssh=big"]).hosts
    assert host.workers == 3


def test_two_environments_of_a_host_are_two() -> None:
    first, second = read_specs(["ssh=big//python=/a", "ssh=big//python=/b"]).hosts
    assert first.name != second.name


def test_a_value_in_the_open_is_refused() -> None:
    with pytest.raises(UsageError, match=r"'env:KEY' cannot be had on a host; .* values travel inside the connection"):
        read_specs(["ssh=big//env:KEY=secret"])
