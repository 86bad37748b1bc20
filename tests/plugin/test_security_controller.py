"""Workers that attack the process that hears them: each test is named after its line of docs/security.md."""

import importlib
import struct
import sys
from collections.abc import Callable

import pytest
from rundirs import find_runs, read_records

from .attacks import FAR, read_report, read_session, write_attack
from .conftest import Run as Start

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="ends workers by signals")
Run = Callable[..., pytest.RunResult]
#: a test that takes a while: whatever is done meanwhile finds a session at work
MINE = """
import time
import pytest

@pytest.mark.parametrize("number", range(8))
def test_mine(number):
    time.sleep(0.02)
"""


@pytest.fixture
def run(run: Start) -> Start:
    """One worker here, and one on a host, unless a test says otherwise; few connections: each gets some cases."""
    return lambda *words, fleet=FAR, **chosen: run(*fleet, "--lleval-max-connections=2", *words, **chosen)


def assert_survived(pytester: pytest.Pytester, result: pytest.RunResult, reason: str = "") -> None:
    """Find all cases scored by somebody, and the session at its ordinary end."""
    text = result.stdout.str() + result.stderr.str()
    assert "INTERNALERROR" not in text
    assert "Traceback" not in text
    assert result.ret == 0
    result.assert_outcomes(passed=12)
    (path,) = find_runs(pytester.path)
    assert len({record["case"] for record in read_records(path)}) == 12
    if reason:
        assert reason in text
        assert [worker["host"] for worker in read_session(path)["excluded"]] == ["far"]


def send_event(name: str, **kwargs: str) -> str:
    """Return code that sends an event of xdist's, with code for its parts."""
    parts = ", ".join(f"{key!r}: {value}" for key, value in kwargs.items())
    return f"events.send(({name!r}, {{{parts}}}))"


WARNING = {
    "message_str": "'hello'",
    "message_module": "'subprocess'",
    "message_class_name": "'Popen'",
    "message_args": "(['touch', 'owned'],)",
    "category_module": "'evil'",
    "category_class_name": "'Warning'",
    **dict.fromkeys(("file", "line", "source"), "None"),
    "filename": "'x.py'",
    "lineno": "1",
}


