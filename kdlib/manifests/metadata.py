"""What every object of a cluster carries: its place, its labels, the app's name for people (rules KO-01, KO-02).

Layer: pure.
"""

from collections.abc import Mapping

from kdlib.frozen import Json
from kdlib.model import Resolved
from kdlib.names import ANNOTATION_PREFIX, LABEL_APP, LABEL_CATALOG, LABEL_CLUSTER, LABEL_HEADLESS, LABEL_ROLE
from kdlib.wire import Kind

__all__ = ["PRETTY_NAME", "cluster_labels", "made", "merged", "pretty_name", "role_labels"]

PRETTY_NAME = f"{ANNOTATION_PREFIX}kdapp-prettyName"


def cluster_labels(resolved: Resolved) -> dict[str, str]:
    """Return the labels of every object of the cluster (1.6)."""
    return {
        LABEL_CLUSTER: resolved.root.name,
        LABEL_APP: resolved.app_name,
        LABEL_CATALOG: resolved.reserved.app_catalog,
    }


def role_labels(resolved: Resolved, role_id: str) -> dict[str, str]:
    """Return the five labels by which a role's pods are told from all others (4.4)."""
    return {**cluster_labels(resolved), LABEL_ROLE: role_id, LABEL_HEADLESS: resolved.root.name}


def pretty_name(resolved: Resolved) -> dict[str, str]:
    """Return the annotation with the app's name for people."""
    return {PRETTY_NAME: resolved.app.label.name}


def merged(*maps: Mapping[str, str] | None) -> dict[str, str]:
    """Return the maps in one, sorted; later ones win, and None counts as empty."""
    joined: dict[str, str] = {}
    for found in maps:
        joined.update(found or {})
    return dict(sorted(joined.items()))


def made(
    kind: Kind, resolved: Resolved, name: str, *, labels: Mapping[str, str], annotations: Mapping[str, str]
) -> Json:
    """Return an object of this kind and name in the root's namespace, without content."""
    metadata: Json = {"name": name, "namespace": resolved.root.namespace, "labels": merged(labels)}
    if annotations:
        metadata["annotations"] = merged(annotations)
    return {"apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata}
