"""Real server processes, really killed."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from pytest_lleval.core.contracts import HostService
from pytest_lleval.core.errors import AttachError, UsageError
from pytest_lleval.core.settings import ModelSpec
from pytest_lleval.providers import local_service
from pytest_lleval.providers.local import start_service

SPEC = ModelSpec(provider="local", model="smollm2-135m", options={"threads": 1, "context": 256})
CONTROLLER = """
import json, sys, time
from pytest_lleval.core.settings import ModelSpec
from pytest_lleval.providers.local import start_service
from pytest_lleval.providers.local_wire import is_answering
service = start_service(ModelSpec(provider="local", model="smollm2-135m", options={"threads": 1, "context": 256}))
url = service.connection["url"]
try:
    print(json.dumps(dict(service.connection)), flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    time.sleep(0.3)
    print(is_answering(url), flush=True)
"""


def _listens(url):
    parts = urlsplit(url)
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex((parts.hostname, parts.port)) == 0


def _await_silence(url, seconds=5.0):
    deadline = time.monotonic() + seconds
    while _listens(url):
        assert time.monotonic() < deadline, f"{url} still listens after {seconds} s"
        time.sleep(0.05)


def _await_absence(log):
    if sys.platform == "win32":  # keeps a file that its server has open
        log.unlink(missing_ok=True)
    deadline = time.monotonic() + 5
    while log.exists():
        assert time.monotonic() < deadline, f"{log} is left behind"
        time.sleep(0.05)


@contextmanager
def _run_controller():
    process = subprocess.Popen([sys.executable, "-c", CONTROLLER], stdout=subprocess.PIPE, start_new_session=True)
    with process:
        try:
            yield process, json.loads(process.stdout.readline())
        finally:
            process.kill()


@pytest.fixture
def service(local_model_server):
    started = start_service(SPEC)
    yield started
    started.close()


def test_close_ends_the_server_and_its_temporary_log(service, tmp_path):
    contract: HostService = service
    url, log = contract.connection["url"], tmp_path / contract.connection["log"]
    assert _listens(url)
    assert log.exists()
    contract.close()
    assert not _listens(url)
    assert not log.exists()
    assert service.exit_code == 0
    contract.close()


def test_log_stays_in_the_folder_it_was_given(local_model_server, tmp_path):
    started = start_service(replace(SPEC, alias="my model"), log_dir=tmp_path / "logs")
    started.close()
    assert [path.name for path in (tmp_path / "logs").iterdir()] == ["local-server-my_model.log"]


def test_killed_controller_takes_the_server_with_it(local_model_server):
    with _run_controller() as (process, connection):
        assert _listens(connection["url"])
        process.kill()
        process.wait()
        _await_silence(connection["url"])
    _await_absence(Path(connection["log"]))


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals to process groups")
def test_interrupt_of_the_group_spares_the_server_until_the_controller_ends(local_model_server):
    with _run_controller() as (process, connection):
        os.killpg(process.pid, signal.SIGINT)
        assert process.stdout.readline() == b"True\n"
        process.wait()
        _await_silence(connection["url"])
    _await_absence(Path(connection["log"]))


def test_server_that_loads_still_ends_with_its_input(local_model_server, tmp_path):
    model = tmp_path / "model.gguf"
    command = [sys.executable, "-m", local_service._MODULE, "--model", str(model), "--alias", "x"]
    model.write_bytes(b"GGUF")
    with subprocess.Popen(
        [*command, "--threads", "1", "--context", "256"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        process.stdin.close()
        assert process.wait(20) is not None


def test_model_file_by_path_is_served_by_its_stem(local_model_server, tmp_path):
    link = tmp_path / "linked.gguf"
    try:
        link.symlink_to(local_service.find_model(SPEC).path)
    except OSError:
        pytest.skip("this system makes no symbolic links")
    started = start_service(replace(SPEC, model=str(link)))
    try:
        assert started.connection["model"] == "linked"
        assert started.connection["digest"] == local_model_server.connection["digest"]
    finally:
        started.close()


def test_broken_model_is_an_attach_error_with_the_reason(local_model_server, tmp_path):
    path = tmp_path / "broken.gguf"
    path.write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(AttachError, match=r"ended before it was ready: .*(failed to load model|exit status 1)"):
        start_service(replace(SPEC, model=str(path)), log_dir=tmp_path)


def test_server_that_is_never_ready_is_given_up(local_model_server, monkeypatch):
    monkeypatch.setattr(local_service.LocalService.await_ready, "__defaults__", (0.0,))
    with pytest.raises(AttachError, match="was not ready after 0 s"):
        start_service(SPEC)


def test_missing_engine_names_the_extra(monkeypatch):
    monkeypatch.setattr(local_service.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install 'pytest-lleval\[local\]'"):
        start_service(SPEC)


def test_context_beyond_the_model_is_refused(local_model_server):
    with pytest.raises(UsageError, match="context = 9000 is more than the 8192 tokens"):
        start_service(replace(SPEC, options={"threads": 1, "context": 9000}))


def test_killed_server_leaves_its_exit_status_in_the_log(service):
    with Path(service.connection["log"]).open(encoding="utf-8") as log:
        os.kill(int(service.connection["pid"]), getattr(signal, "SIGKILL", signal.SIGTERM))
        deadline = time.monotonic() + 5
        while "ended" not in (said := log.read()):
            assert time.monotonic() < deadline
            time.sleep(0.02)
    assert f"the server process {service.connection['pid']} ended: " in said
    assert service.exit_code
