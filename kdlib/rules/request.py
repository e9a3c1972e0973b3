"""What a review is asked, what it must know, and what it answers.

A request is one write that an API server asks about. Facts come from the API server alone, never from the memory of
a process: two replicas and a fresh process answer alike.

Layer: pure.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, TypeVar, TypeVarTuple

from kdlib.errors import Problem
from kdlib.frozen import Json
from kdlib.wire import Kind, Ref

__all__ = ["Access", "Facts", "ListNeed", "Needs", "Operation", "Request", "User", "Verdict"]

MadeT = TypeVar("MadeT")
Rest = TypeVarTuple("Rest")

Operation: TypeAlias = Literal["CREATE", "UPDATE", "DELETE"]


@dataclass(frozen=True, slots=True)
class User:
    """Who asks, as the API server authenticated them: `userInfo` of an AdmissionReview."""

    username: str = ""
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Request:
    """One write, before it is stored: `new` is None for a DELETE, `old` for a CREATE.

    `subresource` is empty for a write to the object itself. Nothing outside may happen where `dry_run` is true; a
    review never does anything, so it answers alike.
    See https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#request.
    """

    operation: Operation
    kind: Kind
    namespace: str
    name: str
    user: User = User()
    new: Json | None = None
    old: Json | None = None
    subresource: str = ""
    dry_run: bool = False
    _made: dict[Callable[..., Any], tuple[tuple[Any, ...], Any]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def once(self, make: "Callable[[Request, *Rest], MadeT]", *rest: *Rest) -> MadeT:
        """Return what a function makes of the request and of these very further values, made the first time alone.

        A review asks for needs again and again before its verdict, and reading the objects is most of its work. A
        request that is changed by `replace` starts with nothing made.
        """
        known = self._made.get(make)
        if known is not None and _are_the_same(known[0], rest):
            found: MadeT = known[1]
            return found
        made = make(self, *rest)
        self._made[make] = (rest, made)
        return made


def _are_the_same(left: tuple[Any, ...], right: tuple[Any, ...]) -> bool:
    return all(one is other for one, other in zip(left, right, strict=True))


@dataclass(frozen=True, slots=True, order=True)
class ListNeed:
    """Every object of a kind in a namespace; in all namespaces where it is empty."""

    kind: Kind
    namespace: str = ""


@dataclass(frozen=True, slots=True, order=True)
class Access:
    """Something that the requesting user must have the right to do: becomes a SubjectAccessReview.

    `resource` is the plural, `group` is empty for the core group.
    See https://kubernetes.io/docs/reference/kubernetes-api/authorization-resources/subject-access-review-v1/.
    """

    verb: str
    group: str
    resource: str
    namespace: str
    name: str

    @classmethod
    def of(cls, verb: str, ref: Ref) -> "Access":
        """Return the right to do this to one object."""
        return cls(verb, ref.kind.group, ref.kind.plural, ref.namespace, ref.name)


@dataclass(frozen=True, slots=True)
class Needs:
    """What a review must know and does not know yet; false where it knows enough."""

    objects: tuple[Ref, ...] = ()
    lists: tuple[ListNeed, ...] = ()
    access: tuple[Access, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.objects or self.lists or self.access)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known beyond the request.

    An object that is looked for and not there stands as None. What does not stand here at all is unknown, and no rule
    refuses for what is unknown: so the same rules hold offline, over files.
    """

    objects: Mapping[Ref, Json | None] = field(default_factory=dict)
    lists: Mapping[ListNeed, tuple[Json, ...]] = field(default_factory=dict)
    allowed: Mapping[Access, bool] = field(default_factory=dict)
    operator: str = ""
    """Username of the operator itself; empty where it is unknown."""
    system_namespace: str = ""
    check_access: bool = True
    """False to leave the rights of the requesting user unchecked."""
    entropy: str = field(default="", repr=False)
    """Fresh random hex digits, at least 64, drawn for this review alone: keys and nonces are derived from them."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer: refused where there are problems, else stored with the patch (RFC 6902) applied."""

    problems: tuple[Problem, ...] = ()
    patch: tuple[Json, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def allowed(self) -> bool:
        """Tell whether nothing speaks against the write."""
        return not self.problems
