import importlib.util
import textwrap
from pathlib import Path
from typing import Any

import pytest

from pytest_lleval.plugin.versions import digest_function


@pytest.fixture
def load(tmp_path: Path) -> Any:
    """Return the function `test_it` of a source."""

    def read(source: str, name: str = "module") -> Any:
        path = tmp_path / f"{name}.py"
        path.write_text(textwrap.dedent(source), encoding="utf-8")
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.test_it

    return read


def test_marks_comments_and_layout_change_no_version(load: Any) -> None:
    plain = load("""
        def test_it(model):
            assert model("x") == 1
        """)
    dressed = load(
        """
        import pytest

        @pytest.mark.lleval(gate="pass_rate>=0.9")
        def test_it(
            model,
        ):
            # why
            assert model('x') == 1
        """,
        "dressed",
    )
    assert digest_function(plain) == digest_function(dressed)


def test_another_prompt_is_another_version(load: Any) -> None:
    one, two = (load(f"def test_it(model):\n    model({word!r})", word) for word in ("one", "two"))
    assert digest_function(one) != digest_function(two)


def test_a_function_without_source_is_known_by_its_name() -> None:
    scope: dict[str, Any] = {}
    exec("def test_it(): pass", scope)
    assert digest_function(scope["test_it"]) == digest_function(scope["test_it"])
