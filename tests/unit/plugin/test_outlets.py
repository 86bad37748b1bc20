import os

import pytest

from pytest_lleval.plugin.outlets import LineOutlet


class Line:
    """Takes what is sent."""

    def send(self, message: object) -> None:
        raise NotImplementedError


def test_a_worker_is_heard_until_its_parent_is_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    outlet = LineOutlet(Line(), "gw0", 0, limited=False)
    assert outlet.is_heard
    monkeypatch.setattr(os, "getppid", lambda: 1)
    assert not outlet.is_heard
