"""A suite with a parameter and its samples in a file beside it.

Run it with ``pytest --lleval-suite=example_suites/arithmetic.py --lleval-arg polite=true``.
"""

from pytest_lleval import Generation, Suite, number_flexible, suite


@suite
def arithmetic(polite: bool = False) -> Suite:
    """Sums and products of small numbers."""
    return Suite(
        name="arithmetic",
        version="1",
        dataset="arithmetic.jsonl",
        prompt="{input}" + (" Thank you!" if polite else "") + "\nAnswer with a number.",
        scorers=[number_flexible()],
        metrics=["accuracy", "macro_accuracy"],
        generation=Generation(max_tokens=16),
        parameters={"polite": polite},
    )
