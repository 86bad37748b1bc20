import sys
import threading

from asset_parts import start_python

from pytest_lleval.support.locks import hold_lock

HOLDER = """
import sys
from pathlib import Path
from pytest_lleval.support.locks import hold_lock
with hold_lock(Path({path!r})):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_second_holder_waits_for_the_first(tmp_path):
    path = tmp_path / "new" / ".lock"
    entered = threading.Event()

    def enter():
        with hold_lock(path):
            entered.set()

    with hold_lock(path):
        thread = threading.Thread(target=enter)
        thread.start()
        assert not entered.wait(0.3)
    assert entered.wait(5)
    thread.join()


def test_lock_ends_with_a_killed_process(tmp_path):
    path = tmp_path / ".lock"
    with start_python(HOLDER.format(path=str(path)), stdin=-1) as process:
        assert process.stdout.readline() == "held\n"
        threading.Timer(0.3, process.kill).start()
        with hold_lock(path):
            assert process.wait(5) == (1 if sys.platform == "win32" else -9)
