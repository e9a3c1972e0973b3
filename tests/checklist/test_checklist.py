"""Laws: everything that the specification numbers is shown by a test, or it is said what replaces it."""

import importlib.util
from pathlib import Path

SPEC = importlib.util.spec_from_file_location("checklist_make", Path(__file__).parent / "make.py")
make = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(make)


def test_the_page_is_what_the_tests_and_the_lists_say():
    assert make.PAGE.read_text(encoding="utf-8") == make.page(), "run: make schemas"


def test_every_numbered_item_has_a_test_or_an_answer():
    tests = make.tests_by_id()
    without = [
        key for key, item in make.items().items() if not (tests.get(key) or {"freed", "text", "open"} & set(item))
    ]
    assert not without


def test_no_test_names_an_item_that_does_not_exist():
    assert not set(make.tests_by_id()) - set(make.items())


def test_every_test_that_is_listed_is_there():
    listed = {test for item in make.items().values() for test in item.get("tests", ())}
    assert not listed - set(make.known_tests())
