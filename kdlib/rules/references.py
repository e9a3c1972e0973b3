"""What a cluster's spec refers to: does it exist, and may the user who asks use it (2.3.4 to 2.3.6).

A fact that is not known refuses nothing. Existence is checked for roles that are new or change, rights for references
that are new: whoever only changes a member count needs no right to the Secret that the role mounts since long.

Layer: pure.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from kdlib.errors import Problem
from kdlib.frozen import dig
from kdlib.model import ClusterRole, ClusterSpec, Config
from kdlib.names import is_dns_subdomain
from kdlib.rules.meaning import role_meaning
from kdlib.rules.request import Access, Facts, ListNeed
from kdlib.wire import (
    CONFIG_MAP,
    KD_CLUSTER,
    PERSISTENT_VOLUME_CLAIM,
    SECRET,
    SERVICE_ACCOUNT,
    STORAGE_CLASS,
    Kind,
    Ref,
)

__all__ = [
    "CLASSES",
    "Reference",
    "accesses",
    "allowed_references",
    "changed_roles",
    "default_class",
    "existing_references",
    "filesystem_claims",
    "fresh_references",
    "known_default_class",
    "missing_connections",
    "references",
    "shareable_claims",
]

CLASSES = ListNeed(STORAGE_CLASS)
_DEFAULT_CLASS = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")


@dataclass(frozen=True, slots=True)
class Reference:
    """One object that a spec names: where, which, and the rule that wants it there.

    `role` is empty for what stands outside of roles. Rights to what is no secret of anybody are not reviewed.
    """

    role: str
    field: str
    path: str
    ref: Ref
    rule: str
    required: bool = True

    @property
    def is_private(self) -> bool:
        """Tell whether the user who asks must have the right to read the object."""
        return self.ref.kind != STORAGE_CLASS


def references(spec: ClusterSpec, namespace: str) -> Iterator[Reference]:
    """Yield all that the spec names, in its order."""
    if spec.default_secret:
        ref = Ref(SECRET, namespace, spec.default_secret.name)
        yield Reference("", "defaultSecret", "spec.defaultSecret.name", ref, "CL-V-33")
    for index, role in enumerate(spec.roles):
        for item in _of_role(role, namespace):
            yield replace(item, path=f"spec.roles[{index}].{item.path}")
    connected = (("clusters", KD_CLUSTER), ("configmaps", CONFIG_MAP), ("secrets", SECRET))
    for field, kind in connected:
        for index, name in enumerate(getattr(spec.connections, field)):
            path = f"spec.connections.{field}[{index}]"
            yield Reference("", field, path, Ref(kind, namespace, name), "CL-X-13", required=False)


def _of_role(role: ClusterRole, namespace: str) -> Iterator[Reference]:
    if role.service_account_name:
        field = "serviceAccountName"
        yield Reference(role.id, field, field, Ref(SERVICE_ACCOUNT, namespace, role.service_account_name), "CL-V-22")
    if role.secret:
        yield Reference(role.id, "secret", "secret.name", Ref(SECRET, namespace, role.secret.name), "CL-V-35")
    for index, item in enumerate(role.image_pull_secrets):
        field, path = "imagePullSecrets", f"imagePullSecrets[{index}].name"
        yield Reference(role.id, field, path, Ref(SECRET, namespace, item.name), "CL-X-33", required=False)
    if role.storage and role.storage.storage_class_name:
        ref = Ref(STORAGE_CLASS, "", role.storage.storage_class_name)
        yield Reference(role.id, "storage", "storage.storageClassName", ref, "CL-V-25")
    if role.block_storage:
        ref = Ref(STORAGE_CLASS, "", role.block_storage.storage_class_name)
        yield Reference(role.id, "blockStorage", "blockStorage.storageClassName", ref, "CL-X-14")
    for index, claim in enumerate(role.volume_projections):
        ref = Ref(PERSISTENT_VOLUME_CLAIM, namespace, claim.pvc_name)
        yield Reference(role.id, "volumeProjections", f"volumeProjections[{index}].pvcName", ref, "CL-V-38")


def changed_roles(spec: ClusterSpec, old: ClusterSpec | None) -> tuple[ClusterRole, ...]:
    """Return the roles that are new, or mean something else than they did, be it another number of members."""
    if old is None:
        return spec.roles
    before = {role.id: role_meaning(role) for role in old.roles}
    return tuple(role for role in spec.roles if before.get(role.id) != role_meaning(role))


def fresh_references(
    found: Iterable[Reference], roles: Iterable[ClusterRole], old: ClusterSpec | None
) -> Iterator[Reference]:
    """Yield the references of these roles, which are new or change, and those outside of roles that are new."""
    changed = {role.id for role in roles}
    outside = {_place(item) for item in references(old, "") if not item.role} if old else set()
    for item in found:
        if (item.role in changed) if item.role else (_place(item) not in outside):
            yield item


def accesses(found: Iterable[Reference], old: ClusterSpec | None) -> Iterator[tuple[Reference, Access]]:
    """Yield the right that each reference needs which the old spec has not at the same place."""
    before = {_place(item) for item in references(old, "")} if old else set()
    for item in found:
        if item.is_private and _place(item) not in before and is_dns_subdomain(item.ref.name):
            yield item, Access.of("get", item.ref)


def existing_references(found: Iterable[Reference], facts: Facts) -> Iterator[Problem]:
    """CL-V-22, CL-V-25, CL-V-33, CL-V-35, CL-V-38 and CL-X-14 (ours, block devices): what is used is there."""
    for item in found:
        if item.required and item.ref in facts.objects and facts.objects[item.ref] is None:
            what = f"{item.ref.kind.name} {item.ref.name!r} does not exist{_where(item.ref)}"
            yield Problem(item.path, what, "create it first, or correct the name", item.rule)


def missing_connections(found: Iterable[Reference], facts: Facts) -> Iterator[str]:
    """CL-X-13 and CL-X-33 (ours): say which object is not there yet that can do its work when it comes (W-34)."""
    for item in found:
        if not item.required and item.ref in facts.objects and facts.objects[item.ref] is None:
            yield f"{item.path}: {item.ref.kind.name} {item.ref.name!r} does not exist yet{_where(item.ref)}"


def allowed_references(found: Iterable[Reference], old: ClusterSpec | None, facts: Facts) -> Iterator[Problem]:
    """CL-V-22, CL-V-33, CL-V-35, CL-V-38, CL-X-13, CL-X-33: the user who asks may read what is used.

    W-13: resources are asked for by their plural, the object by its own name, and only a clear yes is one; what the
    original did not ask for at all is asked for: mounted and connected Secrets, ConfigMaps, clusters.
    """
    for item, access in accesses(found, old):
        if facts.check_access and facts.allowed.get(access) is False:
            what = f"you may not {access.verb} {access.resource} {item.ref.name!r}{_where(item.ref)}"
            yield Problem(
                item.path, what, "ask for the right to read it, or let somebody who has it do this", item.rule
            )


def filesystem_claims(spec: ClusterSpec, namespace: str, facts: Facts) -> Iterator[Problem]:
    """CL-V-38: a claim that is mounted holds a file system."""
    for index, role in enumerate(spec.roles):
        for number, item in enumerate(role.volume_projections):
            claim = facts.objects.get(Ref(PERSISTENT_VOLUME_CLAIM, namespace, item.pvc_name))
            if dig(claim, "spec", "volumeMode", default="Filesystem") != "Filesystem":
                path = f"spec.roles[{index}].volumeProjections[{number}].pvcName"
                what = f"claim {item.pvc_name!r} is a raw block device, which cannot be mounted"
                yield Problem(path, what, "use a claim of volumeMode Filesystem", "CL-V-38")


def shareable_claims(spec: ClusterSpec, namespace: str, facts: Facts) -> Iterator[Problem]:
    """CL-V-39 (c): a claim that only one node may use is mounted by at most one member of the cluster.

    W-53: members are counted, not mounts: one member may mount a claim twice.
    """
    users: dict[str, list[tuple[str, int]]] = {}
    for index, role in enumerate(spec.roles):
        first = {item.pvc_name: number for number, item in reversed(list(enumerate(role.volume_projections)))}
        for name, number in first.items():
            path = f"spec.roles[{index}].volumeProjections[{number}].pvcName"
            users.setdefault(name, []).append((path, role.members or 0))
    for name, found in users.items():
        claim = facts.objects.get(Ref(PERSISTENT_VOLUME_CLAIM, namespace, name))
        modes, total = dig(claim, "spec", "accessModes", default=[]), sum(count for _, count in found)
        if claim is not None and total > 1 and not {"ReadWriteMany", "ReadOnlyMany"}.intersection(modes):
            what = f"claim {name!r} can be mounted by one member, and {total} would mount it"
            remedy = "use a claim with access mode ReadWriteMany or ReadOnlyMany, or one member"
            yield from (Problem(path, what, remedy, "CL-V-39") for path, _ in found)


def known_default_class(spec: ClusterSpec, config: Config | None, facts: Facts) -> Iterator[Problem]:
    """CL-V-26 and CL-V-27: a role whose storage names no class gets one; told once, not for each role."""
    index = next((number for number, role in enumerate(spec.roles) if _needs_class(role)), None)
    if index is None:
        return
    path, configured = f"spec.roles[{index}].storage.storageClassName", _configured(config)
    if configured:
        ref = Ref(STORAGE_CLASS, "", configured)
        if ref in facts.objects and facts.objects[ref] is None:
            what = f"the default of the global configuration, {configured!r}, does not exist"
            yield Problem(path, what, "name a class here, or ask your administrator to correct it", "CL-V-27")
    elif CLASSES in facts.lists and default_class(None, facts) is None:
        what = "is required, for there is no default storage class"
        yield Problem(path, what, "name a class here, or ask your administrator for a default", "CL-V-26")


def default_class(config: Config | None, facts: Facts) -> str | None:
    """Return the class of storage that names none: the configured one, else the platform's, or None."""
    names = (
        str(dig(item, "metadata", "name"))
        for item in facts.lists.get(CLASSES, ())
        if any(dig(item, "metadata", "annotations", key) == "true" for key in _DEFAULT_CLASS)
    )
    return _configured(config) or next(iter(sorted(names)), None)


def _configured(config: Config | None) -> str | None:
    return config.spec.default_storage_class_name if config and config.spec else None


def _needs_class(role: ClusterRole) -> bool:
    return bool(role.storage and not role.storage.storage_class_name)


def _place(item: Reference) -> tuple[str, str, Kind, str]:
    return item.role, item.field, item.ref.kind, item.ref.name


def _where(ref: Ref) -> str:
    return f" in namespace {ref.namespace!r}" if ref.namespace else ""
