"""Rules of ours for what users write freely: no text gets into an object that an API server would then refuse.

Nor into a shell, a path or a URL that it could break out of. What the specification's original accepts and could run
passes.

Layer: pure.
"""

import posixpath
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from kdlib.errors import Problem
from kdlib.model import AppSpec, BlockStorage, ClusterRole, ClusterSpec, FileInjection, KdSecret, Reserved
from kdlib.names import is_dns_subdomain
from kdlib.rules.affinity import affinity_problems
from kdlib.rules.disruption import one_bound, possible_bounds
from kdlib.rules.metadata import MOST_ANNOTATION_BYTES, annotation_bytes, is_label_key
from kdlib.rules.scheduling import scheduling_problems

__all__ = [
    "MOST_BLOCK_DEVICES",
    "bounded_annotations",
    "bounded_devices",
    "fetched_files",
    "fitness_problems",
    "has_control_characters",
    "image_has_no_blanks",
    "known_resources",
    "readable_secret",
    "settable_permissions",
    "sound_paths",
    "valid_names",
]

MOST_BLOCK_DEVICES = 1000
"""Most raw devices of a member: far more than any node attaches, few enough for one StatefulSet."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_STANDARD = frozenset({"cpu", "memory", "ephemeral-storage"})
_HIGHEST_MODE = 0o7777
_SPARE_ANNOTATION_BYTES = 1024


def has_control_characters(text: str) -> bool:
    """Tell whether the text holds a control character, such as a line's end, which no name or path has."""
    return _CONTROL.search(text) is not None


def fitness_problems(spec: ClusterSpec, app: AppSpec | None, reserved: Reserved) -> Iterator[Problem]:
    """Yield what would be refused later, or could not run; `app` is None where it is not known."""
    if spec.default_secret and not is_dns_subdomain(spec.default_secret.name):
        yield _no_name("spec.defaultSecret.name", spec.default_secret.name)
    yield from readable_secret(spec.default_secret, "spec.defaultSecret")
    for index, role in enumerate(spec.roles):
        path = f"spec.roles[{index}]"
        yield from known_resources(role, path)
        yield from image_has_no_blanks(role, path)
        yield from valid_names(role, path, inherited=role.secret == spec.default_secret)
        yield from sound_paths(role, path)
        if role.secret != spec.default_secret:
            yield from readable_secret(role.secret, f"{path}.secret")
        yield from bounded_devices(role.block_storage, path)
        yield from fetched_files(role, path)
        for number, item in enumerate(role.file_injections):
            yield from settable_permissions(item, f"{path}.fileInjections[{number}]")
        affinity = role.model_dump(by_alias=True, exclude_unset=True, mode="json", include={"affinity"})
        yield from affinity_problems(affinity.get("affinity"), f"{path}.affinity")
        yield from scheduling_problems(role, path)
        yield from one_bound(role.pod_disruption_budget, f"{path}.podDisruptionBudget")
        yield from possible_bounds(role.pod_disruption_budget, f"{path}.podDisruptionBudget")
        if app:
            yield from bounded_annotations(role, app, reserved, path)


def known_resources(role: ClusterRole, path: str) -> Iterator[Problem]:
    """CL-X-08 (ours): the name of a resource is one that Kubernetes takes.

    See https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/#extended-resources.
    """
    for part, amounts in (("limits", role.resources.limits), ("requests", role.resources.requests or {})):
        for key in sorted(amounts):
            extended = "/" in key and is_label_key(key) and not key.startswith("requests.")
            if key not in _STANDARD and not key.startswith("hugepages-") and not extended:
                remedy = "use cpu, memory, ephemeral-storage, or the name of an extended resource, such as amd.com/gpu"
                yield Problem(f"{path}.resources.{part}[{key}]", f"{key!r} is no resource", remedy, "CL-X-08")


def image_has_no_blanks(role: ClusterRole, path: str) -> Iterator[Problem]:
    """CL-X-27 (ours): the name of an image has no blanks, or its pods are refused."""
    image = role.image_repo_tag
    if image and (any(letter.isspace() for letter in image) or has_control_characters(image)):
        remedy = "write it as registry.example.org/name:tag"
        yield Problem(f"{path}.imageRepoTag", f"{image[:200]!r} has blanks", remedy, "CL-X-27")


def valid_names(role: ClusterRole, path: str, *, inherited: bool = False) -> Iterator[Problem]:
    """CL-X-09 (ours): what names an object could be its name; a path or a wildcard is none.

    `inherited` says that the secret is the cluster's default, which is checked where it stands.
    """
    names = [("serviceAccountName", role.service_account_name), ("priorityClassName", role.priority_class_name)]
    names += [(f"imagePullSecrets[{index}].name", item.name) for index, item in enumerate(role.image_pull_secrets)]
    if role.secret and not inherited:
        names.append(("secret.name", role.secret.name))
    if role.storage:
        names.append(("storage.storageClassName", role.storage.storage_class_name))
    if role.block_storage:
        names.append(("blockStorage.storageClassName", role.block_storage.storage_class_name))
    names += [
        (f"volumeProjections[{index}].pvcName", claim.pvc_name) for index, claim in enumerate(role.volume_projections)
    ]
    for field, name in names:
        if name is not None and not is_dns_subdomain(name):
            yield _no_name(f"{path}.{field}", name)


