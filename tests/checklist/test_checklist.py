"""Laws: everything that the specification numbers is shown by a test, or it is said what replaces it."""

import fnmatch
import importlib.util
from pathlib import Path

import conformance

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


def test_the_page_of_conformance_is_what_the_cases_and_the_differences_say():
    assert conformance.PAGE.read_text(encoding="utf-8") == conformance.page(), "run: make schemas"


def test_every_case_has_run_on_a_real_api_server_and_no_answer_is_left_of_one_that_is_gone():
    names = {area: {case["name"] for case in cases} for area, cases in conformance.areas().items()}
    assert names == {area: conformance.recorded(area) for area in names}


def test_every_difference_that_stays_says_what_it_is_and_why():
    assert [each for each in conformance.differences() if not (each.get("what") and each.get("reason"))] == []


def test_a_difference_that_a_case_may_show_says_where():
    by_file = [f"{area}: {case['name']}" for area, cases in conformance.areas().items() for case in cases]
    for each in conformance.differences():
        assert ("case" in each) == ("paths" in each), each["what"]
        assert "case" not in each or fnmatch.filter(by_file, each["case"]), each["what"]


def test_servers_are_read_from_marks_fixtures_and_parameters(tmp_path, monkeypatch):
    monkeypatch.setattr(conformance, "TESTS", tmp_path)
    (tmp_path / "conftest.py").write_text(FIXTURES)
    (tmp_path / "test_it.py").write_text(MARKED)
    assert conformance.servers_by_test(tmp_path / "test_it.py") == {
        "test_nothing": set(),
        "test_real_alone": {"real"},
        "test_one_after_the_other": {"sandbox", "real"},
        "test_side_by_side": {"sandbox", "real"},
    }


FIXTURES = """
@pytest.fixture(params=[embedded, pytest.param(real, marks=pytest.mark.control_plane)])
def place(request): ...


@pytest.fixture
def server(place): ...
"""
MARKED = """
def test_nothing(): ...


@pytest.mark.control_plane
def test_real_alone(plane): ...


def test_one_after_the_other(server): ...


@pytest.mark.control_plane
def test_side_by_side(real, embedded): ...
"""
