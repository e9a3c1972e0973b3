"""What one pass passes on from step to step: Seen, guest facts, Resolved, Life, Outcome. All frozen.

observe gives Seen; resolve gives Resolved; build advances the members (Life) and computes the objects;
apply gives Outcome; report turns Seen, Life and Outcome into a status.

Layer: pure.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from kdlib.frozen import Json
from kdlib.model.app import AppRole, AppSpec
from kdlib.model.cluster import ClusterRole, ClusterSpec
from kdlib.model.status import ClusterStatus, Reserved
from kdlib.model.withheld import without_secrets
from kdlib.wire import Ref

__all__ = [
    "Action",
    "Connection",
    "Finished",
    "GuestFact",
    "Life",
    "Notify",
    "Outcome",
    "Resolved",
    "ResolvedRole",
    "Rollout",
    "Seen",
    "SetUp",
    "Stalled",
    "UnderWay",
    "WatchCopy",
]


@dataclass(frozen=True, slots=True)
class Finished:
    """The operation came to its end inside the container; tails are the last characters of its output."""

    exit_code: int
    stdout_tail: str = ""
    stderr_tail: str = ""
    detail: str = ""
    """Why, in words, where the operation failed outside the start script (package not fetched, guard held)."""
    generation: int = 0
    """Spec generation of the configmeta that the operation wrote; 0 where it wrote none."""
    resumed: bool = False
    """True where a set-up found its work done on the persistent volume in an earlier container life."""


@dataclass(frozen=True, slots=True)
class Stalled:
    """The operation did not come to an end: the member cannot be reached, or runs on. It is taken up again."""

    message: str


@dataclass(frozen=True, slots=True)
class UnderWay:
    """The operation goes on; `words` are the last that it said, `seconds` is for how long it has been running."""

    seconds: int = 0
    words: str = ""


@dataclass(frozen=True, slots=True)
class GuestFact:
    """What is known of one operation inside one container life of one member.

    `operation` is the key of the action that it belongs to (`Action.key`).
    """

    pod: str
    container: str
    operation: str
    result: Finished | Stalled | UnderWay


@dataclass(frozen=True, slots=True)
class SetUp:
    """Set the member up: configmeta, configcli, package, `startscript --configure`, at most once per attempt."""

    pod: str
    container: str
    attempt: int
    generation: int = 0
    """Spec generation of the configmeta to write."""
    from_scratch: bool = False
    """True to run the start script whatever an earlier container life left on the persistent volume."""
    done_before: bool = False
    """True for a member that was set up well on its volume, whatever a later run of the start script left there."""

    @property
    def key(self) -> str:
        """Return the name of the operation, unique within the container's life."""
        return f"setup-{self.attempt}"


@dataclass(frozen=True, slots=True)
class Notify:
    """Write the configmeta of `generation`; then, where there are arguments, run the start script with them."""

    pod: str
    container: str
    change: str
    """Names the change in the guard; a refresh without arguments is named by its generation."""
    generation: int
    arguments: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Return the name of the operation, unique within the container's life."""
        return f"notify-{self.change}"

    @property
    def event(self) -> str:
        """Return the event that the start script is called for; empty for a refresh."""
        return self.arguments[0].lstrip("-") if self.arguments else ""


@dataclass(frozen=True, slots=True)
class WatchCopy:
    """Look how far the init container, `container`, has come with the first copy onto the member's volume."""

    pod: str
    container: str

    @property
    def key(self) -> str:
        """Return the name of the operation."""
        return "storage-init"


Action: TypeAlias = SetUp | Notify | WatchCopy


@dataclass(frozen=True, repr=False)
class Seen:
    """All that may influence one pass over one root. A bug report is this as JSON, passed through `without_secrets`.

    `children` are the objects that carry the root's cluster label or name it as owner: StatefulSets, Services,
    claims, ControllerRevisions, Pods, in any order. `related` holds objects that the root refers to; None means
    that it was looked for and is not there.
    """

    now: datetime
    root: Json
    children: tuple[Json, ...] = ()
    related: tuple[tuple[Ref, Json | None], ...] = ()
    facts: tuple[GuestFact, ...] = ()
    entropy: str = field(default="", repr=False)
    """Fresh random hex digits, at least 32, drawn for this pass alone: secrets reserved in it are derived from them.

    While it is empty no secret is reserved. It is left out of bug reports.
    """
    unreadable: tuple[tuple[Ref, str], ...] = ()
    """Objects that the root refers to and that nobody could look up yet, with the server's words."""

    def __repr__(self) -> str:
        """Show what was seen without any secret value (law 7)."""
        related = [
            (str(ref), None if item is None else without_secrets({**item, "kind": ref.kind.name}))
            for ref, item in self.related
        ]
        shown = f"root={without_secrets(self.root)!r}, children={without_secrets(self.children)!r}"
        return f"Seen(now={self.now!r}, {shown}, related={related!r}, facts={self.facts!r})"


