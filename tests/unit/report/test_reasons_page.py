"""The page of reasons in the reference is what the code tells."""

from pathlib import Path

from kdlib.report import reasons_page

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "reasons.md"


def test_the_reference_page_is_what_the_generator_writes():
    assert PAGE.read_text(encoding="utf-8") == reasons_page(), f"{PAGE} is outdated: run `make schemas`"
