"""A write to a cluster that is to be reviewed: both objects, and what is known about them.

Layer: pure.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property

from kdlib.errors import RefusedError
from kdlib.frozen import dig
from kdlib.model import (
    CONFIG_NAME,
    Cluster,
    ClusterRole,
    ClusterSpec,
    ClusterStatus,
    Config,
    Seen,
    parse_cluster,
    parse_config,
)
from kdlib.names import GROUP
from kdlib.rules.keyring import Keyring, keyring_of
from kdlib.rules.lookup import app_places
from kdlib.rules.meaning import spec_meaning
from kdlib.rules.references import Reference, changed_roles, fresh_references, references
from kdlib.rules.request import Access, Facts, Request
from kdlib.rules.restoring import comes_from_backup, is_restoring
from kdlib.rules.secret_keys import StoredKeys, as_stored, with_ciphertexts
from kdlib.rules.written_status import by_operator
from kdlib.wire import CONTROLLER_REVISION, KD_CONFIG, KD_STATUS_BACKUP, Ref

__all__ = ["ClusterWrite", "read_write", "unreadable"]

_SOME_TIME = datetime(2000, 1, 1, tzinfo=UTC)
"""No rule asks for the time."""


@dataclass(frozen=True)
class ClusterWrite:
    """A creation or an update; `new` carries the status that is stored, `old` is None where there is no old object.

    `old` is None too where the stored object cannot be read: nothing of it can be held then.
    """

    request: Request
    facts: Facts
    new: Cluster
    old: Cluster | None

    @property
    def old_spec(self) -> ClusterSpec | None:
        """Return the stored spec."""
        return self.old.spec if self.old else None

    @cached_property
    def status(self) -> ClusterStatus:
        """Return the stored status; what a writer sends along never counts."""
        return self.new.status or ClusterStatus()

    @property
    def namespace(self) -> str:
        """Return the cluster's namespace."""
        return self.request.namespace

    @property
    def is_restored(self) -> bool:
        """Tell whether the cluster is made again from a backup."""
        return self.request.operation == "CREATE" and comes_from_backup(self.request.new or {})

    @property
    def was_restoring(self) -> bool:
        """Tell whether the stored cluster is paused."""
        return self.request.operation == "UPDATE" and is_restoring(self.request.old or {})

    @property
    def resumes(self) -> bool:
        """Tell whether the write ends the pause of a cluster that is being restored."""
        return self.was_restoring and not is_restoring(self.request.new or {})

    @cached_property
    def changes_nothing(self) -> bool:
        """Tell whether the spec means what it meant."""
        if self.request.operation == "CREATE":
            return False
        if dig(self.request.new, "spec") == dig(self.request.old, "spec"):
            return True
        return self.old is not None and spec_meaning(self.meant) == spec_meaning(self.old.spec)

    @property
    def asks_access(self) -> bool:
        """Tell whether the rights of the user who asks are reviewed; the operator ends pauses for others."""
        return self.facts.check_access and not by_operator(self.request, self.facts)

    @property
    def config_ref(self) -> Ref:
        """Return the name of the global configuration."""
        return Ref(KD_CONFIG, self.facts.system_namespace, CONFIG_NAME)

    @cached_property
    def config(self) -> Config | None:
        """Return the global configuration, as far as it is known and can be read."""
        stored = self.facts.objects.get(self.config_ref)
        try:
            return parse_config(stored) if stored else None
        except RefusedError:
            return None

    @cached_property
    def keyring(self) -> Keyring:
        """Return the keys of secret values."""
        return keyring_of(self.facts.objects.get(self.config_ref))

    @cached_property
    def stored_keys(self) -> StoredKeys:
        """Return the secret keys that are stored."""
        return StoredKeys.of(self.old_spec)

    @cached_property
    def protected(self) -> ClusterSpec:
        """Return the new spec with its secret keys encrypted, as it is stored."""
        return with_ciphertexts(self.new.spec, self.stored_keys, self.keyring, self.facts.entropy)

    @cached_property
    def meant(self) -> ClusterSpec:
        """Return the new spec as it compares with the stored one: what was encrypted anew is no change."""
        return as_stored(self.protected, self.stored_keys, self.keyring)

    @cached_property
    def references(self) -> tuple[Reference, ...]:
        """Return all that the new spec refers to."""
        return tuple(references(self.new.spec, self.namespace))

    @cached_property
    def fresh(self) -> tuple[Reference, ...]:
        """Return the references of what is new or changes."""
        return tuple(fresh_references(self.references, self.changed_roles, self.old_spec))

    @cached_property
    def changed_roles(self) -> tuple[ClusterRole, ...]:
        """Return the roles that are new or change."""
        return changed_roles(self.meant, self.old_spec)

    @cached_property
    def app_refs(self) -> tuple[Ref, ...]:
        """Return where the app may be found: the cluster's own copy, and the app that it names."""
        reserved, spec = self.status.reserved, self.new.spec
        named = {"metadata": {"namespace": self.namespace}, "spec": {"app": spec.app, "appCatalog": spec.app_catalog}}
        places = app_places(named, self.facts.system_namespace)
        if not (reserved and reserved.app_copy):
            return places
        return (Ref(CONTROLLER_REVISION, self.namespace, reserved.app_copy), *places)

    def backup_access(self) -> Iterator[Access]:
        """Yield the right by which one who restores ciphertexts is told from one who brings stolen ones (CL-V-36)."""
        if any(item.encrypted_value and not item.value for role in self.new.spec.roles for item in role.secret_keys):
            yield Access("create", GROUP, KD_STATUS_BACKUP.plural, self.namespace, self.new.name)

    @cached_property
    def seen(self) -> Seen | None:
        """Return the facts as *resolve* sees them; None where it is not known yet whether there is an app."""
        known = [(ref, self.facts.objects[ref]) for ref in self.app_refs if ref in self.facts.objects]
        if len(known) < len(self.app_refs) and not any(item for _, item in known):
            return None
        copies = tuple(
            {**item, "kind": ref.kind.name} for ref, item in known if ref.kind == CONTROLLER_REVISION and item
        )
        related = [(ref, item) for ref, item in known if ref.kind != CONTROLLER_REVISION]
        related += [(self.config_ref, self.facts.objects.get(self.config_ref))]
        return Seen(_SOME_TIME, self.request.new or {}, children=copies, related=tuple(related))


