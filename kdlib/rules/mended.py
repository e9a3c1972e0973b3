"""What else is wrong with a cluster that cannot be read: the broken parts get a stand-in, and the rules go on.

So all problems come at once, those of the form with those of the meaning.

Layer: pure.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from kdlib.errors import Problem
from kdlib.frozen import Json

__all__ = ["Mended", "mended"]

_ROLE = re.compile(r"spec\.roles\[(\d+)\]")
_FIELD = re.compile(r"spec\.(\w+)")
_RESOURCES = {"limits": {"cpu": "1", "memory": "1Gi"}}


@dataclass(frozen=True, slots=True)
class Mended:
    """A cluster with stand-ins for the roles and fields that cannot be read."""

    cluster: Json
    roles: frozenset[int]
    fields: frozenset[str]

    def own(self, problems: Iterable[Problem]) -> Iterator[Problem]:
        """Yield the problems that are not those of a stand-in; which roles are missing is not known then."""
        for problem in problems:
            role, field = _ROLE.match(problem.path), _FIELD.match(problem.path)
            of_role = role is not None and int(role[1]) in self.roles
            of_field = field is not None and field[1] in self.fields
            if not (of_role or of_field or problem.rule == "CL-V-16"):
                yield problem


def mended(cluster: Json, problems: Iterable[Problem]) -> Mended | None:
    """Return the cluster with what the problems are about taken out, or None where too little is left of it."""
    spec, found = cluster.get("spec"), tuple(problems)
    if not (isinstance(spec, dict) and isinstance(spec.get("app"), str) and isinstance(spec.get("roles"), list)):
        return None
    roles = frozenset(int(match[1]) for problem in found if (match := _ROLE.match(problem.path)))
    fields = frozenset(match[1] for problem in found if (match := _FIELD.match(problem.path))) - {"roles"}
    if "app" in fields:
        return None
    kept = {key: value for key, value in spec.items() if key not in fields}
    kept["roles"] = [_stand_in(role, index) if index in roles else role for index, role in enumerate(spec["roles"])]
    return Mended({**cluster, "spec": kept}, roles, fields)


def _stand_in(role: Any, index: int) -> Json:
    name = role.get("id") if isinstance(role, dict) else None
    is_name = isinstance(name, str) and 0 < len(name) <= 63
    return {"id": name if is_name else f"role-{index}", "resources": _RESOURCES}
