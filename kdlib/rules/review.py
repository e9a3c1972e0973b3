"""review(): what the rules say to one write, and needs(): what they must know for it.

Layer: pure.
"""

from kdlib.errors import Problem, RefusedError
from kdlib.frozen import Json
from kdlib.model import AppSpec, Reserved, parse_app, parse_cluster, parse_config
from kdlib.rules.app import app_problems
from kdlib.rules.config import config_problems
from kdlib.rules.defaults import app_defaults, cluster_defaults
from kdlib.rules.request import Facts, Needs, Request, Verdict
from kdlib.rules.resolve import cluster_problems
from kdlib.wire import KD_APP, KD_CLUSTER, KD_CONFIG, Ref

__all__ = ["needs", "review"]


def needs(request: Request, facts: Facts) -> Needs:
    """Return what the rules must know for this request, and the facts do not tell yet.

    Ask again with what was found until nothing is missing: an app that was found may name further objects.
    """
    if request.kind != KD_CLUSTER or request.operation == "DELETE":
        return Needs()
    missing = [ref for ref in _apps(request, facts) if ref not in facts.objects]
    return Needs(objects=tuple(missing))


def review(request: Request, facts: Facts) -> Verdict:
    """Apply every rule to the request: all problems at once, and the patch where there is none."""
    if request.new is None:
        return Verdict()
    try:
        problems = _problems(request, request.new, facts)
    except RefusedError as error:
        return Verdict(problems=error.problems)
    return Verdict(problems=tuple(sorted(set(problems))))


def _problems(request: Request, new: Json, facts: Facts) -> list[Problem]:
    if request.kind == KD_APP:
        return list(app_problems(parse_app(new).spec))
    if request.kind == KD_CONFIG:
        return list(config_problems(parse_config(new)))
    if request.kind == KD_CLUSTER:
        return _cluster(request, new, facts)
    return []


def _cluster(request: Request, new: Json, facts: Facts) -> list[Problem]:
    cluster = parse_cluster(new)
    app = _app(request, facts)
    if app is None:
        return []
    spec = cluster_defaults(cluster.spec, app, Reserved())
    return list(cluster_problems(spec, app, Reserved(), tuple(None for _ in spec.roles)))


def _app(request: Request, facts: Facts) -> AppSpec | None:
    found = (facts.objects.get(ref) for ref in _apps(request, facts))
    app = next((item for item in found if item is not None), None)
    return app_defaults(parse_app(app).spec) if app else None


def _apps(request: Request, facts: Facts) -> tuple[Ref, ...]:
    spec = (request.new or {}).get("spec")
    name, catalog = (spec.get("app"), spec.get("appCatalog")) if isinstance(spec, dict) else (None, None)
    both = (request.namespace, facts.system_namespace)
    places = {"local": both[:1], "system": both[1:]}.get(str(catalog), both)
    return tuple(Ref(KD_APP, place, name) for place in dict.fromkeys(places)) if isinstance(name, str) and name else ()
