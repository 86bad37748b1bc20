"""Fixtures shared by all tests."""

import importlib.util
import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_lleval.core.contracts import HostService

_NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def response_caches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the response caches of all tests of this process."""
    return tmp_path_factory.mktemp("responses")


@pytest.fixture(autouse=True)
def response_cache(response_caches: Path) -> Iterator[Path]:
    """Keep each test's response cache in a file of its own, which is made when an answer is kept."""
    path = response_caches / f"{next(_NUMBERS)}.sqlite"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LLEVAL_RESPONSE_CACHE", str(path))
        patch.delenv("LLEVAL_RESPONSE_CACHE_MB", raising=False)
        # sessions of tests are no verdicts of the job they run in
        patch.delenv("GITHUB_STEP_SUMMARY", raising=False)
        patch.delenv("GITHUB_ACTIONS", raising=False)
        yield path


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real benchmark data, or a skip."""
    value = os.environ.get("LLEVAL_DATA_DIR")
    if not value or not Path(value).is_dir():
        pytest.skip("needs the benchmark data: set LLEVAL_DATA_DIR")
    return Path(value)


@pytest.fixture(scope="session")
def local_model_server() -> Iterator[HostService]:
    """One server of the embedded model for all tests of this process, or a skip; its `connection` has the url."""
    from pytest_lleval.core.errors import AssetError
    from pytest_lleval.core.settings import ModelSpec
    from pytest_lleval.providers.local import start_service

    if importlib.util.find_spec("xllamacpp") is None:
        pytest.skip("needs xllamacpp: pip install 'pytest-lleval[local]'")
    try:
        # one thread: several wait for each other at every layer, which is slow while other tests use the CPUs
        service = start_service(ModelSpec(provider="local", model="smollm2-135m", options={"threads": 1}))
    except AssetError as error:
        pytest.skip(f"needs the embedded model: {error}")
    yield service
    service.close()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Bound every test, where the plugin for it is installed: the ini file must not need it."""
    if config.pluginmanager.hasplugin("timeout"):
        for item in items:
            item.add_marker(pytest.mark.timeout(180))
