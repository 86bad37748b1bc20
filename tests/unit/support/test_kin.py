import pytest

from pytest_lleval.support import kin


def test_whoever_follows_hears_of_each_process_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kin, "_known", [])
    monkeypatch.setattr(kin, "_followers", [])
    heard: list[int] = []
    kin.note_kin([1, 2])
    kin.follow_kin(heard.append)
    kin.note_kin([2, 3])
    assert heard == [1, 2, 3]
