"""Tells what a host is, when asked line by line: ``"time"`` with its clock, anything else with its facts, as JSON.

It has no execnet channel: `distribution.probing` talks to it before anybody knows whether execnet is there.
"""

import importlib.metadata
import importlib.util
import json
import os
import platform
import sys
import time
from typing import Any

#: distributions without which no worker starts, and what each is imported as
_NEEDED = {"pytest-lleval": "pytest_lleval", "pytest": "pytest", "pytest-xdist": "xdist", "execnet": "execnet"}


def gather(request: dict[str, Any]) -> dict[str, Any]:
    """Return facts about this host.

    :param request: ``names`` of variables and ``packages`` to look for, ``folder`` that should be there or none, and
        ``folders``, the values of variables that name some
    """
    os.environ.update(request["folders"])
    facts: dict[str, Any] = {
        "python": platform.python_version(),
        "executable": sys.executable,
        "missing": [name for name, module in _NEEDED.items() if importlib.util.find_spec(module) is None],
        "packages": list_versions([*_NEEDED, *request["packages"]]),
        "variables": {name: name in os.environ for name in request["names"]},
        "folder": request["folder"] is None or os.path.isdir(request["folder"]),  # noqa: PTH112  `~` stays as it is
        "engine": importlib.util.find_spec("xllamacpp") is not None,
        "broken": "",
    }
    if not facts["missing"]:
        try:
            facts.update(look_closely(facts["packages"]))
        except Exception as error:  # noqa: BLE001  # another edition of the package may fail in any way
            facts["broken"] = f"{type(error).__name__}: {error}"
    return facts


def look_closely(packages: dict[str, str]) -> dict[str, Any]:
    """Return what the package itself says of the host it is installed on.

    :param packages: known versions
    """
    import execnet  # noqa: F401
    import xdist  # noqa: F401

    from pytest_lleval.disclosure.fingerprint import capture_fingerprint

    facts: dict[str, Any] = capture_fingerprint()
    facts["packages"] = {**facts["packages"], **packages}
    try:
        from pytest_lleval.distribution.inventory import list_assets, list_packages

        facts.update(packages={**facts["packages"], **list_packages()}, assets=list_assets())
    except ImportError:
        # an edition without it has another digest, which is what will be told
        facts["assets"] = {}
    return facts


def list_versions(names: list[str]) -> dict[str, str]:
    """Return the versions of those distributions that are installed."""
    found = {}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def serve(mark: str) -> None:
    """Answer until nobody asks any more.

    :param mark: written first, so that the other end can tell what else was written before
    """
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)  # what imports print must not look like an answer
    answers.write(mark + "\n")
    answers.flush()
    for line in iter(sys.stdin.readline, ""):
        request = json.loads(line)
        answers.write(json.dumps(time.time() if request == "time" else gather(request)) + "\n")
        answers.flush()
