import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lleval.distribution.complaints import describe_noise, explain_end, make_printable, name_command
from pytest_lleval.distribution.hosts import Host

HOST = Host(name="big", ssh=("-p", "2222", "me@big.example"), python="/opt/evals/bin/python")
# what OpenSSH 9.2 printed on standard error in these cases, addresses aside
SAID = [
    ("me@big.example: Permission denied (publickey,password).", 255, "access", "(it takes publickey,password)"),
    (
        "No ED25519 host key is known for big.example and you have requested strict checking.\r\n"
        "Host key verification failed.",
        255,
        "access",
        "run `ssh -p 2222 me@big.example` once by hand",
    ),
    (
        "@@@@@@@@@@@\r\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\r\n@@@@@@@@@@@\r\n"
        "IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!\r\nHost key verification failed.",
        255,
        "access",
        "its host key is not the one known before",
    ),
    (
        "@         WARNING: UNPROTECTED PRIVATE KEY FILE!          @\r\nPermissions 0644 for 'k' are too open.\r\n"
        "me@big.example: Permission denied (publickey).",
        255,
        "access",
        "chmod 600",
    ),
    ("Received disconnect from 192.0.2.1 port 22:2: Too many authentication failures", 255, "access", "IdentityFile"),
    (
        "Unable to negotiate with 192.0.2.1 port 22: no matching host key type found. Their offer: ssh-dss",
        255,
        "access",
        "Their offer: ssh-dss",
    ),
    (
        "ssh: Could not resolve hostname big.example: Name or service not known",
        255,
        "unreachable",
        "no address is known for its name (Could not resolve hostname big.example",
    ),
    ("ssh: connect to host big.example port 2222: Connection refused", 255, "unreachable", "no ssh server listens"),
    ("ssh: connect to host big.example port 2222: Connection timed out", 255, "unreachable", "does not answer"),
    ("ssh: connect to host big.example port 2222: No route to host", 255, "unreachable", "no way to it"),
    ("Timeout, server big.example not responding.", 255, "unreachable", "does not answer"),
    ("kex_exchange_identification: Connection closed by remote host", 255, "unreachable", "was cut"),
    ("command-line: line 0: Bad configuration option: frobnicate", 255, "unfit", "frobnicate"),
    ("Bad owner or permissions on /home/me/.ssh/config", 255, "unfit", "/home/me/.ssh/config"),
    ("sh: 1: /opt/evals/bin/python: not found", 127, "unfit", "it has no Python at '/opt/evals/bin/python'"),
    ("bash: /opt/evals/bin/python: Permission denied", 126, "unfit", "it has no Python at"),
    ("/opt/evals/bin/python: Command not found.", 1, "unfit", "it has no Python at"),
    ("ImportError: libc.so", 1, "unfit", "did not start there, status 1 (ImportError: libc.so)"),
    ("", 255, "access", "ssh failed and said nothing: see what `ssh -p 2222 me@big.example` says"),
    ("", None, "unreachable", "it did not answer within 7 s"),
]


@pytest.mark.parametrize(("errors", "status", "kind", "words"), SAID)
def test_what_ssh_says_becomes_a_sentence_with_the_way_out(
    errors: str, status: int | None, kind: str, words: str
) -> None:
    found = explain_end(HOST, status, errors, 7)
    assert words in str(found)
    assert found.kind == kind
    assert "\n" not in str(found)


def test_a_missing_interpreter_of_a_bootstrapped_host_is_made_by_the_command() -> None:
    host = Host(name="big", ssh=("big",), bootstrap=True, python=".cache/x/bin/python")
    assert "`lleval hosts bootstrap` makes one" in str(explain_end(host, 127, "", 1))
    assert "bootstrap = true" in str(explain_end(HOST, 127, "", 1))


def test_noise_is_quoted_with_the_command_that_shows_it() -> None:
    found = describe_noise(HOST, "Welcome!\x1b[2J")
    assert "prints at login ('Welcome!\\\\x1b[2J')" in str(found)
    assert "`ssh -p 2222 me@big.example true`" in str(found)
    assert found.kind == "unfit"


def test_the_command_to_try_by_hand_names_the_configuration(tmp_path) -> None:
    host = Host(name="big", ssh=("big",), ssh_config=tmp_path / "config")
    assert name_command(host) == f"ssh -F {tmp_path}/config big"


@given(st.text(), st.integers(2, 100))
def test_what_a_host_wrote_is_one_printable_line_of_bounded_length(text: str, most: int) -> None:
    shown = make_printable(text, most)
    assert shown.isprintable()
    assert len(shown) <= most
