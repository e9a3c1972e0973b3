"""Which objects a controller's object owns: what it controls and selects still, and orphans that it may adopt.

Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/owners-dependents/.

Layer: shell.
"""

from collections.abc import Callable, Iterable

from kdlib.errors import NotFoundError
from kdlib.frozen import Json
from kdlib.sandbox.controllers.desk import Desk
from kdlib.sandbox.controllers.objects import controller_reference
from kdlib.sandbox.controllers.pods import controller_uid, is_terminating
from kdlib.wire import from_label_selector

__all__ = ["claim"]


def claim(
    desk: Desk,
    owner: Json,
    candidates: Iterable[Json],
    *,
    accepts: Callable[[Json], bool] = lambda _: True,
) -> list[Json]:
    """Adopt and release what the owner's selector says; return what the owner has afterwards.

    `candidates` are its dependents and the orphans of its namespace. An owner on its way out changes nothing.
    """
    selector, uid = from_label_selector(owner["spec"].get("selector")), owner["metadata"]["uid"]
    leaving = is_terminating(owner)
    owned = []
    for each in candidates:
        controller = controller_uid(each)
        wanted = selector.matches(each["metadata"].get("labels")) and accepts(each)
        if controller == uid and wanted:
            owned.append(each)
            continue
        to_release = controller == uid
        to_adopt = wanted and _is_free(each)
        if leaving or not (to_release or to_adopt):
            continue
        if changed := _owned(desk, owner, each, adopt=to_adopt):
            owned.append(changed)
    return owned


def _is_free(candidate: Json) -> bool:
    return not controller_uid(candidate) and not is_terminating(candidate)


def _owned(desk: Desk, owner: Json, obj: Json, *, adopt: bool) -> Json | None:
    """Add or remove the owner; returns the object only where it is the owner's now."""
    references = list(obj["metadata"].get("ownerReferences") or ())
    others = [each for each in references if each["uid"] != owner["metadata"]["uid"]]
    changed = [*others, controller_reference(owner)] if adopt else others
    try:
        stored = desk.update_metadata(obj, ownerReferences=changed or None)
    except NotFoundError:
        return None
    return stored if adopt else None
