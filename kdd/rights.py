"""The rights that the daemon needs, each with its reason: the one source of manifests, chart and reference.

Layer: pure.
"""

from dataclasses import dataclass
from enum import Enum

from kdlib.wire import (
    CONFIG_MAP,
    CONTROLLER_REVISION,
    CORE_EVENT,
    EVENT,
    KD_APP,
    KD_CLUSTER,
    KD_CONFIG,
    KD_STATUS_BACKUP,
    LEASE,
    PERSISTENT_VOLUME_CLAIM,
    POD,
    POD_DISRUPTION_BUDGET,
    SECRET,
    SERVICE,
    SERVICE_ACCOUNT,
    STATEFUL_SET,
    STORAGE_CLASS,
    Kind,
)

__all__ = ["DAEMON", "USERS", "Place", "Right", "UserRole"]


class Place(Enum):
    """Where a right is needed."""

    CLUSTERS = "where clusters are"
    SYSTEM = "system namespace"
    KUBERNETES = "all of Kubernetes"


@dataclass(frozen=True, slots=True)
class Right:
    """One rule of a Role: what may be done with objects of one resource, of these names where there are any."""

    kind: Kind
    verbs: tuple[str, ...]
    why: str
    place: Place = Place.CLUSTERS
    subresource: str = ""
    names: tuple[str, ...] = ()
    reviews: tuple[str, ...] = ()
    """Those of the verbs that the webhook alone needs."""

    @property
    def alone(self) -> tuple[str, ...]:
        """Return the verbs that a daemon needs who looks after one namespace alone, without a webhook."""
        if self.place is Place.KUBERNETES:
            return ()
        return tuple(verb for verb in self.verbs if verb not in self.reviews)

    @property
    def resource(self) -> str:
        """Return the resource as a rule names it."""
        return f"{self.kind.plural}/{self.subresource}" if self.subresource else self.kind.plural


@dataclass(frozen=True, slots=True)
class UserRole:
    """What users of apps and clusters get, who have Kubernetes' own role of that name."""

    name: str
    kinds: tuple[Kind, ...]
    verbs: tuple[str, ...]


_READ = ("get", "list", "watch")
_FOLLOW = ("list", "watch")
_KEEP = ("create", "delete", "list", "patch", "watch")
_GET = ("get",)
_REVIEWS = Kind("authorization.k8s.io/v1", "SubjectAccessReview", namespaced=False)
_HOOKS = tuple(
    Kind("admissionregistration.k8s.io/v1", f"{name}WebhookConfiguration", namespaced=False)
    for name in ("Mutating", "Validating")
)
_NAMED = ("kubedirector",)
_NAMED_HOOK = ("kubedirector-webhook",)

DAEMON = (
    Right(KD_CLUSTER, (*_READ, "patch"), "follows them; reads them again before what cannot be undone; marks them"),
    Right(KD_CLUSTER, ("patch",), "writes their status", subresource="status"),
    Right(KD_APP, (*_READ, "patch"), "follows them; holds those that are in use by a finalizer", reviews=_GET),
    Right(
        KD_CONFIG,
        (*_READ, "patch"),
        "follows the global configuration; holds it while there are clusters",
        reviews=_GET,
    ),
    Right(KD_CONFIG, ("patch",), "writes its status", subresource="status"),
    Right(KD_STATUS_BACKUP, _KEEP, "keeps a backup of each status, where the configuration asks for it"),
    Right(STATEFUL_SET, _KEEP, "keeps one for each role"),
    Right(SERVICE, (*_KEEP, "get"), "keeps those of clusters and members; looks for the webhook's own", reviews=_GET),
    Right(CONTROLLER_REVISION, (*_KEEP, "get"), "keeps each cluster's copy of its app; reviews read it", reviews=_GET),
    Right(POD_DISRUPTION_BUDGET, _KEEP, "keeps those of roles that have one"),
    Right(POD, ("delete", *_FOLLOW), "follows members; ends those that get a new pod"),
    Right(POD, ("create", "get"), "sets members up; servers since 1.35 ask for both verbs", subresource="exec"),
    Right(
        PERSISTENT_VOLUME_CLAIM,
        (*_READ, "delete", "patch"),
        "gives them their owner; ends those not retained",
        reviews=_GET,
    ),
    Right(
        SECRET,
        (*_KEEP, "get"),
        "keeps hidden tokens and the webhook's certificate; follows connected ones by name",
        reviews=_GET,
    ),
    Right(CONFIG_MAP, _READ, "follows connected ones by name", reviews=_GET),
    Right(SERVICE_ACCOUNT, _GET, "refuses roles that name one that is missing", reviews=_GET),
    Right(CORE_EVENT, _FOLLOW, "reads why Kubernetes could make no pod"),
    Right(EVENT, ("create",), "tells what happens to clusters"),
    Right(LEASE, ("create",), "takes turns with other daemons", Place.SYSTEM),
    Right(LEASE, ("get", "patch", "watch"), "takes turns with other daemons", Place.SYSTEM, names=_NAMED),
    Right(STORAGE_CLASS, _FOLLOW, "tells whether the class that is asked for exists", Place.KUBERNETES),
    Right(_REVIEWS, ("create",), "asks whether a user may read what a cluster refers to", Place.KUBERNETES),
    *(
        Right(
            kind,
            ("create", "get", "list", "patch", "watch"),
            "registers the webhook",
            Place.KUBERNETES,
            names=_NAMED_HOOK,
        )
        for kind in _HOOKS
    ),
)
"""All that the daemon ever asks for; what every authenticated account may do anyway is not repeated."""

_CHANGE = ("create", "delete", "deletecollection", "patch", "update")
USERS = (
    UserRole("view", (KD_APP, KD_CLUSTER), _READ),
    UserRole("edit", (KD_APP, KD_CLUSTER), _CHANGE),
    UserRole("admin", (KD_STATUS_BACKUP,), (*_READ, *_CHANGE)),
)
"""What Kubernetes' own roles get beside; each has what the one before it has."""
