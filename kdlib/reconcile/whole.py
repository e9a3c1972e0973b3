"""Waiting until the caches show all of a root that was made again, before names are chosen for what it lacks.

Layer: shell.
"""

from kdlib.errors import WorldError
from kdlib.frozen import Json, dig
from kdlib.graph import controller_of
from kdlib.kube import Api, Selection
from kdlib.names import LABEL_CLUSTER
from kdlib.reconcile.view import View
from kdlib.rules import was_known
from kdlib.wire import CONTROLLER_REVISION, PERSISTENT_VOLUME_CLAIM, SERVICE, STATEFUL_SET

__all__ = ["wait_for_the_whole"]

_NAMED = (STATEFUL_SET, SERVICE, PERSISTENT_VOLUME_CLAIM, CONTROLLER_REVISION)
"""The kinds whose objects tell the names of a cluster that has no status."""


async def wait_for_the_whole(api: Api, view: View, root: Json) -> None:
    """Raise WorldError where the storage holds objects of a root made again that the caches do not show yet.

    Each kind is watched by itself: a cluster that came back last may be seen first, and would get a second set of
    objects under other names. A root that nobody looked after before costs no request.
    """
    if not was_known(root):
        return
    namespace, name = str(dig(root, "metadata", "namespace", default="")), root["metadata"]["name"]
    for kind, names in view.shown(root, _NAMED).items():
        listing = await api.list(Selection(kind, namespace, labels=f"{LABEL_CLUSTER}={name}"))
        untold = sorted({obj["metadata"]["name"] for obj in listing.items if not _is_of_set(obj)} - names)
        if untold:
            raise WorldError(f"{kind.name} {namespace}/{untold[0]} is there, and was not told of yet")


def _is_of_set(obj: Json) -> bool:
    """Tell whether it is a revision that a StatefulSet keeps of itself: it names nothing."""
    controller = controller_of(obj) or {}
    return bool(obj["kind"] == CONTROLLER_REVISION.name and controller.get("kind") == STATEFUL_SET.name)
