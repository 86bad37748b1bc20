"""Proxies and certificates of the environment are used, or refused in words."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_lleval.core.errors import UsageError
from pytest_lleval.providers.network import find_proxy, make_tls

TARGET = "https://api.example.com/v1"


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch):
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("variable", "value", "url", "expected"),
    [
        ("HTTPS_PROXY", "http://proxy:3128", TARGET, "http://proxy:3128"),
        ("https_proxy", "http://me:pw@proxy:3128", TARGET, "http://me:pw@proxy:3128"),
        ("HTTPS_PROXY", "proxy:3128", TARGET, "http://proxy:3128"),
        ("HTTPS_PROXY", "https://proxy:3128", TARGET, "https://proxy:3128"),
        ("ALL_PROXY", "http://proxy:3128", TARGET, "http://proxy:3128"),
        ("HTTP_PROXY", "http://proxy:3128", TARGET, None),
        ("HTTP_PROXY", "http://proxy:3128", "http://api.example.com/v1", "http://proxy:3128"),
        ("HTTPS_PROXY", "", TARGET, None),
    ],
)
def test_proxy_is_that_of_the_targets_scheme(monkeypatch, variable, value, url, expected):
    monkeypatch.setenv(variable, value)
    assert find_proxy(url) == expected


@pytest.mark.parametrize(
    ("exempt", "url", "direct"),
    [
        ("example.com", TARGET, True),
        (".example.com", TARGET, True),
        ("other.com, api.example.com", TARGET, True),
        ("api.example.com:443", "https://api.example.com:443/v1", True),
        ("*", TARGET, True),
        ("ample.com", TARGET, False),
        ("10.0.0.0/8", "https://10.1.2.3:8000/v1", True),
        ("10.0.0.0/8", "https://11.1.2.3:8000/v1", False),
        ("nonsense/8, fd00::/8", "https://[fd00::1]/v1", True),
        ("10.0.0.0/8", TARGET, False),
    ],
)
def test_exempt_hosts_are_asked_directly(monkeypatch, exempt, url, direct):
    monkeypatch.setenv("ALL_PROXY", "http://proxy:3128")
    monkeypatch.setenv("NO_PROXY", exempt)
    assert (find_proxy(url) is None) == direct


@pytest.mark.parametrize("kind", ["socks5", "socks5h", "socks4"])
def test_a_socks_proxy_names_the_client_that_can_use_it(monkeypatch, kind):
    monkeypatch.setenv("ALL_PROXY", f"{kind}://me:hunter2@proxy:1080")
    with pytest.raises(UsageError, match=rf'{kind}://proxy:1080.*set client = "official"') as caught:
        find_proxy(TARGET)
    assert "hunter2" not in str(caught.value)
    monkeypatch.setenv("NO_PROXY", "api.example.com")
    assert find_proxy(TARGET) is None


@settings(max_examples=50, deadline=None)
@given(st.text(st.characters(codec="ascii", exclude_characters="\0"), max_size=40))
def test_no_exemption_breaks_the_search(exempt):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALL_PROXY", "http://proxy:3128")
        patch.setenv("NO_PROXY", exempt)
        assert find_proxy("http://127.0.0.1:8000") in (None, "http://proxy:3128")


def test_a_file_of_certificates_that_is_none_is_a_usage_error(monkeypatch, tmp_path):
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    with pytest.raises(UsageError, match=r"SSL_CERT_FILE '.*none\.pem' cannot be read"):
        make_tls()
    (tmp_path / "none.pem").write_text("no certificate", encoding="ascii")
    with pytest.raises(UsageError, match="cannot be read as certificates"):
        make_tls()
