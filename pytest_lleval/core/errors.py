"""Every error of the package, in one tree.

LlevalError
├── UsageError          what was asked for cannot be done as written (option, ini, suite argument)
│   └── UnknownNameError     a name nobody registered, with the nearest ones
├── AssetError          a model or dataset file could not be had, or is another file than it should be
├── DatasetError        a dataset's content is broken: the file, the row, what is wrong
├── SuiteError          a suite's own prompt or scorer failed
├── AttachError         a backend did not prove itself before the run
├── HostError           a machine of the fleet cannot be reached or used
├── ViolationError      a worker has sent what no honest worker sends
├── CallError           one model call failed
│   ├── RefusedError    the model or its filter declined to answer
│   ├── BudgetError     the budget of the run has no room for the call, so it was not made
│   └── DecidedError    the gates of the suite are decided, so the call was not made
└── RunDirectoryError   the evidence could not be written or read

Each message is one sentence that names the value, the place and the way out.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..support.failure import AssetError, LlevalError
from ..support.nearest import suggest_names

__all__ = [
    "AssetError",
    "AttachError",
    "BudgetError",
    "CallError",
    "DatasetError",
    "DecidedError",
    "HostError",
    "LlevalError",
    "RefusedError",
    "RunDirectoryError",
    "SuiteError",
    "UnknownNameError",
    "UsageError",
    "ViolationError",
]


class UsageError(LlevalError):
    """What was asked for cannot be done as written."""


class UnknownNameError(UsageError):
    """A name nobody registered.

    :param place: where it was written, e.g. ``--lleval-suite``
    :param kind: what it should name, e.g. ``suite``
    :param name: what was written
    :param known: the names that would do
    """

    def __init__(self, place: str, kind: str, name: str, known: Iterable[str]) -> None:
        super().__init__(f"{place}: no {kind} is called {name!r}; {suggest_names(name, known)}")
        self.name = name


class DatasetError(LlevalError):
    """A dataset's content is broken.

    :param place: the file, with the row where there is one
    :param reason: what is wrong, and with which value
    """

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(f"{place}: {reason}")


class SuiteError(LlevalError):
    """A suite's own prompt or scorer failed."""


class AttachError(LlevalError):
    """A backend did not prove itself before the run."""


class HostError(LlevalError):
    """A machine of the fleet cannot be reached or used.

    :param message: what is wrong
    :param kind: ``unreachable``, ``access`` or ``unfit``; empty where nobody asked
    """

    def __init__(self, message: str, *, kind: str = "") -> None:
        super().__init__(message)
        self.kind = kind


class ViolationError(LlevalError):
    """A worker has sent what no honest worker sends; nothing more of it is believed."""


class CallError(LlevalError):
    """One model call failed.

    :param message: what the server or the client said
    :param status: the HTTP status; None where no answer came, or the model is not behind HTTP
    :param retryable: whether the same call may succeed when it is made again
    :param overloaded: whether the server said that it is asked too much at once
    :param wait: seconds after which the server wants to be asked again; None where it did not say
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        retryable: bool = False,
        overloaded: bool = False,
        wait: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.retryable = retryable
        self.overloaded = overloaded
        self.wait = wait


class RefusedError(CallError):
    """The model or its filter declined to answer."""


class BudgetError(CallError):
    """The budget of the run has no room for the call, so it was not made."""


class DecidedError(CallError):
    """The gates of the suite are decided, so the call was not made."""


class RunDirectoryError(LlevalError):
    """The evidence of a run could not be written or read."""
