"""The smallest suite: samples in the file, a prompt, a scorer.

Run it with ``pytest --lleval-suite=example_suites/capitals.py``.
"""

from pytest_lleval import Generation, Sample, Suite, includes

capitals = Suite(
    name="capitals",
    version="1",
    dataset=[
        Sample(id="france", input="France", target="Paris", group="europe"),
        Sample(id="switzerland", input="Switzerland", target=("Bern", "Berne"), group="europe"),
        Sample(id="japan", input="Japan", target="Tokyo", group="asia"),
    ],
    prompt="What is the capital of {input}? Answer with its name only.",
    scorers=[includes()],
    generation=Generation(max_tokens=16),
)
