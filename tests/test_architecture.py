"""Layers hold: packages import only from rows below, nothing imports in a circle, exports are on purpose."""

import ast
import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import pytest_lleval

ROOT = Path(pytest_lleval.__file__).parent
ROWS = {
    "support": 1,
    "core": 2,
    "scoring": 3,
    "suites": 4,
    "providers": 4,
    "agents": 4,
    "execution": 5,
    "analysis": 5,
    "disclosure": 5,
    "distribution": 6,
    "reports": 6,
    "bridges": 6,
    "plugin": 7,
    "cli": 7,
}
MODULES = sorted(ROOT.rglob("*.py"))


def package_of(path: Path) -> str:
    parts = path.relative_to(ROOT).parts
    return parts[0] if len(parts) > 1 else ""


def imported_modules(path: Path) -> Iterator[str]:
    """Yield absolute names of what a module imports at any depth, except under TYPE_CHECKING."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    hidden = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    package = ["pytest_lleval", *path.relative_to(ROOT).parts[:-1]]
    for node in ast.walk(tree):
        if id(node) in hidden:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            name = ".".join([*base, *([node.module] if node.module else [])])
            yield name
            yield from (f"{name}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_packages_import_only_from_rows_below(path: Path) -> None:
    own = package_of(path)
    for name in imported_modules(path):
        parts = name.split(".")
        if own and parts[0] == "pytest_lleval" and len(parts) > 1 and parts[1] in ROWS and parts[1] != own:
            assert ROWS[parts[1]] < ROWS[own], f"{path.name} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_plugin_and_distribution_know_pytest(path: Path) -> None:
    if package_of(path) not in {"plugin", "distribution"}:
        known = {name.split(".")[0] for name in imported_modules(path)}
        assert not known & {"pytest", "_pytest", "xdist", "execnet"}


def test_no_module_imports_in_a_circle() -> None:
    names = {".".join(("pytest_lleval", *path.relative_to(ROOT).with_suffix("").parts)): path for path in MODULES}
    edges = {name: [other for other in imported_modules(path) if other in names] for name, path in names.items()}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, f"circle: {' -> '.join((*trail, name))}"
        if name not in done:
            for other in edges[name]:
                visit(other, (*trail, name))
            done.add(name)

    for name in names:
        visit(name, ())


def test_every_package_has_a_row() -> None:
    assert {package_of(path) for path in MODULES} - {""} <= set(ROWS)


def test_public_names_exist_and_are_sorted() -> None:
    assert list(pytest_lleval.__all__) == sorted(pytest_lleval.__all__)
    for name in pytest_lleval.__all__:
        assert getattr(pytest_lleval, name) is not None


@pytest.mark.parametrize("name", [m.name for m in pkgutil.walk_packages([str(ROOT)], "pytest_lleval.") if not m.ispkg])
def test_all_lists_match_what_modules_define(name: str) -> None:
    module = importlib.import_module(name)
    for exported in getattr(module, "__all__", []):
        assert hasattr(module, exported), f"{name}.{exported}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_stay_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400
