import inspect

from pytest_lleval.core import errors


def test_every_error_is_in_the_drawn_tree() -> None:
    for name in errors.__all__:
        found = getattr(errors, name)
        assert issubclass(found, errors.LlevalError)
        assert name in (errors.__doc__ or ""), name


def test_every_error_has_a_docstring() -> None:
    assert all(inspect.getdoc(getattr(errors, name)) for name in errors.__all__)


def test_an_unknown_name_comes_with_the_nearest() -> None:
    error = errors.UnknownNameError("--lleval-suite", "suite", "mmul", ["mmlu", "gsm8k"])
    assert str(error) == "--lleval-suite: no suite is called 'mmul'; did you mean 'mmlu'?"
