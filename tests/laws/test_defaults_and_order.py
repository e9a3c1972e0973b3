"""Defaults are filled in once and for all, whatever the order; what is wrong does not depend on the order of lists."""

import importlib.util
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kdlib.errors import RefusedError
from kdlib.model import parse_app, parse_cluster, parse_config
from kdlib.rules import app_defaults, app_problems, cluster_defaults, cluster_problems, reserved_values


def _generators():
    path = Path(__file__).parent / "test_accepted_is_buildable.py"
    spec = importlib.util.spec_from_file_location("accepted_is_buildable", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MADE = _generators()
LAW = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@st.composite
def parsed(draw):
    """Draw an app, a cluster and a configuration that can be read, rules or no rules."""
    app = draw(MADE.apps())
    root, config = draw(MADE.roots(app)), draw(MADE.CONFIGS)
    try:
        return parse_app(app).spec, parse_cluster(root).spec, parse_config(config) if config else None
    except RefusedError:
        return draw(st.nothing())


def turned(spec, *fields):
    return spec.changed(**{name: tuple(reversed(getattr(spec, name))) for name in fields})


def found(problems):
    return Counter((problem.rule, problem.what) for problem in problems)


@LAW
@given(parsed())
def test_defaults_are_filled_in_once_and_in_any_order(values):
    app, cluster, config = values
    whole, reserved = app_defaults(app), reserved_values(config)
    assert app_defaults(whole) == whole
    assert app_defaults(turned(app, "roles", "services")) == turned(whole, "roles", "services")
    once = cluster_defaults(cluster, whole, reserved)
    assert cluster_defaults(once, whole, reserved).dumped() == once.dumped()
    assert cluster_defaults(turned(cluster, "roles"), turned(whole, "roles"), reserved) == turned(once, "roles")


@LAW
@given(parsed())
def test_what_is_wrong_does_not_depend_on_the_order_of_lists(values):
    app, cluster, config = values
    assert {problem.rule for problem in app_problems(app)} == {
        problem.rule for problem in app_problems(turned(app, "roles", "services"))
    }
    reserved, configs = reserved_values(config), tuple(config for _ in cluster.roles)
    spec = cluster_defaults(cluster, app_defaults(app), reserved)
    back = turned(spec, "roles")
    assert found(cluster_problems(spec, app, reserved, configs)) == found(
        cluster_problems(back, app, reserved, configs)
    )
