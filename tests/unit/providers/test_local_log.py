import pytest

from pytest_lleval.providers.local_log import describe_exit, open_log, read_tail

LINES = """\
0.00.000.370 I srv          init: initializing ...
0.00.005.092 E gguf_init_from_reader: failed to read header
0.00.007.289 E llama_model_load: error loading model
0.00.007.683 W common_fit_params: a warning
Traceback (most recent call last):
RuntimeError: Failed to init server
0.00.008.092 E srv          init: exiting due to model loading error
"""


def test_tail_shows_errors_without_their_clock(tmp_path):
    path = tmp_path / "server.log"
    path.write_text(LINES, encoding="utf-8")
    tail = read_tail(path)
    assert tail.split(" | ") == [
        "llama_model_load: error loading model",
        "Traceback (most recent call last):",
        "RuntimeError: Failed to init server",
        "srv          init: exiting due to model loading error",
    ]


def test_tail_of_a_kept_log_leaves_earlier_servers_out(tmp_path):
    first = open_log("local-server-x", tmp_path)
    first.append("the first server's error")
    second = open_log("local-server-x", tmp_path)
    assert second.path == first.path
    assert second.read_tail() == "its log is empty"
    second.append("the second server's error")
    assert second.read_tail() == "the second server's error"


def test_tail_of_a_log_that_is_gone_says_so(tmp_path):
    assert "cannot be read" in read_tail(tmp_path / "absent.log")


def test_temporary_log_goes_and_a_kept_one_stays(tmp_path):
    kept, temporary = open_log("server", tmp_path), open_log("a/b c", None)
    assert temporary.path.name.startswith("a_b_c-")
    for log in (kept, temporary):
        log.discard()
        log.discard()
    assert kept.path.exists()
    assert not temporary.path.exists()


@pytest.mark.parametrize(
    ("code", "said"), [(-9, "killed by SIGKILL"), (1, "exit status 1"), (-99, "killed by signal 99")]
)
def test_exit_status_is_named(code, said):
    if code == -9 and describe_exit(code) == "killed by signal 9":
        pytest.skip("this system has no SIGKILL")
    assert describe_exit(code) == said


def test_exit_status_of_windows_is_shown_as_its_documentation_does():
    assert describe_exit(0xC0000005) == "exit status 0xc0000005"
