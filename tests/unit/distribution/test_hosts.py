import tomllib
from pathlib import Path

import execnet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lleval.core.errors import UsageError
from pytest_lleval.distribution.hosts import BOOTSTRAPPED, Host, HostFile, parse_hosts, read_hosts
from pytest_lleval.distribution.ssh import make_command, make_spec


def parse(text: str, folder: Path = Path()) -> HostFile:
    return parse_hosts(tomllib.loads(text), place="hosts.toml", folder=folder)


def test_an_alias_of_the_ssh_configuration_is_enough() -> None:
    (host,) = parse("[hosts.big]").hosts
    assert (host.ssh, host.workers, host.python, host.chdir, host.env) == (("big",), 1, "python3", None, ())


def test_everything_that_can_be_said_is_read(tmp_path: Path) -> None:
    (tmp_path / "config").touch()
    text = """
    ssh_config = "config"
    [project]
    files = ["evals/**"]
    [hosts.big]
    ssh = "-p 2222 me@big.example"
    workers = 4
    venv = "/opt/evals/"
    chdir = "/srv/project"
    env = ["OPENAI_API_KEY"]
    bootstrap = true
    local_model = true
    """
    found = parse(text, tmp_path)
    assert found.files == ("evals/**",)
    assert found.hosts == (
        Host(
            name="big",
            ssh=("-p", "2222", "me@big.example"),
            workers=4,
            python="/opt/evals/bin/python",
            chdir="/srv/project",
            env=("OPENAI_API_KEY",),
            bootstrap=True,
            local_model=True,
            ssh_config=tmp_path / "config",
        ),
    )
    assert found.hosts[0].venv == "/opt/evals"


def test_a_host_that_is_bootstrapped_needs_no_interpreter() -> None:
    assert parse("[hosts.big]\nbootstrap = true").hosts[0].python == f"{BOOTSTRAPPED}/bin/python"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "names no host; add a table such as [hosts.worker1]"),
        ("[host.big]", "no key is called 'host'; did you mean 'hosts'?"),
        ("[hosts.big]\nworker = 2", "[hosts.big]: no key is called 'worker'; did you mean 'workers'?"),
        ("[hosts.big]\nworkers = 0", "workers = 0 is not a whole number of at least 1"),
        ("[hosts.big]\nworkers = true", "workers = True is not a whole number"),
        ("[hosts.big]\nssh = 'big -v'", "must end in a destination"),
        ("[hosts.big]\nssh = '-i a//b host'", "have no '//'"),
        ("[hosts.big]\npython = '/opt/my python'", "must be a path without blanks"),
        ("[hosts.big]\npython = 'python; rm x'", "must be a path without blanks"),
        ("[hosts.big]\npython = 'a'\nvenv = 'b'", "leave one of them out"),
        ("[hosts.big]\nenv = ['KEY=secret']", "env names variables, not values; 'KEY'"),
        ("[hosts.big]\nenv = 'KEY'", "is not a list of texts"),
        ("[hosts.big]\nbootstrap = 1", "is not true or false"),
        ("[hosts.'-x']", "a host's name is made of letters"),
        ("ssh_config = 'nowhere'\n[hosts.big]", "ssh_config = 'nowhere' is no file"),
        ("[project]\nfiles = []\n[hosts.big]", "files is empty"),
    ],
)
def test_what_does_not_fit_is_named_with_its_table(text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert said in str(caught.value)
    assert str(caught.value).startswith("hosts.toml")
    assert "secret" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--lleval-hosts: .*nowhere.toml' cannot be read"):
        read_hosts(tmp_path / "nowhere.toml")
    (tmp_path / "broken.toml").write_text("[hosts")
    with pytest.raises(UsageError, match="cannot be read as TOML"):
        read_hosts(tmp_path / "broken.toml")


words = st.from_regex(r"[A-Za-z0-9@._-]{1,12}", fullmatch=True).filter(lambda word: not word.startswith("-"))


@given(options=st.lists(words, max_size=3), destination=words, python=words, folder=words)
def test_execnet_reads_a_spec_as_it_was_meant(options: list[str], destination: str, python: str, folder: str) -> None:
    host = Host(name="big", ssh=(*options, destination), python=f"/{python}")
    spec = execnet.XSpec(make_spec(host, f"/srv/{folder}"))
    assert (spec.python, spec.chdir) == (f"/{python}", f"/srv/{folder}")
    assert spec.ssh.split() == make_command(host, "true")[1:-1]


def test_a_connection_asks_nothing_and_gives_up_in_time() -> None:
    command = make_command(Host(name="big", ssh=("-o", "ConnectTimeout=3", "me@big")), "uptime")
    assert command[-2:] == ["me@big", "uptime"]
    assert "BatchMode=yes" in command
    # ssh takes the first value
    assert command.index("ConnectTimeout=3") < command.index("ConnectTimeout=10")
