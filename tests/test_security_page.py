"""The threat model is tested: each line of docs/security.md has its test, and each test its line."""

import re
from pathlib import Path

HERE = Path(__file__).parent


def test_each_line_has_its_tests_and_each_test_its_line() -> None:
    page = (HERE.parent / "docs/security.md").read_text(encoding="utf-8")
    lines = re.findall(r"^- \*\*([A-Z]\d+)\*\*", page, flags=re.MULTILINE)
    assert len(lines) == len(set(lines))
    sources = [path.read_text(encoding="utf-8") for path in (HERE / "plugin").glob("test_security_*.py")]
    tested = {name.upper() for source in sources for name in re.findall(r"def test_([rcdk]\d+)_", source)}
    assert tested == set(lines)


def test_the_chances_on_the_page_are_those_of_the_formula() -> None:
    page = (HERE.parent / "docs/security.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) % \| (.+) \|$", page, flags=re.MULTILINE)
    assert len(rows) == 5
    for share, cells in rows:
        for lies, cell in zip((10, 30, 100, 300), cells.split(" | "), strict=True):
            chance = 100 * (1 - (1 - int(share) / 100) ** lies)
            assert abs(float(cell.removesuffix(" %")) - chance) <= 0.6
