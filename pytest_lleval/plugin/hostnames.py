"""Whether a session has workers on hosts: asked by every session, so that nothing heavy is imported."""

from __future__ import annotations

import pytest

__all__ = ["names_hosts", "uses_hosts"]


def names_hosts(config: pytest.Config) -> bool:
    """Tell whether hosts are named, by a file of ours or by xdist's own specs."""
    if config.getoption("lleval_hosts") or config.getini("lleval_hosts"):
        return True
    return any("ssh=" in text for text in getattr(config.option, "tx", ()))


def uses_hosts(config: pytest.Config) -> bool:
    """Tell whether workers are to be started on hosts.

    :raises pytest.UsageError: when xdist, which starts them, is not there
    """
    if hasattr(config, "workerinput") or config.option.collectonly or not names_hosts(config):
        return False
    if not config.pluginmanager.hasplugin("xdist"):
        raise pytest.UsageError("--lleval-hosts needs pytest-xdist, which is not there: pip install pytest-xdist")
    if config.getoption("lleval_dry_run") or config.getini("lleval_dry_run"):
        return False
    if config.option.numprocesses == 0 and not config.getoption("lleval_hosts"):
        # of the ini file; `-n 0` is what is typed to have everything here
        return False
    _refuse_contradictions(config)
    return True


def _refuse_contradictions(config: pytest.Config) -> None:
    if config.option.numprocesses == 0:
        raise pytest.UsageError("-n 0 runs everything in this process, --lleval-hosts on hosts: leave one of them out")
    if config.getoption("usepdb", False):
        raise pytest.UsageError("--pdb cannot reach workers on hosts: leave it out, or run the test here by -n 0")
