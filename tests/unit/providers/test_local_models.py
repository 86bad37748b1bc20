import hashlib
from pathlib import Path

import pytest

from pytest_lleval.core.errors import UnknownNameError, UsageError
from pytest_lleval.core.settings import ModelSpec
from pytest_lleval.providers.local_models import find_model
from pytest_lleval.support.digest import digest_parts


def _spec(model):
    return ModelSpec(provider="local", model=str(model))


@pytest.fixture
def gguf(tmp_path):
    path = tmp_path / "tiny.Q8_0.gguf"
    path.write_bytes(b"GGUF and more")
    return path


def test_file_is_known_by_its_digest_and_served_by_its_stem(gguf):
    model = find_model(_spec(gguf))
    assert (model.path, model.alias, model.size) == (gguf, "tiny.Q8_0", 13)
    assert model.compute_digest() == hashlib.sha256(b"GGUF and more").hexdigest()


def test_relative_path_and_home_are_followed(gguf, monkeypatch):
    monkeypatch.chdir(gguf.parent)
    assert find_model(_spec(gguf.name)).path == Path.cwd() / gguf.name
    monkeypatch.setenv("HOME", str(gguf.parent))
    monkeypatch.setenv("USERPROFILE", str(gguf.parent))
    assert find_model(_spec(f"~/{gguf.name}")).path == gguf


def test_unknown_name_suggests_the_built_in_one():
    with pytest.raises(UnknownNameError, match=r"'smollm2-136m'; did you mean 'smollm2-135m'\?"):
        find_model(_spec("smollm2-136m"))


@pytest.mark.parametrize("name", ["absent.gguf", "folder/absent", "C:\\models\\absent.gguf"])
def test_missing_file_is_named(name):
    with pytest.raises(UsageError, match="cannot read the model file") as caught:
        find_model(_spec(name))
    assert Path(name).name in str(caught.value).replace("\\\\", "\\")


def test_folder_is_no_model(tmp_path):
    with pytest.raises(UsageError, match="cannot read the model file"):
        find_model(_spec(tmp_path))


def test_other_kind_of_file_is_named_with_its_first_bytes(tmp_path):
    path = tmp_path / "weights.gguf"
    path.write_bytes(b"PK\x03\x04 a zip")
    with pytest.raises(UsageError, match=r"is not a GGUF file \(it begins with b'PK"):
        find_model(_spec(path))


def test_model_in_parts_has_a_digest_over_all_of_them(tmp_path):
    for number in (1, 2):
        (tmp_path / f"big-{number:05}-of-00002.gguf").write_bytes(b"GGUF" + bytes([number]))
    model = find_model(_spec(tmp_path / "big-00001-of-00002.gguf"))
    digests = [hashlib.sha256(b"GGUF" + bytes([number])).hexdigest() for number in (1, 2)]
    assert (model.alias, model.size, model.compute_digest()) == ("big", 10, digest_parts(digests))


def test_model_in_parts_needs_all_of_them_and_the_first_name(tmp_path):
    (tmp_path / "big-00001-of-00002.gguf").write_bytes(b"GGUF")
    with pytest.raises(UsageError, match="big-00002-of-00002"):
        find_model(_spec(tmp_path / "big-00001-of-00002.gguf"))
    with pytest.raises(UsageError, match="not the first part"):
        find_model(_spec(tmp_path / "big-00002-of-00002.gguf"))
