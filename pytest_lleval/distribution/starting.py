"""Starts the connections of a session's remote workers all at once; xdist alone starts one after the other."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest

from ..execution.aside import run_aside
from .making import finish_making
from .private import ask_interpreter, kill_connection, replace_gateways

__all__ = ["GatewayStarter"]

#: what all starts together take at most; ssh gives up sooner
START_SECONDS = 60.0


class GatewayStarter:
    """Stands between xdist and execnet from the moment before xdist's first worker starts.

    :param config: of the controller
    """

    def __init__(self, config: pytest.Config) -> None:
        self._made: dict[str, Any] = {}
        #: the host whose worker is being started; empty for this machine's
        self.current = ""
        self._make = replace_gateways(config, self._take)

    def start_all(self, specs: Sequence[Any]) -> dict[str, str]:
        """Start a gateway for each spec; return why some could not be, by id.

        :param specs: execnet's, with ids
        """
        starts = {spec.id: run_aside(partial(self._start, spec), f"lleval-start-{spec.id}") for spec in specs}
        deadline = time.monotonic() + START_SECONDS
        failed = {}
        for name, start in starts.items():
            try:
                self._made[name] = finish_making(start, max(0.0, deadline - time.monotonic()))
            except TimeoutError:
                failed[name] = f"not started within {START_SECONDS:g} s"
            except Exception as error:  # noqa: BLE001  # whatever execnet meets, the others go on
                failed[name] = f"{type(error).__name__}: {error}"
        return failed

    def start(self, spec: Any) -> None:
        """Start one gateway for a worker that joins later; in any thread.

        :raises Exception: what execnet meets
        """
        gateway = self._start(spec)
        self._made[gateway.id] = gateway

    def _start(self, spec: Any) -> Any:
        gateway = self._make(spec)
        try:
            ask_interpreter(gateway)
        except BaseException:
            kill_connection(gateway)
            raise
        return gateway

    def drop(self, spec: Any) -> None:
        """End the gateway of a worker that will not join after all."""
        gateway = self._made.pop(spec.id, None)
        if gateway is not None:
            gateway.exit()

    def _take(self, spec: Any = None) -> Any:
        self.current = getattr(spec, "lleval_host", None) or ""
        made = self._made.pop(getattr(spec, "id", None) or "", None)
        return made if made is not None else self._make(spec)
