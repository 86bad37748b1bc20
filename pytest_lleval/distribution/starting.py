"""Starts the connections of a session's remote workers all at once; xdist alone starts one after the other."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

import pytest

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
        starts = {spec.id: self._begin(spec) for spec in specs}
        deadline = time.monotonic() + START_SECONDS
        failed = {}
        for name, start in starts.items():
            try:
                self._made[name] = start.result(max(0.0, deadline - time.monotonic()))
            except TimeoutError:
                failed[name] = f"not started within {START_SECONDS:g} s"
                start.add_done_callback(_kill_late)
            except Exception as error:  # noqa: BLE001  # whatever execnet meets, the others go on
                failed[name] = f"{type(error).__name__}: {error}"
        return failed

    def start(self, spec: Any) -> None:
        """Start one gateway for a worker that joins later; in any thread.

        :raises Exception: what execnet meets
        """
        gateway = self._make(spec)
        ask_interpreter(gateway)
        self._made[gateway.id] = gateway

    def drop(self, spec: Any) -> None:
        """End the gateway of a worker that will not join after all."""
        gateway = self._made.pop(spec.id, None)
        if gateway is not None:
            gateway.exit()

    def _begin(self, spec: Any) -> Future[Any]:
        future: Future[Any] = Future()

        def run() -> None:
            try:
                gateway = self._make(spec)
                ask_interpreter(gateway)
                future.set_result(gateway)
            except BaseException as error:  # noqa: BLE001  # told to whoever waits
                future.set_exception(error)

        threading.Thread(target=run, name=f"lleval-start-{spec.id}", daemon=True).start()
        return future

    def _take(self, spec: Any = None) -> Any:
        self.current = getattr(spec, "lleval_host", None) or ""
        made = self._made.pop(getattr(spec, "id", None) or "", None)
        return made if made is not None else self._make(spec)


def _kill_late(start: Future[Any]) -> None:
    if start.exception() is None:
        kill_connection(start.result())
