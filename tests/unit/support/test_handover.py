import os

import pytest

from pytest_lleval.support import handover


def test_what_was_handed_over_is_in_the_process_and_keys_go_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handover, "_handed", set())
    monkeypatch.setenv("SOME_API_KEY", "own")
    for name in ("OTHER_API_KEY", "LLEVAL_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv(name, "before")
    handover.take_over({"OTHER_API_KEY": "secret", "LLEVAL_DATA_DIR": "/data"})
    assert os.environ["OTHER_API_KEY"] == "secret"
    copied = handover.copy_environment()
    assert "OTHER_API_KEY" not in copied
    assert copied["LLEVAL_DATA_DIR"] == "/data"
    assert copied["SOME_API_KEY"] == "own"
