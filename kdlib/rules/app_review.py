"""The review of a write to an app: is it well made, and does a cluster need it as it is (2.2).

Layer: pure.
"""

from collections.abc import Iterator

from kdlib.errors import Problem, RefusedError
from kdlib.frozen import Json, dig
from kdlib.model import AppSpec, parse_app
from kdlib.rules.app import app_problems
from kdlib.rules.app_use import app_kept_while_in_use, changes_meaning, deletable_app, use_needs
from kdlib.rules.mended import APP_STAND_INS, mended
from kdlib.rules.request import Facts, Needs, Request, Verdict
from kdlib.wire import Ref

__all__ = ["app_needs", "app_verdict"]


def app_needs(request: Request, facts: Facts) -> Needs:
    """Return what must be known: who uses the app, where it is deleted or means something else afterwards."""
    match request.operation:
        case "DELETE":
            return use_needs(_ref(request), facts)
        case "UPDATE" if changes_meaning(request.new or {}, request.old or {}):
            return use_needs(_ref(request), facts)
        case _:
            return Needs()


def app_verdict(request: Request, facts: Facts) -> Verdict:
    """Apply every rule for apps, also to what can be read of one that is broken."""
    if request.operation == "DELETE":
        return Verdict(tuple(deletable_app(_ref(request), facts)))
    if request.new is None or request.subresource:
        return Verdict()
    if request.operation == "UPDATE" and dig(request.new, "spec") == dig(request.old, "spec"):
        return Verdict()
    try:
        new = parse_app(request.new).spec
    except RefusedError as error:
        return Verdict((*error.problems, *_further(request.new, error)))
    problems = list(app_problems(new))
    if not problems and request.operation == "UPDATE":
        problems += app_kept_while_in_use(new, _old_spec(request), _ref(request), facts)
    return Verdict(tuple(problems))


def _further(app: Json, error: RefusedError) -> Iterator[Problem]:
    """Yield what is wrong besides with an app that cannot be read."""
    whole = mended(app, error.problems, APP_STAND_INS)
    try:
        spec = parse_app(whole.cluster).spec if whole else None
    except RefusedError:
        return
    if whole and spec:
        yield from whole.own(app_problems(spec))


def _ref(request: Request) -> Ref:
    return Ref(request.kind, request.namespace, request.name)


def _old_spec(request: Request) -> AppSpec | None:
    try:
        return parse_app(request.old).spec
    except RefusedError:
        return None
