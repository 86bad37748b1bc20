import asyncio
import contextvars
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from serving import ModelServer

from pytest_lleval.support.witness import Witness, witness_calls


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as running:
        yield running


def connect(server: ModelServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port)):
        pass


def see(act: Callable[[], object]) -> Witness:
    with witness_calls() as seen:
        act()
    return seen


def test_a_function_that_does_nothing_is_seen_to_do_nothing() -> None:
    seen = see(lambda: sum(range(100)))
    assert (seen.opened, seen.peers, seen.processes, seen.files, seen.cpu) == (0, {}, 0, 0, None)


def test_connections_are_counted_with_where_they_go(server: ModelServer) -> None:
    seen = see(lambda: (connect(server), connect(server)))
    assert seen.opened == 2
    assert seen.peers == {f"127.0.0.1:{server.port}": 2}


def test_a_connection_that_is_refused_was_tried(server: ModelServer) -> None:
    port = server.port
    server.close()

    def connect_in_vain() -> None:
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", port))

    assert see(connect_in_vain).opened == 1


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="needs local sockets")
def test_local_sockets_are_connections(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # their names may be no longer than a hundred characters
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("s")
        listening.listen()
        with socket.socket(socket.AF_UNIX) as client:
            assert see(lambda: client.connect("s")).peers == {"local socket": 1}


def test_clients_of_any_library_are_seen(server: ModelServer) -> None:
    async def ask() -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.close()
        await writer.wait_closed()

    async def run() -> Witness:
        with witness_calls() as seen:
            await asyncio.create_task(ask())
        return seen

    assert asyncio.run(run()).opened == 1


@pytest.mark.parametrize(
    "start",
    [
        lambda: subprocess.run([sys.executable, "-c", ""], check=True),
        lambda: subprocess.run([sys.executable, "-c", ""], check=True, close_fds=False),
        lambda: os.system(f'"{sys.executable}" -c ""'),
        pytest.param(
            lambda: os.waitpid(os.posix_spawn(sys.executable, [sys.executable, "-c", ""], os.environ), 0),
            marks=pytest.mark.skipif(not hasattr(os, "posix_spawn"), reason="needs posix_spawn"),
        ),
    ],
    ids=["subprocess", "subprocess without closing", "system", "posix_spawn"],
)
def test_a_process_is_counted_once_however_it_is_started(start: Callable[[], object]) -> None:
    assert see(start).processes == 1
    assert see(lambda: (start(), start())).processes == 2


def test_files_are_counted_unless_they_are_code(tmp_path: Path) -> None:
    data, code = tmp_path / "cassette.json", tmp_path / "module.py"
    for path in (data, code):
        path.write_text("x", encoding="utf-8")

    def read(path: Path) -> None:
        path.read_text(encoding="utf-8")
        Path(os.fsdecode(os.fsencode(path))).read_bytes()
        os.close(os.open(os.fsencode(path), os.O_RDONLY))

    assert see(lambda: read(data)).files == 3
    assert see(lambda: read(code)).files == 0


def test_a_file_that_is_open_already_is_not_opened_again(tmp_path: Path) -> None:
    with (tmp_path / "x").open("wb") as stream:
        assert see(lambda: os.fdopen(os.dup(stream.fileno()), "wb").close()).files == 0


def test_nothing_outside_the_block_is_seen(server: ModelServer) -> None:
    connect(server)
    with witness_calls() as seen:
        pass
    connect(server)
    assert seen.opened == 0


def test_a_block_that_fails_is_left_like_any_other(server: ModelServer) -> None:
    def connect_and_fail() -> None:
        connect(server)
        raise KeyError

    with pytest.raises(KeyError), witness_calls() as seen:
        connect_and_fail()
    connect(server)
    assert seen.opened == 1


def test_the_inner_of_two_blocks_sees(server: ModelServer) -> None:
    with witness_calls() as outer:
        connect(server)
        inner = see(lambda: connect(server))
        connect(server)
    assert (outer.opened, inner.opened) == (2, 1)


def test_calls_at_once_are_told_apart(server: ModelServer) -> None:
    async def call(times: int) -> int:
        with witness_calls() as seen:
            for _ in range(times):
                await asyncio.to_thread(connect, server)
                await asyncio.sleep(0)
        return seen.opened

    async def run() -> list[int]:
        return await asyncio.gather(*(call(times) for times in (0, 1, 2, 5)))

    assert asyncio.run(run()) == [0, 1, 2, 5]


def test_a_thread_that_is_given_the_context_is_seen(server: ModelServer) -> None:
    def run(target: Callable[[], object]) -> None:
        thread = threading.Thread(target=target)
        thread.start()
        thread.join()

    with witness_calls() as seen:
        context = contextvars.copy_context()
    run(lambda: context.run(connect, server))
    assert seen.opened == 1


def test_peers_are_named_up_to_a_number(server: ModelServer) -> None:
    seen = Witness()
    for port in range(50):
        seen.see("socket.connect", (None, ("host", port)))
    assert (seen.opened, len(seen.peers)) == (50, 20)
    seen.see("socket.connect", (None, ("host", 0)))
    assert seen.peers["host:0"] == 2


def test_cpu_time_of_the_thread_adds_up() -> None:
    seen = Witness()
    for _ in range(2):
        with seen.clock():
            sum(number * number for number in range(200_000))
    first = seen.cpu
    assert first > 0
    with pytest.raises(KeyError), seen.clock():
        raise KeyError
    assert seen.cpu >= first


def test_waiting_takes_no_cpu_time() -> None:
    seen = Witness()
    with seen.clock():
        threading.Event().wait(0.3)
    assert seen.cpu < 0.2
