"""Makes a virtual environment on a host, step by step as it is told; each step is a JSON line, and so is its answer.

The environment is built in a folder of its own beside the one it is known by, which is a link to the newest: whoever
uses an older one goes on with it, and what was cut off in the middle is never seen. Runs on Python 3.8 too.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import platform
import select
import shutil
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

#: in each environment made here; says whether it was finished
MARKER = "lleval-environment.json"
_CHUNK = 1 << 20
_ELSEWHERE = "name another folder by venv = …, or remove it"
#: longer than the other end takes for anything between two steps
_IDLE = 1200
_SEARCHED = (
    "~/.local/bin",
    "~/.cargo/bin",
    "~/.pyenv/versions/*/bin",
    "~/.local/share/uv/python/*/bin",
    "/usr/bin",
    "/usr/local/bin",
    "/opt/homebrew/bin",
    "/opt/python*/bin",
)
_ASK = "import json,platform,sys;print(json.dumps([platform.python_implementation(),platform.python_version()]))"
_TAGS = (
    "import json,sys;sys.path.insert(0,sys.argv[1]);from packaging.tags import sys_tags;"
    "print(json.dumps([str(tag) for tag in sys_tags()]))"
)
#: how long an index that does not answer is waited for, and how often it is asked again
_PATIENCE = {"PIP_DEFAULT_TIMEOUT": "10", "PIP_RETRIES": "1", "UV_HTTP_TIMEOUT": "10", "UV_HTTP_RETRIES": "1"}
_QUIET = {"PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_USER": "0", "UV_NO_PROGRESS": "1"}


class StepError(Exception):
    """A step cannot be done; its text says why."""


class Site:
    """The place of one environment.

    :param venv: its folder as users know it, relative to the login folder or absolute
    """

    def __init__(self, venv: str) -> None:
        self.venv = Path(os.path.abspath(os.path.expanduser(venv)))  # noqa: PTH100, PTH111  Path.resolve follows the link
        self.wheels = self.venv.with_name(self.venv.name + "-wheels")
        self.built: Path | None = None
        self.lock = self.take_lock()

    def take_lock(self) -> Any:
        """Keep a second bootstrap out for as long as this process lives."""
        import fcntl

        self.venv.parent.mkdir(parents=True, exist_ok=True)
        file = self.venv.with_name("." + self.venv.name + ".lock").open("a+")
        file.seek(0)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StepError(
                f"another bootstrap is at work on it (process {file.read() or '?'} there): let it end"
            ) from error
        file.truncate()
        file.write(str(os.getpid()))
        file.flush()
        return file

    def survey(self, implementation: str, version: str) -> dict[str, Any]:
        """Say what is there to make an environment with.

        :param implementation: of the Python wanted, e.g. CPython
        :param version: e.g. 3.11.7; the first two numbers must be the same
        """
        if self.venv.is_symlink():
            if not (self.venv / MARKER).is_file() and self.venv.exists():
                raise StepError(f"{self.venv} is a link that `lleval hosts bootstrap` did not make: {_ELSEWHERE}")
        elif self.venv.exists():
            raise StepError(f"{self.venv} is there already and `lleval hosts bootstrap` did not make it: {_ELSEWHERE}")
        self.clear(keep=[])
        python, found = find_python(implementation, version)
        return {"python": python, "version": found, "uv": find_program("uv"), "system": platform.system()}

    def clear(self, keep: list[Path]) -> None:
        """Remove environments that are neither in use under their name nor wanted."""
        spared = {Path(os.path.realpath(str(path))) for path in (self.venv, *keep)}
        for path in self.venv.parent.glob(self.venv.name + "-*"):
            if (path / MARKER).is_file() and Path(os.path.realpath(str(path))) not in spared:
                shutil.rmtree(str(path), ignore_errors=True)

    def hold(self, files: dict[str, str]) -> list[str]:
        """Return which wheels are not here yet, or are others.

        :param files: names and their sha256
        """
        self.wheels.mkdir(exist_ok=True)
        paths = {name: self.wheels / name for name in files}
        return [name for name, path in paths.items() if not path.is_file() or digest(path) != files[name]]

    def receive(self, name: str, size: int, sha256: str) -> None:
        """Take a wheel from the connection."""
        part = self.wheels / (name + ".part")
        hasher = hashlib.sha256()
        broken = None
        with part.open("wb") as stream:
            while size:
                chunk = sys.stdin.buffer.read(min(size, _CHUNK))
                if not chunk:
                    raise EOFError
                size -= len(chunk)
                hasher.update(chunk)
                try:
                    stream.write(chunk)
                except OSError as error:
                    broken = error  # the rest must be read all the same
        if broken is not None:
            raise StepError(f"cannot write {part}: {broken.strerror}")
        if hasher.hexdigest() != sha256:
            raise StepError(f"{name} arrived with sha256 {hasher.hexdigest()} instead of {sha256}")
        part.replace(self.wheels / name)

    def list_tags(self, python: str, packaging: str) -> list[str]:
        """Return the tags of wheels that fit here, the best first.

        :param packaging: name of the wheel of ``packaging``
        """
        found: list[str] = json.loads(run([python or sys.executable, "-I", "-c", _TAGS, str(self.wheels / packaging)]))
        return found

    def build(self, order: dict[str, Any]) -> str:
        """Build an environment in a new folder and return its interpreter.

        :param order: ``python`` and ``uv`` of the survey, ``version`` wanted, ``pins`` (requirements), ``wheel``,
            ``index`` (whether to ask one), ``exact`` (whether nothing else may come along), ``pip`` (a wheel of it)
        """
        if self.built is not None:
            shutil.rmtree(str(self.built), ignore_errors=True)
        self.built = self.venv.with_name(f"{self.venv.name}-{uuid.uuid4().hex[:8]}")
        self.built.mkdir()
        write_marker(self.built, finished=False)
        interpreter = str(self.built / "bin" / "python")
        install = self.make_environment(order, interpreter)
        wanted = self.venv.with_name(self.built.name + ".txt")
        wanted.write_text("".join(f"{pin}\n" for pin in order["pins"]), encoding="ascii")
        source = [] if order["index"] else ["--no-index", "--find-links", str(self.wheels)]
        exact = ["--no-deps"] if order["exact"] else []
        try:
            run([*install, *source, *exact, "-r", str(wanted), str(self.wheels / order["wheel"])])
        finally:
            wanted.unlink()
        return interpreter

    def make_environment(self, order: dict[str, Any], interpreter: str) -> list[str]:
        """Make an empty environment in the folder and return the words that install something into it."""
        built = str(self.built)
        if order["uv"]:
            minor = ".".join(order["version"].split(".")[:2])
            run([order["uv"], "venv", "--quiet", "--allow-existing", "--python", order["python"] or minor, built])
            return [order["uv"], "pip", "install", "--quiet", "--python", interpreter]
        try:
            run([order["python"], "-m", "venv", built])
        except StepError:
            # Debian's Python comes without the part that would install pip
            if not order["pip"]:
                raise
            run([order["python"], "-m", "venv", "--without-pip", "--clear", built])
            write_marker(Path(built), finished=False)
            return [interpreter, str(self.wheels / order["pip"] / "pip"), "install", "--quiet"]
        return [interpreter, "-m", "pip", "install", "--quiet"]

    def switch(self, wheels: list[str]) -> str:
        """Let the environment be known by the name of all of them, from one moment to the next.

        :param wheels: those to be kept for the next time
        """
        if self.built is None:
            raise StepError("nothing was built")
        write_marker(self.built, finished=True)
        before = Path(os.path.realpath(str(self.venv)))
        link = self.venv.with_name(self.built.name + ".link")
        link.symlink_to(self.built.name)
        link.replace(self.venv)
        self.built = None
        self.clear(keep=[before])
        for path in self.wheels.iterdir():
            if path.name not in wheels:
                path.unlink()
        return str(self.venv)


def write_marker(folder: Path, *, finished: bool) -> None:
    """Say that a folder is ours."""
    made = {"by": "lleval hosts bootstrap", "at": int(time.time()), "finished": finished}
    (folder / MARKER).write_text(json.dumps(made), encoding="ascii")


def find_program(name: str) -> str:
    """Return the path of a program, on the search path or where it usually is; empty if there is none."""
    found = shutil.which(name)
    for pattern in () if found else _SEARCHED:
        for path in glob.glob(os.path.expanduser(pattern + "/" + name)):  # noqa: PTH111, PTH207
            found = found or path
    return found or ""


def find_python(implementation: str, version: str) -> tuple[str, str]:
    """Return the interpreter of the same minor version that is nearest, and its version; empty if there is none."""
    minor = version.split(".")[:2]
    names = ("python" + ".".join(minor), "python3", "python")
    paths = [found for found in (shutil.which(name) for name in names) if found]
    for pattern in _SEARCHED:
        paths += sorted(glob.glob(os.path.expanduser(pattern + "/" + names[0])))  # noqa: PTH111, PTH207
    fit = []
    for path in dict.fromkeys(paths):
        try:
            kind, found = json.loads(run([path, "-I", "-c", _ASK]))
        except (StepError, ValueError):
            continue
        if kind == implementation and found.split(".")[:2] == minor:
            if found == version:
                return path, found
            fit.append((path, found))
    return fit[0] if fit else ("", "")


def run(words: list[str]) -> str:
    """Run a program and return what it printed; end it when nobody listens to this one any more."""
    environment = {**os.environ, **_PATIENCE, **_QUIET}
    environment.pop("PYTHONPATH", None)
    pieces = []
    with subprocess.Popen(  # noqa: S603  # our own words
        words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment
    ) as child:
        output = child.stdout.fileno() if child.stdout else -1
        while True:
            ready, _, _ = select.select([output, 0], [], [])
            if output in ready:
                piece = os.read(output, _CHUNK)
                if not piece:
                    break
                pieces.append(piece)
            elif not os.read(0, 1):  # nothing is sent before this is answered, so this is the end
                child.kill()
                raise EOFError
    told = b"".join(pieces).decode("utf-8", "replace")
    if child.returncode:
        lines = [line.strip() for line in told.splitlines() if line.strip()]
        errors = [line for line in lines if "error" in line.lower()]
        raise StepError(f"{' '.join(words[:4])} … failed: {' / '.join((errors or lines)[-2:])}")
    return told


def digest(path: Path) -> str:
    """Return the sha256 of a file."""
    hasher = hashlib.sha256()
    with path.open("rb") as stream:
        for chunk in iter(lambda: stream.read(_CHUNK), b""):
            hasher.update(chunk)
    return hasher.hexdigest()


def obey(sites: list[Site], request: dict[str, Any]) -> Any:
    """Do one step."""
    step, values = request["step"], request.get("values", {})
    if step == "open":
        sites[:] = [Site(**values)]
        return None
    return getattr(sites[0], step)(**values)


def read_request() -> bytes:
    """Return the next line; none when the other end is gone, which a cut network does not tell."""
    ready, _, _ = select.select([0], [], [], _IDLE)
    return sys.stdin.buffer.readline() if ready else b""


def serve(mark: str) -> None:
    """Do what is asked until nobody asks any more.

    :param mark: written first, so that the other end can tell what else was written before
    """
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)  # what anything else prints must not look like an answer
    answers.write(mark + "\n")
    answers.flush()
    sites: list[Site] = []
    for line in iter(read_request, b""):
        answer = {}
        try:
            answer = {"value": obey(sites, json.loads(line.decode("ascii")))}
        except EOFError:
            return
        except StepError as error:
            answer = {"error": str(error)}
        except Exception as error:  # noqa: BLE001  # whatever it is, the other end must hear of it
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
