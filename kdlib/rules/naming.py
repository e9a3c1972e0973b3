"""Names of a cluster's objects: as recorded, else adopted, else new (specification 4.1).

A name, once in the status, is used for ever. An object of ours that no other living owner controls lends its name,
so a cluster restored by any tool finds its objects. Else prefix and five characters make a new name; they depend
on the root's UID, the role and a counter only, so two operators choose alike.

Layer: pure.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import count as counting

from kdlib.frozen import Json, dig, short_digest
from kdlib.model import Cluster, Seen
from kdlib.names import LABEL_CLUSTER, LABEL_ROLE, munged
from kdlib.wire import CONTROLLER_REVISION, PERSISTENT_VOLUME_CLAIM, SERVICE, STATEFUL_SET, Kind, Ref

__all__ = ["Names", "candidates", "is_made_for", "open_names"]

_SCHEMES = ("UID", "CrNameRole")
_LONGEST_PREFIX = 46
_SUFFIX = 5
"""Characters that make a name unlike others: ours of a digest, those of other operators by chance."""
_TRIED = 8
"""More names than a root ever finds taken."""
_POD_NAME = "statefulset.kubernetes.io/pod-name"
_GOING = ("metadata", "deletionTimestamp")


class Names:
    """Chooses the names of one cluster's objects from what was seen.

    CL-X-47: claims and Services that outlived their StatefulSet tell its name, so that it finds them again.
    """

    def __init__(self, cluster: Cluster, seen: Seen, scheme: str) -> None:
        self._cluster = cluster
        self._seen = seen
        self._scheme = scheme

    def cluster_service(self) -> str:
        """Return the name of the headless Service."""
        stored = self._cluster.status.cluster_service if self._cluster.status else ""
        prefix = _service_prefix(self._scheme, self._cluster.name)
        headless = (item for item in self._objects(SERVICE) if dig(item, "spec", "clusterIP") == "None")
        return stored or self._adopted(headless, "") or self._new(SERVICE, prefix, "")

    def stateful_set(self, role: str) -> str:
        """Return the name of the StatefulSet of a role."""
        known = self._cluster.status.roles if self._cluster.status else ()
        stored = next((item.stateful_set for item in known if item.id == role), "")
        prefix = _set_prefix(self._scheme, self._cluster.name, role)
        adopted = stored or self._adopted(self._objects(STATEFUL_SET), role)
        return adopted or self._of_members(role) or self._new(STATEFUL_SET, prefix, role)

    def app_copy(self, app: str, *, replaced: bool = False) -> str:
        """Return the name of the ControllerRevision that holds the app; a further one where it is replaced."""
        if replaced:
            return self._new(CONTROLLER_REVISION, "kdapp-", "")
        reserved = self._cluster.status.reserved if self._cluster.status else None
        copies = (item for item in self._objects(CONTROLLER_REVISION) if dig(item, "data", "app") == app)
        stored = reserved.app_copy if reserved else ""
        return stored or self._adopted(copies, "") or self._new(CONTROLLER_REVISION, "kdapp-", "")

    def _objects(self, kind: Kind) -> Iterator[Json]:
        return (item for item in self._seen.children if item.get("kind") == kind.name)

    def _adopted(self, items: Iterable[Json], role: str) -> str:
        """Return the name of the first object that is ours by its labels and free to be taken; ours by UID first."""
        names = []
        for item in items:
            labels = dig(item, "metadata", "labels", default={})
            ours = labels.get(LABEL_CLUSTER) == self._cluster.name and labels.get(LABEL_ROLE, "") == role
            if ours and not self._held(item) and not dig(item, *_GOING):
                names.append((self._owner_uid(item) != self._cluster.uid, str(dig(item, "metadata", "name"))))
        return min(names)[1] if names else ""

    def _of_members(self, role: str) -> str:
        """Return the name of the set whose members' claims and Services outlived it.

        What a former self still owns is on its way out with it, and tells nothing; nor does a stray one, labelled like
        ours, whose set has no name that an operator gives. Of several the one made for this very root is taken, else
        the one of which most is left.
        """
        names: Counter[str] = Counter()
        for item in (*self._objects(PERSISTENT_VOLUME_CLAIM), *self._objects(SERVICE)):
            labels = dig(item, "metadata", "labels", default={})
            ours = labels.get(LABEL_CLUSTER) == self._cluster.name and labels.get(LABEL_ROLE) == role
            if ours and self._owner_uid(item) in ("", self._cluster.uid) and not dig(item, *_GOING):
                names[_set_of(item)] += 1
        taken = {dig(item, "metadata", "name") for item in self._objects(STATEFUL_SET)}
        fitting = [name for name in names if name not in taken and _is_given(name, self._cluster.name, role)]
        uid = self._cluster.uid
        return min(fitting, key=lambda name: (not is_made_for(name, uid, role), -names[name], name), default="")

    def _new(self, kind: Kind, prefix: str, role: str) -> str:
        """Return the first name that no object seen has."""
        taken = {dig(item, "metadata", "name") for item in self._objects(kind)}
        taken |= {ref.name for ref, item in self._seen.related if ref.kind == kind and item is not None}
        return next(name for name in candidates(prefix, self._cluster.uid, role) if name not in taken)

    def _owner_uid(self, item: Json) -> str:
        return str(_controller(item).get("uid", ""))

    def _held(self, item: Json) -> bool:
        """Tell whether another living owner controls the object.

        A controller of our root's kind and name with another UID is our root before it was deleted and restored. A
        namesake of another kind is somebody else: its objects have the same cluster label, and are not ours.
        """
        owner = _controller(item)
        if not owner or owner.get("uid") == self._cluster.uid:
            return False
        group = str(owner.get("apiVersion", "")).rpartition("/")[0]
        ours = (self._cluster.ref.kind.group, self._cluster.kind, self._cluster.name)
        return (group, owner.get("kind"), owner.get("name")) != ours


def candidates(prefix: str, uid: str, role: str, count: int | None = None) -> Iterator[str]:
    """Yield the names to try, in order: prefix and five characters for each counter 0, 1, 2 ..."""
    for counter in counting() if count is None else range(count):
        yield prefix + short_digest(uid, role, counter)


def is_made_for(stateful_set: str, uid: str, role: str) -> bool:
    """Tell whether the name of a StatefulSet was made for this role of the root with this UID, and no other."""
    return any(stateful_set.endswith(suffix) for suffix in candidates("", uid, role, count=_TRIED))


def open_names(cluster: Json) -> Iterator[Ref]:
    """Yield the first names that a cluster may choose and has not chosen yet, so that their holders are looked up.

    Works on any object, however wrong.
    """
    namespace, name, uid = (str(dig(cluster, "metadata", key, default="")) for key in ("namespace", "name", "uid"))
    if not (name and uid):
        return
    has_service = bool(dig(cluster, "status", "clusterService"))
    roles = sorted(set(_role_ids(cluster, "spec")).difference(_role_ids(cluster, "status")))
    for scheme in _SCHEMES:
        if not has_service:
            names = candidates(_service_prefix(scheme, name), uid, "", count=2)
            yield from (Ref(SERVICE, namespace, item) for item in names)
        for role in roles:
            names = candidates(_set_prefix(scheme, name, role), uid, role, count=2)
            yield from (Ref(STATEFUL_SET, namespace, item) for item in names)


def _role_ids(cluster: Json, part: str) -> list[str]:
    roles = dig(cluster, part, "roles")
    return [str(dig(role, "id", default="")) for role in roles] if isinstance(roles, list) else []


def _set_of(item: Json) -> str:
    """Return the set of the member that a claim or a Service is for; empty where it is for none."""
    name = str(dig(item, "metadata", "name")).partition("-")[2]
    pod = dig(item, "spec", "selector", _POD_NAME, default="") if item.get("kind") == SERVICE.name else name
    found, _, ordinal = str(pod).rpartition("-")
    return found if ordinal.isdecimal() else ""


def _service_prefix(scheme: str, cluster: str) -> str:
    return "kdhs-" if scheme == "UID" else _alphabetic(cluster)


def _is_given(stateful_set: str, cluster: str, role: str) -> bool:
    """Tell whether an operator gives the set of the role such a name: a prefix, and five characters more."""
    prefixes = (_set_prefix(scheme, cluster, role) for scheme in _SCHEMES)
    rest = (stateful_set.removeprefix(prefix) for prefix in prefixes if stateful_set.startswith(prefix))
    return any(len(item) == _SUFFIX and item.isalnum() for item in rest)


def _set_prefix(scheme: str, cluster: str, role: str) -> str:
    return "kdss-" if scheme == "UID" else _alphabetic(f"{cluster}-{role}") + "-"


def _controller(item: Json) -> Json:
    owners = dig(item, "metadata", "ownerReferences", default=[])
    return next((owner for owner in owners if owner.get("controller")), {})


def _alphabetic(text: str) -> str:
    """Shorten the text for a name (KO-04), and make it start with a letter, as Services had to before Kubernetes 1.36.

    With the letters it is as short as without: a revision's hash, 63 characters in all, is a label of every pod.
    """
    short = munged(text)
    return short if short[:1].isalpha() else f"kd-{munged(text, _LONGEST_PREFIX - 3)}"
