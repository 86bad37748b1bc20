import importlib.metadata
from email.message import Message
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lleval.support.closure import find_closure, find_version


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder where distributions can be put."""
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def put(site: Path, name: str, *needs: str, version: str = "1.0", extras: tuple[str, ...] = ()) -> None:
    folder = site / f"{name.replace('-', '_')}-{version}.dist-info"
    folder.mkdir()
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Provides-Extra: {extra}" for extra in extras] + [f"Requires-Dist: {need}" for need in needs]
    (folder / "METADATA").write_text("\n".join(lines) + "\n")


def closure(name: str, without: tuple[str, ...] = ()) -> dict[str, str]:
    return find_closure(importlib.metadata.metadata(name), without)


def test_what_is_needed_by_what_is_needed_counts(site: Path) -> None:
    put(site, "zz-a", "zz_B>=2")
    put(site, "zz-b", "ZZ.c", version="2.5")
    put(site, "zz-c")
    assert closure("zz-a") == {"zz-a": "1.0", "zz-b": "2.5", "zz-c": "1.0"}


def test_an_extra_counts_when_all_of_it_is_installed(site: Path) -> None:
    put(site, "zz-a", "zz-b; extra == 'one'", "zz-c; extra == 'two'", "zz-d; extra == 'two'", extras=("one", "two"))
    put(site, "zz-b")
    put(site, "zz-c")
    assert set(closure("zz-a")) == {"zz-a", "zz-b"}
    put(site, "zz-d")
    importlib.invalidate_caches()
    assert set(closure("zz-a")) == {"zz-a", "zz-b", "zz-c", "zz-d"}
    assert set(closure("zz-a", without=("two",))) == {"zz-a", "zz-b"}


def test_an_extra_that_names_others_is_as_good_as_they_are(site: Path) -> None:
    put(site, "zz-a", "zz-a[one]; extra == 'all'", "zz-b; extra == 'one'", extras=("all", "one"))
    assert set(closure("zz-a")) == {"zz-a"}
    put(site, "zz-b", "zz-c[fast]")
    put(site, "zz-c", "zz-d; extra == 'fast'", extras=("fast",))
    put(site, "zz-d")
    importlib.invalidate_caches()
    assert set(closure("zz-a")) == {"zz-a", "zz-b", "zz-c", "zz-d"}


def test_what_other_systems_need_does_not_count(site: Path) -> None:
    put(site, "zz-a", "zz-b; sys_platform == 'abacus'", "zz-c; python_version >= '3'")
    put(site, "zz-b")
    put(site, "zz-c")
    assert set(closure("zz-a")) == {"zz-a", "zz-c"}


def test_circles_end(site: Path) -> None:
    put(site, "zz-a", "zz-b[x]", "zz-a[x]; extra == 'x'", extras=("x",))
    put(site, "zz-b", "zz-a", "zz-b[x]; extra == 'x'", extras=("x",))
    assert set(closure("zz-a")) == {"zz-a", "zz-b"}


def test_a_wheel_that_is_not_installed_is_asked_in_the_same_way(site: Path) -> None:
    put(site, "zz-b", version="3")
    metadata = Message()
    metadata["Name"], metadata["Version"], metadata["Requires-Dist"] = "ZZ.New", "9", "zz-b"
    assert find_closure(metadata) == {"zz-b": "3", "zz-new": "9"}


def test_the_closure_of_this_package_has_what_it_cannot_do_without() -> None:
    found = closure("pytest-lleval", ("dev",))
    assert {"pytest", "pluggy", "numpy", "psutil"} <= set(found)
    assert all(find_version(name) == version for name, version in found.items())


def test_what_is_not_installed_has_no_version() -> None:
    assert find_version("no-such-distribution") is None


@given(st.dictionaries(st.sampled_from("abcdef"), st.sets(st.sampled_from("abcdef")), min_size=1))
def test_the_closure_is_what_can_be_reached(needs: dict[str, set[str]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(importlib.metadata, "version", lambda name: _find(needs, name))
        patch.setattr(importlib.metadata, "requires", lambda name: sorted(_find(needs, name) and needs[name]))
        root = next(iter(needs))
        metadata = Message()
        metadata["Name"], metadata["Version"] = root, "1"
        for need in needs[root]:
            metadata["Requires-Dist"] = need
        reached, waiting = {root}, [root]
        while waiting:
            fresh = {name for name in needs[waiting.pop()] if name in needs} - reached
            reached |= fresh
            waiting += fresh
        assert set(find_closure(metadata)) == reached


def _find(needs: dict[str, set[str]], name: str) -> str:
    if name not in needs:
        raise importlib.metadata.PackageNotFoundError(name)
    return "1"
