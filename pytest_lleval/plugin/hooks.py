"""Every pytest hook that runs in any session; each delegates in a line.

This module is imported by every pytest run of every project that has the plugin installed: it imports nothing heavy,
and without ``--lleval-suite`` it stays at that.
"""

from __future__ import annotations

import pytest

from .options import declare_options, is_asked


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options: https://docs.pytest.org/en/stable/reference/reference.html#initialization-hooks."""
    declare_options(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Wake up when there is something to evaluate."""
    if is_asked(config):
        from .activation import activate_session  # inert sessions import nothing

        activate_session(config)
