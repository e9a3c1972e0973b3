"""review(): what the rules say to one write, and needs(): what they must know for it.

Layer: pure.
"""

from collections.abc import Iterable

from kdlib.errors import Problem, RefusedError
from kdlib.rules.app_review import app_needs, app_verdict
from kdlib.rules.claim_owner import claim_needs, claim_owner_patch
from kdlib.rules.cluster_review import cluster_needs, cluster_verdict
from kdlib.rules.config_review import config_needs, config_verdict
from kdlib.rules.request import Facts, Needs, Request, Verdict
from kdlib.wire import KD_APP, KD_CLUSTER, KD_CONFIG, PERSISTENT_VOLUME_CLAIM

__all__ = ["needs", "review"]

_MOST_PROBLEMS = 100


def needs(request: Request, facts: Facts) -> Needs:
    """Return what the rules must know for this request, and the facts do not tell yet.

    Ask again with what was found until nothing is missing: a configuration that was found may name further objects.
    """
    asked = _asked(request, facts)
    return Needs(
        tuple(ref for ref in dict.fromkeys(asked.objects) if ref not in facts.objects),
        tuple(item for item in dict.fromkeys(asked.lists) if item not in facts.lists),
        tuple(item for item in dict.fromkeys(asked.access) if item not in facts.allowed),
    )


def review(request: Request, facts: Facts) -> Verdict:
    """Apply every rule to the request: all problems at once, sorted, or the patch where there is none.

    WH-04: a write to another kind is allowed as it is. WH-06: all problems are told together, of very many the first.
    WH-07: only what is allowed is patched.
    """
    try:
        verdict = _verdict(request, facts)
    except RefusedError as error:
        return Verdict(problems=_bounded(error.problems))
    if verdict.problems:
        return Verdict(problems=_bounded(verdict.problems))
    return verdict


def _asked(request: Request, facts: Facts) -> Needs:
    match request.kind:
        case kind if kind == KD_APP:
            return app_needs(request, facts)
        case kind if kind == KD_CLUSTER:
            return cluster_needs(request, facts)
        case kind if kind == KD_CONFIG:
            return config_needs(request)
        case kind if kind == PERSISTENT_VOLUME_CLAIM:
            return claim_needs(request)
    return Needs()


def _verdict(request: Request, facts: Facts) -> Verdict:
    match request.kind:
        case kind if kind == KD_APP:
            return app_verdict(request, facts)
        case kind if kind == KD_CLUSTER:
            return cluster_verdict(request, facts)
        case kind if kind == KD_CONFIG:
            return config_verdict(request, facts)
        case kind if kind == PERSISTENT_VOLUME_CLAIM:
            return Verdict(patch=tuple(claim_owner_patch(request, facts)))
    return Verdict()


def _bounded(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    found = sorted(set(problems), key=lambda problem: (problem.rank, problem))
    if len(found) <= _MOST_PROBLEMS:
        return tuple(found)
    rest = f"has {len(found) - _MOST_PROBLEMS} more problems"
    return (*found[:_MOST_PROBLEMS], Problem("(the object)", rest, "correct these first"))