def _no_name(path: str, name: str) -> Problem:
    remedy = "use at most 253 lower case letters, digits, '-' and '.'"
    return Problem(path, f"{name[:80]!r} cannot be the name of an object", remedy, "CL-X-09")


def sound_paths(role: ClusterRole, path: str) -> Iterator[Problem]:
    """CL-X-10 (ours): a path has no control characters; nothing is mounted at the root; devices have no `..`."""
    places = [("secret.mountPath", role.secret.mount_path)] if role.secret else []
    places += [
        (f"volumeProjections[{index}].mountPath", item.mount_path) for index, item in enumerate(role.volume_projections)
    ]
    for field, text in places:
        if has_control_characters(text) or posixpath.normpath(text).strip("/") == "":
            yield Problem(f"{path}.{field}", f"{text!r} cannot be mounted at", "name a directory", "CL-X-10")
    texts = [(f"fileInjections[{index}].destDir", item.dest_dir) for index, item in enumerate(role.file_injections)]
    if role.block_storage:
        texts.append(("blockStorage.pathPrefix", role.block_storage.path_prefix))
    for field, text in texts:
        if has_control_characters(text):
            yield Problem(f"{path}.{field}", f"{text!r} has control characters", "remove them", "CL-X-10")
    if role.block_storage and ".." in role.block_storage.path_prefix.split("/"):
        where = f"{path}.blockStorage.pathPrefix"
        yield Problem(where, f"{role.block_storage.path_prefix!r} leads upwards", "write it without '..'", "CL-X-10")


def readable_secret(secret: KdSecret | None, path: str) -> Iterator[Problem]:
    """CL-X-60 (ours): the files of a Secret have a mode that Kubernetes takes; the schema sees to the upper bound."""
    if secret and secret.default_mode is not None and secret.default_mode < 0:
        what = f"{secret.default_mode} is no mode of a file"
        yield Problem(f"{path}.defaultMode", what, "write 256 for 0400, 420 for 0644", "CL-X-60")


def bounded_devices(storage: BlockStorage | None, path: str) -> Iterator[Problem]:
    """CL-X-11 (ours): the number of raw devices of a member is one that an object can hold."""
    if storage and storage.num_devices > MOST_BLOCK_DEVICES:
        what = f"{storage.num_devices} are more than {MOST_BLOCK_DEVICES}"
        yield Problem(f"{path}.blockStorage.numDevices", what, f"ask for at most {MOST_BLOCK_DEVICES}", "CL-X-11")


def fetched_files(role: ClusterRole, path: str) -> Iterator[Problem]:
    """CL-V-31: the URL of a file could be fetched, and ends in what can be a file's name.

    W-34: nothing is fetched by the operator, which would reach what its users cannot; a file that is not there shows
    in the member's state.
    """
    for index, item in enumerate(role.file_injections):
        where = f"{path}.fileInjections[{index}]"
        if not _is_fetchable(item.src_url):
            remedy = "write http://host/path/file or https://host/path/file"
            yield Problem(f"{where}.srcURL", f"{item.src_url[:200]!r} cannot be fetched", remedy, "CL-V-31")


def _is_fetchable(url: str) -> bool:
    if has_control_characters(url):
        return False
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname) and " " not in parts.netloc and (parts.port or 1) > 0
    except ValueError:
        return False
    return has_host and parts.path.rstrip("/").rpartition("/")[2] not in (".", "..")


def settable_permissions(item: FileInjection, path: str) -> Iterator[Problem]:
    """CL-X-17 (ours): `chmod`, `chown` and `chgrp` could take what is given."""
    given = item.permissions
    if given and given.file_mode is not None and not 0 <= given.file_mode <= _HIGHEST_MODE:
        what = f"{given.file_mode} is no mode of a file"
        yield Problem(f"{path}.permissions.fileMode", what, "write 420 for 0644, 493 for 0755", "CL-X-17")
    owners = {"fileOwner": given.file_owner, "fileGroup": given.file_group} if given else {}
    for field, name in owners.items():
        if name and (name.startswith("-") or re.search(r"[\x00-\x20\x7f]", name)):
            what = f"{name[:80]!r} is no name or number of a user or group"
            yield Problem(f"{path}.permissions.{field}", what, "write a name or a number", "CL-X-17")


def bounded_annotations(role: ClusterRole, app: AppSpec, reserved: Reserved, path: str) -> Iterator[Problem]:
    """CL-X-15 (ours): all annotations of one object together fit into it, those that every object gets included."""
    kinds = (
        ("podAnnotations", role.pod_annotations, reserved.pod_annotations),
        ("serviceAnnotations", role.service_annotations, reserved.service_annotations),
    )
    for field, own, configured in kinds:
        size = annotation_bytes({**(own or {}), **(configured or {})}) + len(app.label.name.encode())
        most = MOST_ANNOTATION_BYTES - _SPARE_ANNOTATION_BYTES
        if size > most and annotation_bytes(own or {}) <= MOST_ANNOTATION_BYTES:
            what = f"with those of the app and of the global configuration they have {size} bytes"
            yield Problem(f"{path}.{field}", what, f"use at most {most} bytes in all", "CL-X-15")
