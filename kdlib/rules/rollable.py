"""What of a role may change while it has members: brought to them one by one, each in a new pod.

The table below is the one list of such fields: whoever makes a further field of a role rollable adds it here. A field
is rollable if it stands in the pod template alone, and nothing that a member keeps depends on it.

Layer: pure.
"""

from collections.abc import Mapping
from typing import Any

from kdlib.frozen import Json
from kdlib.model import ClusterRole
from kdlib.rules.meaning import role_meaning

__all__ = ["ROLLABLE", "rolled_fields", "rolled_form"]

ROLLABLE: Mapping[str, str] = {
    "affinity": "affinity",
    "env": "env",
    "image_pull_secrets": "imagePullSecrets",
    "image_repo_tag": "imageRepoTag",
    "node_selector": "nodeSelector",
    "priority_class_name": "priorityClassName",
    "resources": "resources",
    "tolerations": "tolerations",
    "topology_spread_constraints": "topologySpreadConstraints",
}
"""Fields of a role of a cluster's spec, by their names in Python and in the API."""


def rolled_fields(written: ClusterRole, accepted: ClusterRole) -> dict[str, Any]:
    """Return the rollable fields that the written role means otherwise than the accepted one, with their values."""
    new, old = role_meaning(written), role_meaning(accepted)
    return {name: getattr(written, name) for name, field in ROLLABLE.items() if new.get(field) != old.get(field)}


def rolled_form(form: Json, role: ClusterRole, fields: Mapping[str, Any]) -> Json:
    """Return what the status records of a role as accepted (`form`) with these fields as the role has them now."""
    names, now = {ROLLABLE[name] for name in fields}, role.dumped()
    kept = {name: value for name, value in form["role"].items() if name not in names}
    return {**form, "role": {**kept, **{name: now[name] for name in sorted(names) if name in now}}}
