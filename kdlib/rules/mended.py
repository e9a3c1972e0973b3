"""What else is wrong with an object that cannot be read: what is broken gets a stand-in, and the rules go on.

So all problems come at once, those of the form with those of the meaning.

Layer: pure.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kdlib.errors import Problem
from kdlib.frozen import Json, copied
from kdlib.model import CONFIG_NAME

__all__ = ["APP_STAND_INS", "CLUSTER_STAND_INS", "CONFIG_STAND_INS", "Mended", "mended"]

_NAME = "stand-in"
_PLACE = re.compile(r"spec\.((?:config\.)?\w+)(?:\[(\d+)\](?:\.(\w+))?)?")

CLUSTER_STAND_INS: Mapping[str, Any] = {
    "app": _NAME,
    "roles[].id": _NAME,
    "roles[].resources": {"limits": {"cpu": "1", "memory": "1Gi"}},
    "roles[]": {"id": _NAME, "resources": {"limits": {"cpu": "1", "memory": "1Gi"}}},
}
"""What a cluster cannot be without; anything else that is broken is left out."""

APP_STAND_INS: Mapping[str, Any] = {
    "label": {"name": _NAME},
    "distroID": _NAME,
    "version": _NAME,
    "configSchemaVersion": 7,
    "defaultImageRepoTag": _NAME,
    "roles[].id": _NAME,
    "roles[].cardinality": "0+",
    "roles[].imageRepoTag": _NAME,
    "roles[]": {"id": _NAME, "cardinality": "0+", "imageRepoTag": _NAME},
    "services[].id": _NAME,
    "services[]": {"id": _NAME},
    "config": {"selectedRoles": [], "roleServices": []},
    "config.selectedRoles": [],
    "config.selectedRoles[]": _NAME,
    "config.roleServices": [],
    "config.roleServices[]": {"roleID": _NAME, "serviceIDs": []},
    "config.roleServices[].roleID": _NAME,
    "config.roleServices[].serviceIDs": [],
}
"""What an app cannot be without."""

CONFIG_STAND_INS: Mapping[str, Any] = {"metadata.name": CONFIG_NAME}
"""What a configuration cannot be without."""

_LISTS = frozenset({"roles", "services", "config.selectedRoles", "config.roleServices"})
_MOST_DIGITS = 9
_MOST_PROBLEMS = 100
"""More than these are not told, so nobody need look for further ones."""


@dataclass(frozen=True, slots=True)
class _Place:
    """A part of a spec that stands or falls as a whole: a field, an item of a list, or a field of one."""

    field: str
    index: int | None = None
    inner: str = ""

    @property
    def shape(self) -> str:
        """Return the place without its index, as stand-ins are named."""
        item = self.field if self.index is None else f"{self.field}[]"
        return f"{item}.{self.inner}" if self.inner else item

    @property
    def path(self) -> str:
        """Return the place as problems name it."""
        item = f"spec.{self.field}" if self.index is None else f"spec.{self.field}[{self.index}]"
        return f"{item}.{self.inner}" if self.inner else item


@dataclass(frozen=True, slots=True)
class Mended:
    """An object with stand-ins for what cannot be read."""

    cluster: Json
    places: frozenset[_Place]

    def own(self, problems: Iterable[Problem]) -> Iterator[Problem]:
        """Yield the problems that do not come from a stand-in; who refers to whom is unknown where an id has one."""
        shapes = frozenset(place.shape for place in self.places)
        for problem in problems:
            of_stand_in = _NAME in problem.what or not self.places.isdisjoint(_around(problem.path))
            if not (of_stand_in or self._leaves_open(problem, shapes)):
                yield problem

    def _leaves_open(self, problem: Problem, shapes: frozenset[str]) -> bool:
        """Tell whether nobody can know of the problem as long as ids or counts of members are broken."""
        match problem.rule:
            case "APP-V-06" if not problem.path.endswith(".roleID"):
                return bool(shapes & {"services", "services[]", "services[].id"})
            case "APP-V-06" | "APP-V-07" | "CL-V-16":
                return bool(shapes & {"roles[]", "roles[].id"})
            case "CL-V-18":
                return bool(shapes & {"roles[]", "roles[].members"})
        return False


def mended(value: Json, problems: Iterable[Problem], stand_ins: Mapping[str, Any] = CLUSTER_STAND_INS) -> Mended | None:
    """Return the object with what the problems are about taken out, or None where too little is left of it."""
    written, found = value.get("spec"), tuple(problems)
    if not (isinstance(written, dict) and isinstance(written.get("roles", []), list)):
        return None
    # Not deeper: what lies below may be nested without end.
    spec = _opened(written)
    spec |= {"config": _opened(spec["config"])} if isinstance(spec.get("config"), dict) else {}
    if len(found) > _MOST_PROBLEMS:
        return None
    places = frozenset(place for problem in found if (place := _place(problem.path)) is not None)
    if any(place.shape == "roles" for place in places):
        return None
    for place in sorted(places, key=lambda place: place.path, reverse=True):
        _mend(spec, place, stand_ins)
    metadata = value.get("metadata")
    if isinstance(metadata, dict) and any(problem.path == "metadata.name" for problem in found):
        metadata = {**metadata, "name": stand_ins.get("metadata.name", _NAME)}
    return Mended({**value, "metadata": metadata, "spec": spec}, places)


def _opened(holder: Json) -> Json:
    """Copy an object, its lists, and the objects that are their items."""
    return {
        key: [dict(each) if isinstance(each, dict) else each for each in item] if isinstance(item, list) else item
        for key, item in holder.items()
    }


def _place(path: str) -> _Place | None:
    match = _PLACE.match(path)
    if match is None:
        return None
    field, index, inner = match.groups()
    if field not in _LISTS or index is None or len(index) > _MOST_DIGITS:
        return _Place(field)
    return _Place(field, int(index), inner or "")


def _mend(spec: Json, place: _Place, stand_ins: Mapping[str, Any]) -> None:
    """Put the stand-in into its place; items of lists keep their indexes, so that paths stay true."""
    outer, _, name = place.field.rpartition(".")
    holder: Any = spec.get(outer) if outer else spec
    key: Any = name
    for step in (place.index, place.inner or None):
        if step is not None:
            holder, key = _inner(holder, key), step
    new = copied(stand_ins.get(place.shape))
    match holder:
        case dict() if new is None:
            holder.pop(key, None)
        case dict():
            holder[key] = _told_apart(new, place)
        case list() if isinstance(key, int) and key < len(holder):
            holder[key] = _told_apart(new, place)


def _inner(holder: Any, key: Any) -> Any:
    match holder:
        case dict():
            return holder.get(key)
        case list() if isinstance(key, int) and key < len(holder):
            return holder[key]
    return None


def _told_apart(new: Any, place: _Place) -> Any:
    """Give stand-ins in a list names of their own, since the same name twice would be a mistake of its own."""
    if place.index is None:
        return new
    name = f"{_NAME}-{place.index}"
    match new:
        case dict():
            return {key: name if item == _NAME else item for key, item in new.items()}
        case str() if new == _NAME:
            return name
    return new


def _around(path: str) -> Iterator[_Place]:
    """Yield the places that a path leads through."""
    place = _place(path)
    if place is not None:
        yield from (place, _Place(place.field, place.index), _Place(place.field), _Place(place.field.split(".")[0]))
