"""Probes of real hosts: keys that do not fit, cut networks, missing servers."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakessh import put_interpreter
from hostrig import Rig, open_rig

from pytest_lleval.distribution.fleetcheck import describe_differences
from pytest_lleval.distribution.hosts import Host
from pytest_lleval.distribution.probing import Probe, probe_hosts

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="hosts on one machine need Linux")


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    """Two hosts, or a skip."""
    with open_rig(2) as found:
        yield found


def make_host(rig: Rig, name: str, *words: str, python: str = sys.executable) -> Host:
    ssh = tuple(part for word in words for part in ("-o", word))
    return Host(name=name, ssh=(*ssh, name), python=python, ssh_config=rig.ssh_config)


def look(rig: Rig, name: str, *words: str, python: str = sys.executable, seconds: float = 60) -> Probe:
    return probe_hosts([make_host(rig, name, *words, python=python)], seconds=seconds)[name]


def test_hosts_that_are_this_machine_can_be_used_and_do_not_differ(rig: Rig) -> None:
    probes = probe_hosts([make_host(rig, name) for name in rig.hosts], seconds=60)
    for probe in probes.values():
        assert (probe.problem, probe.kind) == ("", "")
        assert 0 < probe.round_trip < 5
        assert abs(probe.clock_offset) < probe.round_trip
        assert describe_differences(probe) == []


def test_a_cut_network_is_told_in_bounded_time_and_not_of_the_others(rig: Rig) -> None:
    rig.run("cut", "host1")
    try:
        began = time.monotonic()
        probes = probe_hosts([make_host(rig, "host1", "ConnectTimeout=2"), make_host(rig, "host2")], seconds=60)
        assert time.monotonic() - began < 40
    finally:
        rig.run("heal", "host1")
    assert probes["host1"].kind == "unreachable"
    assert "it does not answer (" in probes["host1"].problem
    assert probes["host2"].problem == ""


def test_the_bound_counts_where_ssh_would_wait_longer(rig: Rig) -> None:
    rig.run("cut", "host1")
    try:
        assert look(rig, "host1", "ConnectTimeout=60", seconds=1).problem == "it did not answer within 1 s"
    finally:
        rig.run("heal", "host1")


def test_a_host_without_a_server_refuses(rig: Rig) -> None:
    rig.run("kill", "host1")
    try:
        probe = look(rig, "host1", "ConnectTimeout=5")
    finally:
        rig.run("start", "host1")
    assert probe.kind == "unreachable"
    assert "Connection refused" in probe.problem


def test_a_name_without_an_address_is_told(rig: Rig) -> None:
    probe = look(rig, "nowhere.invalid")
    assert probe.kind == "unreachable"
    assert "no address is known for its name" in probe.problem


def test_a_host_that_wants_a_password_is_told_at_once_with_the_way_out(rig: Rig) -> None:
    probe = look(rig, "host1", "PubkeyAuthentication=no")
    assert probe.kind == "access"
    assert "it lets nobody in without a password" in probe.problem
    assert f"`ssh -F {rig.ssh_config} -o PubkeyAuthentication=no host1` must work without a question" in probe.problem


def test_a_host_nobody_has_seen_before_is_told_at_once_with_the_way_out(rig: Rig, tmp_path: Path) -> None:
    probe = look(rig, "host1", f"UserKnownHostsFile={tmp_path}/none")
    assert probe.kind == "access"
    assert "its host key is not known yet" in probe.problem


def test_a_host_with_another_key_than_before_is_told(rig: Rig, tmp_path: Path) -> None:
    keys = (rig.folder / "known_hosts").read_text()
    (tmp_path / "swapped").write_text(keys.replace("host1", "?").replace("host2", "host1").replace("?", "host2"))
    probe = look(rig, "host1", f"UserKnownHostsFile={tmp_path}/swapped")
    assert probe.kind == "access"
    assert "its host key is not the one known before" in probe.problem


def test_an_interpreter_that_is_not_there_is_told(rig: Rig) -> None:
    probe = look(rig, "host1", python="/opt/none/bin/python")
    assert probe.kind == "unfit"
    assert "it has no Python at '/opt/none/bin/python'" in probe.problem


def test_words_before_those_of_the_interpreter_are_told(rig: Rig, tmp_path: Path) -> None:
    """execnet would end with an AssertionError that has no words."""
    chatty = tmp_path / "python"
    put_interpreter(chatty)
    chatty.write_text(chatty.read_text().replace("exec", "echo 'Loading modules'; exec", 1))
    probe = look(rig, "host1", python=str(chatty))
    assert probe.kind == "unfit"
    assert "it prints at login ('Loading modules')" in probe.problem


def test_an_option_that_ssh_does_not_know_is_told(rig: Rig) -> None:
    probe = look(rig, "host1", "Frobnicate=yes")
    assert probe.kind == "unfit"
    assert "Bad configuration option: frobnicate" in probe.problem