def test_c1_a_warning_runs_and_imports_nothing_that_a_host_names(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(evil="from pathlib import Path\nPath('owned').touch()")
    told = "{" + ", ".join(f"{key!r}: {value}" for key, value in WARNING.items()) + "}"
    code = send_event(
        "warning_recorded", warning_message_data=told, when="'collect'", nodeid="'x'", location="('x.py', 1, 'f')"
    )
    write_attack(pytester, at_start=code)
    result = run()
    assert not (pytester.path / "owned").exists()
    result.stdout.fnmatch_lines(["*Warning: hello*"])
    result.assert_outcomes(passed=12, warnings=1)
    assert "INTERNALERROR" not in result.stdout.str()


def test_c2_a_host_that_sends_code_to_be_run_loses_its_connection_alone(pytester: pytest.Pytester, run: Run) -> None:
    code = """
    from execnet.gateway_base import Message, dumps_internal
    source = dumps_internal(("open('owned', 'w')", None, None, {}))
    events.gateway._send(Message.CHANNEL_EXEC, 999, source)
    """
    write_attack(pytester, at_start=code)
    assert_survived(pytester, run())
    assert not (pytester.path / "owned").exists()


def test_c3_what_other_plugins_of_a_host_hand_over_does_not_arrive(pytester: pytest.Pytester, run: Run) -> None:
    write_attack(pytester, at_start="session.config.workeroutput['cov_worker_data'] = 'x'")
    with (pytester.path / "conftest.py").open("a") as stream:
        stream.write(
            "\n@pytest.hookimpl(optionalhook=True)\ndef pytest_testnodedown(node, error):\n"
            "    Path(node.gateway.id).write_text(' '.join(sorted(node.workeroutput)))\n"
        )
    assert_survived(pytester, run())
    assert "cov_worker_data" not in (pytester.path / "gw1").read_text()


@pytest.mark.parametrize(
    "code",
    [
        "events.send(('unknown', {}))",
        "events.send(('testreport', {'data': None}))",
        "line.send('nothing')",
        "line.send(('records', ''))",
        "line.send(('machine', '{\"sample\": 3}'))",
        "line.send(('flow', 'mock/other', 0, 0, 1, False, 0, 0, False, None))",
        "line.send(('flow', 'mock/fixed:A', 0, 0, 1, False, 10 ** 12, 0, False, None))",
    ],
)
def test_c4_an_event_or_message_that_no_honest_worker_sends_excludes_its_host(
    pytester: pytest.Pytester, run: Run, code: str
) -> None:
    write_attack(pytester, at_start=code)
    assert_survived(pytester, run(), "worker gw1 on host far has sent ")


@pytest.mark.parametrize("message", ["('records', '')", "'nothing'", "('need', 1, 'no model', 1, 1)", "('beat',)"])
def test_c4_so_does_what_no_honest_worker_asks_for_its_tests(pytester: pytest.Pytester, run: Run, message: str) -> None:
    write_attack(pytester, at_start=f"session.config.workerinput['lleval_calls'].send({message})")
    assert_survived(pytester, run("--lleval-rpm=100000"), "worker gw1 on host far has sent ")


def test_c5_an_error_inside_a_hosts_pytest_loses_its_worker_alone(pytester: pytest.Pytester, run: Run) -> None:
    code = send_event("internal_error", formatted_error="'boom\\n\\x1b[2J'")
    write_attack(pytester, at_start=code)
    result = run()
    assert_survived(pytester, result)
    assert "pytest has failed there: " in result.stdout.str()
    assert "\x1b[2J" not in result.stdout.str()


@pytest.mark.parametrize(
    "wish",
    [
        "{'exitstatus': 2, 'shouldfail': False, 'shouldstop': False}",
        "{'exitstatus': 0, 'shouldfail': False, 'shouldstop': 'stop it all'}",
        "{}",
    ],
)
def test_c6_a_host_that_wants_the_session_to_end_ends_alone(pytester: pytest.Pytester, run: Run, wish: str) -> None:
    write_attack(pytester, at_start=send_event("workerfinished", workeroutput=wish))
    result = run()
    assert_survived(pytester, result)
    assert "stop it all" not in result.stdout.str()


REPORT = {
    "$report_type": "TestReport",
    "location": ["x.py", 1, "f"],
    "keywords": {},
    "outcome": "passed",
    "longrepr": None,
    "when": "call",
    "user_properties": [],
    "sections": [],
    "duration": 0.0,
    "start": 0.0,
    "stop": 0.0,
}


def forge(**changes: object) -> str:
    """Return code that sends a report of the last item that is no case, which nobody has been given yet."""
    report = {**REPORT, **changes}
    return f"""
    names = [item.nodeid for item in session.items]
    index = max(i for i, name in enumerate(names) if "test_mine" in name)
    data = {{"nodeid": names[index], "item_index": index, **{report!r}}}
    events.send(("testreport", {{"data": data}}))
    """


def test_c7_a_report_of_a_test_that_a_host_was_not_given_is_refused(pytester: pytest.Pytester, run: Run) -> None:
    # more than both are given at first
    pytester.makepyfile(test_mine=MINE.replace("range(8)", "range(40)"))
    write_attack(pytester, at_start=forge())
    result = run("test_mine.py")
    assert "INTERNALERROR" not in result.stdout.str()
    result.assert_outcomes(passed=52)
    result.stdout.fnmatch_lines(["*worker gw1 on host far has sent a report of *which it was not given*"])


@pytest.mark.parametrize(
    "changes",
    [
        {"outcome": "skipped", "longrepr": "no place"},
        {"toterminal": "x"},
        {"lleval_line": "[" * 3000},
    ],
    ids=lambda changes: " ".join(f"{name}={value!r:.20}" for name, value in changes.items()),
)
def test_c7_a_report_that_could_not_be_shown_is_refused(
    pytester: pytest.Pytester, run: Run, changes: dict[str, object]
) -> None:
    pytester.makepyfile(test_mine=MINE)
    change = f'if name == "testreport":\n    kwargs["data"].update({changes!r})'
    write_attack(pytester, report=change)
    result = run("test_mine.py")
    text = result.stdout.str()
    assert "INTERNALERROR" not in text
    assert "worker gw1 on host far has sent " in text
    result.assert_outcomes(passed=20)


@pytest.mark.parametrize("ids", ["[]", "ids[:3]", "['\\x1b[2J']"])
def test_c8_a_host_that_has_collected_anything_else_is_left_out(pytester: pytest.Pytester, run: Run, ids: str) -> None:
    change = f'if name == "collectionfinish":\n    ids = kwargs["ids"]\n    kwargs["ids"] = {ids}'
    write_attack(pytester, report=change)
    result = run()
    assert_survived(pytester, result)
    result.stdout.fnmatch_lines(["*gw1*has* items*"])


def header(kind: int, channel: int, size: int) -> bytes:
    return struct.pack("!bii", kind, channel, size)


BOMB = b"@" + struct.pack("!i", 1)
#: kind 4 carries data; what follows is execnet's own notation
FRAMES = {
    "garbage": b"Hello, world! This is no protocol at all.\n" * 4,
    "two gigabytes": header(4, 1, 2**31 - 1),
    "a list of two thousand million": header(4, 1, 6) + b"K" + struct.pack("!i", 2**31 - 1) + b"Q",
    "tuples in tuples": header(4, 1, 2 + 5 * 100_000) + b"L" + BOMB * 100_000 + b"Q",
    "terminal codes in a reason": header(6, 1, 4 + 6) + b"N" + struct.pack("!i", 4) + b"\x1b[2J" + b"Q",
}


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_c9_whatever_comes_on_the_wire_loses_one_worker_at_most(
    pytester: pytest.Pytester, run: Run, frame: bytes
) -> None:
    pytester.path.joinpath("frame").write_bytes(frame)
    code = """
    io = session.config.workerinput["lleval_line"].gateway._io
    io.write(Path("frame").read_bytes())
    """
    write_attack(pytester, at_start=code)
    result = run()
    assert_survived(pytester, result)
    assert "\x1b[2J" not in result.stdout.str() + result.stderr.str()


def test_c10_a_host_that_sends_without_end_waits_for_the_others(pytester: pytest.Pytester, run: Run) -> None:
    """Its connection is read no further while the main thread is behind; at some number it is excluded."""
    told = "{" + ", ".join(f"{key!r}: {value}" for key, value in WARNING.items()) + "}"
    one = send_event("warning_recorded", warning_message_data=told, when="'collect'", nodeid="'x'", location="None")
    write_attack(pytester, report=f"if name == 'collectionstart':\n    for _ in range(6000):\n        {one}")
    result = run("-p", "no:warnings")
    assert "INTERNALERROR" not in result.stdout.str()
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*worker gw1 on host far has sent more than 5000 events 'warning_recorded'*"])


def test_c11_a_host_that_lives_and_answers_nothing_is_given_up(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    # sessions inside this process import it anew
    fleet = importlib.import_module("pytest_lleval.plugin.fleet")
    monkeypatch.setattr(fleet, "_SPARE_SECONDS", 1.6)
    write_attack(pytester, lie="pass")
    result = run("--lleval-deadline=0.2")
    assert_survived(pytester, result)
    result.stdout.fnmatch_lines(["worker gw1 ended before its time (it holds cases and has answered none for 2 s)*"])


MARKUP = "<script>alert(1)</script>\\x1b[2J\\u202e|a|`b`\\n# c\\ud800"


def test_d1_markup_and_terminal_codes_of_a_worker_are_shown_as_text(pytester: pytest.Pytester, run: Run) -> None:
    lie = f"""
    said = replace(record.completion, text="{MARKUP}", model="{MARKUP}", fingerprint="{MARKUP}")
    scores = tuple(replace(score, explanation="{MARKUP}", answer="{MARKUP}") for score in record.scores)
    send(replace(record, completion=said, scores=scores))
    """
    write_attack(pytester, lie=lie)
    result = run("--lleval-report=r.html", "--lleval-report=r.md", "--lleval-report=r.json", "-v")
    assert_survived(pytester, result)
    assert "\x1b[2J" not in result.stdout.str()
    page = (pytester.path / "r.html").read_text(encoding="utf-8")
    assert "<script>alert(1)" not in page
    document = (pytester.path / "r.md").read_text(encoding="utf-8")
    assert "<script>" not in document
    assert "\x1b" not in document


def test_d2_errors_of_a_worker_are_shown_as_text(pytester: pytest.Pytester, run: Run) -> None:
    lie = f'send(replace(record, outcome="unscored", cause="error", error="{MARKUP}", scores=()))'
    write_attack(pytester, lie=lie)
    result = run("--lleval-report=r.html", "--lleval-report=r.md", "--junitxml=j.xml", "-v")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "INTERNALERROR" not in result.stdout.str()
    shown = "".join((pytester.path / name).read_text(encoding="utf-8") for name in ("r.html", "r.md", "j.xml"))
    for text in (result.stdout.str(), shown):
        assert "\x1b[2J" not in text
        assert "\u202e" not in text
    assert "<script>alert(1)" not in shown


def test_d2_what_a_host_says_of_ordinary_tests_is_shown_as_text(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        test_mine="""
        import os

        def test_mine():
            print("<b>\\x1b[2J")
            assert os.environ["PYTEST_XDIST_WORKER"] == "gw7", "<b>\\x1b[2J"
        """
    )
    write_attack(pytester)
    fleet = ("-d", "--tx=popen//lleval_host=near", "--tx=popen//lleval_host=far")
    result = run("test_mine.py", "--junitxml=j.xml", fleet=fleet)
    assert "INTERNALERROR" not in result.stdout.str()
    result.assert_outcomes(passed=12, failed=1)
    assert "\x1b[2J" not in result.stdout.str() + (pytester.path / "j.xml").read_text(encoding="utf-8")


def test_d3_a_reason_that_names_what_a_worker_has_sent_is_shown_as_text(pytester: pytest.Pytester, run: Run) -> None:
    write_attack(pytester, at_start="line.send(('\\x1b[2J<script>alert(1)</script>', 'x'))")
    result = run("--lleval-report=r.html", "--lleval-report=r.md")
    assert_survived(pytester, result, "worker gw1 on host far has sent a message that begins with")
    assert "\x1b[2J" not in result.stdout.str()
    assert "<script>alert" not in (pytester.path / "r.html").read_text(encoding="utf-8")
    assert "<script>" not in (pytester.path / "r.md").read_text(encoding="utf-8")


def test_d4_texts_of_a_dataset_and_of_a_model_are_shown_as_text(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        odd=f"""
        from pytest_lleval import Sample, Suite, exact

        odd = Suite(
            name="odd",
            version="1",
            dataset=[
                Sample(id=f"{MARKUP}{{row}}", input=f"{MARKUP}{{row}}?", target="{MARKUP}", group="{MARKUP}")
                for row in range(4)
            ],
            scorers=[exact()],
        )
        """
    )
    result = run("--lleval-report=r.html", "--lleval-report=r.md", "-v", model="mock/echo", suite="odd.py")
    assert result.ret == 0
    result.assert_outcomes(passed=4)
    assert "\x1b[2J" not in result.stdout.str()
    assert "<script>alert(1)" not in (pytester.path / "r.html").read_text(encoding="utf-8")
    assert "<script>" not in (pytester.path / "r.md").read_text(encoding="utf-8")


def test_k1_no_key_is_in_what_a_run_leaves_behind_or_tells_its_workers(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    write_attack(pytester, at_start="Path('told').write_text(repr((session.config.workerinput, os.sys.argv)))")
    assert_survived(pytester, run("--lleval-report=r.html"))
    (path,) = find_runs(pytester.path)
    for file in [*path.glob("*.json*"), pytester.path / "told", pytester.path / "r.html"]:
        assert "sk-very-secret" not in file.read_text(encoding="utf-8"), file
    assert not read_report(path)["excluded"]
