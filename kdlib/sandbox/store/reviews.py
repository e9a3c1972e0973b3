"""Access reviews: answered from a table that whoever runs the cluster may set; yes to all else.

See https://kubernetes.io/docs/reference/kubernetes-api/authorization-resources/.

Layer: shell.
"""

from collections.abc import Callable
from dataclasses import dataclass

from kdlib.frozen import Json
from kdlib.sandbox.store.faults import invalid, invalid_value
from kdlib.sandbox.store.options import Caller
from kdlib.wire import Kind

__all__ = ["Access", "Reviewer", "answered_review", "check_review"]


@dataclass(frozen=True, slots=True)
class Access:
    """What somebody wants to do, and who: `user` and `groups` as the review names them."""

    user: str
    groups: tuple[str, ...] = ()
    verb: str = ""
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""
    """For what is no resource."""


Reviewer = Callable[[Access], bool]
"""Tells whether somebody may do something."""


def check_review(review: Json) -> None:
    """Raise a 422 for a review that asks about nothing, or about two things."""
    spec = review.get("spec") or {}
    if bool(spec.get("resourceAttributes")) != bool(spec.get("nonResourceAttributes")):
        return
    what = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
    error = invalid_value("spec.resourceAttributes", spec.get("resourceAttributes"), what)
    raise invalid(Kind("authorization.k8s.io/v1", "", "-"), "", [error])


def answered_review(review: Json, caller: Caller, allows: Reviewer) -> Json:
    """Return a review with its answer; one about oneself is about whoever asks."""
    spec = review.get("spec") or {}
    user, groups = str(spec.get("user") or ""), tuple(spec.get("groups") or ())
    if review.get("kind") == "SelfSubjectAccessReview":
        user, groups = caller.name, caller.groups
    wanted = {**(spec.get("nonResourceAttributes") or {}), **(spec.get("resourceAttributes") or {})}
    fields = ("verb", "group", "resource", "subresource", "namespace", "name", "path")
    access = Access(user, groups, **{field: str(wanted.get(field) or "") for field in fields})
    return {**review, "status": {"allowed": allows(access)}}
