"""Providers are found by name and imported only when asked for."""

import importlib
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
import serving
from provider_cases import make_spec

from pytest_lleval.core.errors import AttachError, UnknownNameError, UsageError
from pytest_lleval.providers import registry
from pytest_lleval.providers.anthropic import AnthropicProvider
from pytest_lleval.providers.openai import OpenAIProvider
from pytest_lleval.providers.scripted import MockProvider


@pytest.mark.parametrize(
    ("name", "kind"), [("openai/m", OpenAIProvider), ("anthropic/m", AnthropicProvider), ("mock/echo", MockProvider)]
)
def test_each_name_opens_its_provider(name, kind):
    assert type(registry.open_provider(make_spec(name))) is kind


def test_an_unknown_provider_names_the_nearest():
    with pytest.raises(UnknownNameError, match="no provider is called 'opnai'; did you mean 'openai'"):
        registry.open_provider(make_spec("opnai/m"))
    with pytest.raises(UnknownNameError):
        registry.start_service(make_spec("opnai/m"), log_dir=None, progress=None)


def test_only_local_providers_start_a_service():
    assert registry.start_service(make_spec("mock/echo"), log_dir=None, progress=None) is None
    assert registry.start_service(make_spec("openai/m"), log_dir=None, progress=None) is None


def test_a_local_model_without_its_server_is_an_attach_error():
    with pytest.raises(AttachError, match="not started"):
        registry.open_provider(make_spec("local/smollm2-135m"))


def test_connection_limits_follow_the_provider():
    assert registry.connection_limit(make_spec("openai/m")) == 32
    assert registry.connection_limit(make_spec("local/smollm2-135m")) == 1


def hide_packages(monkeypatch, *packages):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in packages else find(name))


@pytest.mark.parametrize(
    ("spec", "package", "extra"),
    [
        (make_spec("openai/m"), "aiohttp", "openai"),
        (make_spec("openai/m", client="official"), "openai", "openai"),
        (make_spec("anthropic/m"), "anthropic", "anthropic"),
        (make_spec("local/smollm2-135m"), "aiohttp", "local"),
    ],
)
def test_a_missing_client_names_the_extra(monkeypatch, spec, package, extra):
    hide_packages(monkeypatch, package)
    with pytest.raises(UsageError, match=rf"needs the package '{package}'; pip install 'pytest-lleval\[{extra}\]'"):
        registry.open_provider(spec)


def test_each_client_of_openais_protocol_does_without_the_other(monkeypatch):
    with monkeypatch.context() as patch:
        hide_packages(patch, "openai")
        assert type(registry.open_provider(make_spec("openai/m"))) is OpenAIProvider
    hide_packages(monkeypatch, "aiohttp")
    assert type(registry.open_provider(make_spec("openai/m", client="official"))) is OpenAIProvider


@pytest.fixture
def foreign(tmp_path, monkeypatch):
    """An installed distribution that brings the providers `house` and `broken`."""
    info = tmp_path / "house-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: house\nVersion: 1.0\n", encoding="utf-8")
    points = f"[{registry.ENTRY_POINTS}]\nhouse = house_provider:make\nbroken = house_provider:nothing\nmock = x:y\n"
    (info / "entry_points.txt").write_text(points, encoding="utf-8")
    source = "def make(spec, connection):\n    return (spec.model, connection)\n"
    (tmp_path / "house_provider.py").write_text(source, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    yield
    sys.modules.pop("house_provider", None)


@pytest.mark.usefixtures("foreign")
def test_third_parties_bring_providers_but_replace_none():
    assert "house" in registry.known_providers()
    assert registry.open_provider(make_spec("house/m"), {"k": "v"}) == ("m", {"k": "v"})
    assert registry.start_service(make_spec("house/m"), log_dir=None, progress=None) is None
    assert isinstance(registry.open_provider(make_spec("mock/echo")), MockProvider)


@pytest.mark.usefixtures("foreign")
def test_a_third_party_that_cannot_be_loaded_is_a_usage_error():
    with pytest.raises(UsageError, match="house_provider:nothing"):
        registry.open_provider(make_spec("broken/m"))


def test_choosing_a_provider_imports_no_client():
    code = (
        "import sys; from pytest_lleval.core.settings import parse_model; from pytest_lleval.providers import registry;"
        "[registry.open_provider(parse_model('t', name)) for name in ('mock/echo', 'openai/m', 'anthropic/m')];"
        "sys.exit(','.join({'openai', 'anthropic', 'httpx2', 'aiohttp', 'pytest', 'numpy'} & set(sys.modules)) or 0)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")


def test_the_light_client_never_imports_the_official_one():
    code = (
        "import asyncio, sys, serving; from provider_cases import chat, make_spec, run_with;"
        "from pytest_lleval.providers.registry import open_provider;"
        "server = serving.ModelServer().__enter__();"
        "run_with(open_provider(make_spec('openai/m@' + server.url)), chat()); server.close();"
        "sys.exit(','.join({'openai', 'httpx', 'httpx2', 'pydantic'} & set(sys.modules)) or 0)"
    )
    tests = str(Path(serving.__file__).parent)
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False, cwd=tests
    )
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize(
    ("name", "variables"),
    [
        ("openai/m", ("OPENAI_API_KEY", "OPENAI_BASE_URL")),
        ("anthropic/m@http://h:1/v1", ("ANTHROPIC_API_KEY",)),
        ("mock/echo", ()),
    ],
)
def test_variables_are_those_that_the_provider_reads(name, variables):
    assert registry.read_variables(make_spec(name)) == variables