@dataclass(frozen=True)
class ResolvedRole:
    """One role of the cluster: wanted by the spec, or on its way out (`spec` is None then)."""

    id: str
    app: AppRole
    spec: ClusterRole | None
    wanted: int
    """Member count that the spec asks for; 0 for a role that left it."""
    stateful_set: str
    """Reserved name; the pods are `<stateful_set>-<ordinal>`."""
    has_ports: bool = False

    @property
    def image(self) -> str | None:
        """Return the image of the role's members: the cluster's, else the app's."""
        return (self.spec and self.spec.image_repo_tag) or self.app.image_repo_tag


@dataclass(frozen=True)
class Connection:
    """One object that the spec's connections name: as it was found, or why members are not told of it.

    `found` is a ConfigMap or Secret, also one that members are not told of; `cluster` is a cluster, answered from
    what it stored itself. `problem` says in words why members are told nothing, and is empty where they are.
    """

    ref: Ref
    found: Json | None = field(default=None, repr=False)
    cluster: "Resolved | None" = field(default=None, repr=False)
    problem: str = ""
    is_known: bool = True
    """False where nobody could look: it may be there or not, and what was known of it before still counts."""


@dataclass(frozen=True)
class Resolved:
    """A cluster with all questions answered: what is wanted, under which names, from which app."""

    seen: Seen
    root: Ref
    uid: str
    generation: int
    app_name: str
    app: AppSpec
    """The app as resolved: from the cluster's own copy where there is one, with its defaults in every role."""
    spec: ClusterSpec
    """The cluster's spec with defaults applied."""
    reserved: Reserved
    cluster_service: str
    roles: tuple[ResolvedRole, ...]
    status: ClusterStatus
    """The status as stored, decoded; empty for a new cluster."""
    connections: tuple[Connection, ...] = ()
    """What the spec is connected to, in its order, each once."""
    unheld: tuple[str, ...] = ()
    """What cannot be held without the webhook, in words."""
    not_accepted: tuple[str, ...] = ()
    """Changes of the spec that a running cluster cannot make, in words; what was accepted before is in force."""
    former_app: AppSpec | None = None
    """The app that the cluster ran until now, in the pass that moves it to another one."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """How far a change of the spec, or a restart that was asked for, has come with the members that it is about."""

    done: int
    total: int
    words: str
    """What happens now, or what keeps it from going on."""
    is_stopped: bool = False
    """True where it does not go on before somebody acts."""
    is_upgrade: bool = True
    """False where nothing but restarts that were asked for is left."""


@dataclass(frozen=True)
class Life:
    """The members as they stand after this pass, and what is to be done inside them.

    `status` is the stored status with members, generations and reservations advanced; rollup, conditions and state
    are the report's. Actions come only from what is recorded already.
    """

    status: ClusterStatus
    actions: tuple[Action, ...] = ()
    reservation_pending: bool = False
    """True when the status must be recorded before anything else is written or executed."""
    replicas: tuple[tuple[str, int], ...] = ()
    """Wanted replicas by role id."""
    paused: bool = False
    """True for a paused cluster: nothing is decided, written or executed; what is there stays."""
    renewals: tuple[str, ...] = ()
    """Pods of members whose turn it is to get a new one."""
    rollout: Rollout | None = None
    """How far the members are behind what the spec says; None where all have it."""
    again_seconds: float | None = None
    """When to look again at the latest, though nothing changes: then a pod's waiting counts as trouble."""


@dataclass(frozen=True)
class Outcome:
    """What happened when the plan was applied: objects refused or unreachable, with the server's words."""

    applied: tuple[Ref, ...] = ()
    deleted: tuple[Ref, ...] = ()
    failures: tuple[tuple[Ref, str], ...] = field(default=())
