"""What is wrong with a pod spec: the mistakes that people make, in the words of the reference server.

Layer: pure.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from kdlib.frozen import Json
from kdlib.sandbox.store.faults import FieldError, forbidden_field, invalid_value, required, unsupported
from kdlib.sandbox.store.kinds.placement import placement_errors
from kdlib.sandbox.store.kinds.probechecks import probe_errors
from kdlib.sandbox.store.metadata import dns_label_problems, dns_subdomain_problems
from kdlib.wire import Quantity, QuantityError

__all__ = ["pod_spec_errors"]

_ENV_NAME = re.compile(r"[ -<>-~]+")
_PORT_NAME = re.compile(r"[-a-z0-9]+")
_PROTOCOLS = ("SCTP", "TCP", "UDP")
_PULL = ("Always", "IfNotPresent", "Never")
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "restartPolicy": ("Always", "OnFailure", "Never"),
    "dnsPolicy": ("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"),
}
_NAMES: Mapping[str, Callable[[str], tuple[str, ...]]] = {
    "serviceAccountName": dns_subdomain_problems,
    "nodeName": dns_subdomain_problems,
    "hostname": dns_label_problems,
    "subdomain": dns_label_problems,
}
_MODE_MESSAGE = "must be a number between 0 and 0777 (octal), both inclusive"


def pod_spec_errors(spec: Json, path: str) -> Iterator[FieldError]:
    """Yield what is wrong with a pod spec at a path."""
    volumes = spec.get("volumes") or []
    yield from _volume_errors(volumes, f"{path}.volumes")
    if not spec.get("containers"):
        yield required(f"{path}.containers")
    yield from _all_container_errors(spec, path, {volume.get("name", "") for volume in volumes})
    yield from _choice_errors(spec, path)
    yield from placement_errors(spec, path)
    if (spec.get("terminationGracePeriodSeconds") or 0) < 0:
        yield invalid_value(f"{path}.terminationGracePeriodSeconds", spec["terminationGracePeriodSeconds"], _NEGATIVE)


def _choice_errors(spec: Json, path: str) -> Iterator[FieldError]:
    for field, allowed in _CHOICES.items():
        if spec.get(field) not in allowed:
            yield unsupported(f"{path}.{field}", spec.get(field), allowed)
    for field, rule in _NAMES.items():
        for problem in rule(spec[field]) if spec.get(field) else ():
            yield invalid_value(f"{path}.{field}", spec[field], problem)


def _all_container_errors(spec: Json, path: str, volumes: set[str]) -> Iterator[FieldError]:
    seen: set[str] = set()
    for field in ("containers", "initContainers"):
        for index, container in enumerate(spec.get(field) or []):
            where = f"{path}.{field}[{index}]"
            yield from _container_errors(container, where, volumes)
            name = container.get("name", "")
            if name and name in seen:
                yield FieldError(f"{where}.name", "FieldValueDuplicate", "", name)
            seen.add(name)


_NEGATIVE = "must be greater than or equal to 0"


# --- volumes --------------------------------------------------------------------------------------------------------


def _volume_errors(volumes: list[Json], path: str) -> Iterator[FieldError]:
    names: set[str] = set()
    for index, volume in enumerate(volumes):
        name = volume.get("name", "")
        if not name:
            yield required(f"{path}[{index}].name")
        else:
            for problem in dns_label_problems(name):
                yield invalid_value(f"{path}[{index}].name", name, problem)
        if name and name in names:
            yield FieldError(f"{path}[{index}].name", "FieldValueDuplicate", "", name)
        names.add(name)
        if len(volume) - ("name" in volume) > 1:
            sources = [field for field in volume if field != "name"]
            yield forbidden_field(f"{path}[{index}].{sources[1]}", "may not specify more than 1 volume type")
        for source in _REFERENCES:
            if source in volume:
                yield from _source_errors(volume[source], source, f"{path}[{index}]")


_REFERENCES = {"secret": "secretName", "configMap": "name", "persistentVolumeClaim": "claimName", "hostPath": "path"}


def _source_errors(found: Json | None, source: str, where: str) -> Iterator[FieldError]:
    if found is None:
        return
    field = _REFERENCES[source]
    if not found.get(field):
        yield required(f"{where}.{source}.{field}")
    mode = found.get("defaultMode")
    if mode is not None and not 0 <= mode <= 0o777:
        yield invalid_value(f"{where}.{source}.defaultMode", mode, _MODE_MESSAGE)


# --- containers -----------------------------------------------------------------------------------------------------


def _container_errors(container: Json, where: str, volumes: set[str]) -> Iterator[FieldError]:
    name = container.get("name", "")
    if not name:
        yield required(f"{where}.name")
    else:
        for problem in dns_label_problems(name):
            yield invalid_value(f"{where}.name", name, problem)
    image = container.get("image", "")
    if not image:
        yield required(f"{where}.image")
    elif image.strip() != image:
        yield invalid_value(f"{where}.image", image, "must not have leading or trailing whitespace")
    if container.get("imagePullPolicy") not in _PULL:
        yield unsupported(f"{where}.imagePullPolicy", container.get("imagePullPolicy"), _PULL)
    yield from _port_errors(container.get("ports") or [], f"{where}.ports")
    yield from _env_errors(container.get("env") or [], f"{where}.env")
    yield from _mount_errors(container.get("volumeMounts") or [], f"{where}.volumeMounts", volumes)
    yield from _resource_errors(container.get("resources") or {}, f"{where}.resources")
    yield from probe_errors(container, where, _port_name_problems)


# Nearly nothing is wrong in nearly every object, so a place is written out only where something is.


def _port_errors(ports: list[Json], path: str) -> Iterator[FieldError]:
    names: set[str] = set()
    for index, port in enumerate(ports):
        name = port.get("name", "")
        if name:
            for what in _port_name_problems(name):
                yield invalid_value(f"{path}[{index}].name", name, what)
            if name in names:
                yield FieldError(f"{path}[{index}].name", "FieldValueDuplicate", "", name)
            names.add(name)
        number = port.get("containerPort", 0)
        if not number:
            yield required(f"{path}[{index}].containerPort")
        elif not 0 < number < 65536:
            yield invalid_value(f"{path}[{index}].containerPort", number, "must be between 1 and 65535, inclusive")
        if port.get("protocol") not in _PROTOCOLS:
            yield unsupported(f"{path}[{index}].protocol", port.get("protocol"), _PROTOCOLS)


@lru_cache(maxsize=1024)
def _port_name_problems(name: str) -> tuple[str, ...]:
    problems = []
    if len(name) > 15:
        problems.append("must be no more than 15 characters")
    if not _PORT_NAME.fullmatch(name):
        problems.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not re.search("[a-z]", name):
        problems.append("must contain at least one letter (a-z)")
    if "--" in name:
        problems.append("must not contain consecutive hyphens")
    if name[0] == "-" or name[-1] == "-":
        problems.append("must not begin or end with a hyphen")
    return tuple(problems)


def _env_errors(entries: list[Json], path: str) -> Iterator[FieldError]:
    for index, entry in enumerate(entries):
        name = entry.get("name", "")
        if not name:
            yield required(f"{path}[{index}].name")
        elif not _ENV_NAME.fullmatch(name):
            what = "a valid environment variable name must consist only of printable ASCII characters other than '='"
            yield invalid_value(f"{path}[{index}].name", name, what)
        source = entry.get("valueFrom")
        if source is None:
            continue
        if entry.get("value"):
            what = "may not be specified when `value` is not empty"
            yield invalid_value(f"{path}[{index}].valueFrom", "", what)
        if not source:
            what = (
                "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"
            )
            yield invalid_value(f"{path}[{index}].valueFrom", "", what)


def _mount_errors(mounts: list[Json], path: str, volumes: set[str]) -> Iterator[FieldError]:
    places: set[str] = set()
    for index, mount in enumerate(mounts):
        name, place = mount.get("name", ""), mount.get("mountPath", "")
        if not name:
            yield required(f"{path}[{index}].name")
        elif name not in volumes:
            yield FieldError(f"{path}[{index}].name", "FieldValueNotFound", "", name)
        if not place:
            yield required(f"{path}[{index}].mountPath")
        elif place in places:
            yield invalid_value(f"{path}[{index}].mountPath", place, "must be unique")
        places.add(place)
        inner = mount.get("subPath")
        if inner:
            yield from _inner_path_errors(inner, f"{path}[{index}].subPath")


def _inner_path_errors(inner: str, path: str) -> Iterator[FieldError]:
    if inner.startswith("/"):
        yield invalid_value(path, inner, "must be a relative path")
    if ".." in inner.split("/"):
        yield invalid_value(path, inner, "must not contain '..'")


def _resource_errors(resources: Json, path: str) -> Iterator[FieldError]:
    limits = resources.get("limits") or {}
    for field in ("limits", "requests"):
        for name, amount in (resources.get(field) or {}).items():
            if _number(amount) < 0:
                yield invalid_value(f"{path}.{field}[{name}]", amount, "must be greater than or equal to 0")
    for name, amount in (resources.get("requests") or {}).items():
        if name in limits and _number(amount) > _number(limits[name]):
            what = f"must be less than or equal to {name} limit of {limits[name]}"
            yield invalid_value(f"{path}.requests", amount, what)


def _number(amount: str) -> Any:
    try:
        return Quantity.parse(amount).value
    except QuantityError:
        return 0