def read_write(request: Request, facts: Facts) -> ClusterWrite | None:
    """Read both objects; None for a write that is no creation or update of the object itself.

    Raises RefusedError where the new object cannot be read.
    """
    if request.subresource or request.operation == "DELETE" or request.new is None:
        return None
    return request.once(_write, facts)


def unreadable(request: Request) -> RefusedError | None:
    """Return why the new object cannot be read, or None where it can."""
    match request.once(_read):
        case RefusedError() as error:
            return error
        case _:
            return None


def _write(request: Request, facts: Facts) -> ClusterWrite:
    match request.once(_read):
        case RefusedError() as error:
            # One that is kept holds on to no frames, so a new one is raised.
            raise RefusedError(error.subject, error.problems)
        case _Objects(new, old):
            # What a request keeps does not refer to the request: nothing then waits for the garbage collector.
            return ClusterWrite(replace(request), facts, new, old)


@dataclass(frozen=True, slots=True)
class _Objects:
    """Both objects of a write; `old` is None where there is none that can be read."""

    new: Cluster
    old: Cluster | None


def _read(request: Request) -> _Objects | RefusedError:
    try:
        return _Objects(_new(request), _old(request) if request.operation == "UPDATE" else None)
    except RefusedError as error:
        return RefusedError(error.subject, error.problems)


def _new(request: Request) -> Cluster:
    given = request.new or {}
    metadata = given.get("metadata")
    named = {**(metadata if isinstance(metadata, dict) else {}), "namespace": request.namespace}
    if request.name:
        named["name"] = request.name
    status = dig(request.old, "status") if request.operation == "UPDATE" else None
    try:
        return parse_cluster({**given, "metadata": named, "status": status})
    except RefusedError as error:
        # A stored status that cannot be read says nothing about the spec.
        if not all(problem.path.startswith("status") for problem in error.problems):
            raise
        return parse_cluster({**given, "metadata": named, "status": None})


def _old(request: Request) -> Cluster | None:
    try:
        return parse_cluster({**(request.old or {}), "status": None})
    except RefusedError:
        return None
