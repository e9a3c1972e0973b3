"""The environment and the command of a container, as a kubelet computes them.

Sources: https://kubernetes.io/docs/tasks/inject-data-application/ (environment variables, downward API, arguments),
https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables.

Layer: pure.
"""

import base64
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kdlib.errors import KubeDirectorError
from kdlib.frozen import Json, dig
from kdlib.wire import Quantity

__all__ = [
    "ConfigurationError",
    "Lookup",
    "Sources",
    "expand",
    "field_value",
    "resource_value",
    "service_variables",
    "variables",
]

Lookup = Callable[[str, str], Json | None]
"""Returns the ConfigMap or Secret (`kind`, `name`) of the pod's namespace, None where it is not there."""

_REFERENCE = re.compile(r"\$(?:\$|\(([^()$]+)\))")
_MAP_KEY = re.compile(r"metadata\.(labels|annotations)\['(.+)'\]")


class ConfigurationError(KubeDirectorError):
    """A container cannot be made yet: something that its specification refers to is not there."""


@dataclass(frozen=True)
class Sources:
    """What values are taken from: the pod, with its address in its status, other objects, and the node's capacity."""

    pod: Json
    lookup: Lookup
    capacity: Mapping[str, str]


def expand(text: str, values: Mapping[str, str]) -> str:
    """Replace `$(NAME)` by its value; an unknown one stays, and `$$` is a dollar sign."""

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        return "$" if name is None else values.get(name, match.group(0))

    return _REFERENCE.sub(value, text)


def variables(container: Json, sources: Sources, services: Mapping[str, str]) -> dict[str, str]:
    """Return the container's environment variables.

    `services` come first and may be overridden; later entries of `env` may refer to earlier ones.
    Raises: ConfigurationError for a missing object or key that is not optional.
    """
    values: dict[str, str] = {}
    for source in container.get("envFrom") or ():
        values |= _all_keys(source, sources)
    for entry in container.get("env") or ():
        if "valueFrom" in entry:
            found = _value_from(entry["valueFrom"], container, sources)
            if found is not None:
                values[entry["name"]] = found
        else:
            values[entry["name"]] = expand(entry.get("value") or "", {**services, **values})
    return {**services, **values}


def field_value(path: str, pod: Json) -> str:
    """Return a field of the pod as the downward API gives it; maps are lines of `key="value"`."""
    if match := _MAP_KEY.fullmatch(path):
        return str(dig(pod, "metadata", match.group(1), match.group(2), default=""))
    match path:
        case "metadata.labels" | "metadata.annotations":
            entries = dig(pod, "metadata", path.rpartition(".")[2], default={})
            return "\n".join(f"{key}={_quoted(entries[key])}" for key in sorted(entries))
        case "status.podIPs" | "status.hostIPs":
            addresses = dig(pod, "status", path.rpartition(".")[2], default=[])
            return ",".join(str(each["ip"]) for each in addresses)
        case _:
            return str(dig(pod, *path.split("."), default=""))


def resource_value(reference: Json, container: Json, capacity: Mapping[str, str]) -> str:
    """Return a limit or request of the container, in units of its divisor, rounded up; no limit is the node's."""
    kind, _, resource = str(reference["resource"]).partition(".")
    found = dig(container, "resources", kind, resource)
    if found is None:
        found = capacity.get(resource, "0") if kind == "limits" else dig(container, "resources", "limits", resource)
    divisor = Quantity.parse(reference.get("divisor") or "1").value or Quantity.parse("1").value
    return str(math.ceil(Quantity.parse(found or "0").value / divisor))


def service_variables(services: Iterable[Json], *, links: bool, namespace: str) -> dict[str, str]:
    """Return the variables that tell of Services: of `kubernetes` always, of the namespace's own with `links`."""
    values: dict[str, str] = {}
    ordered = sorted(services, key=lambda each: (each["metadata"]["namespace"] == namespace, each["metadata"]["name"]))
    for service in ordered:
        metadata, spec = service["metadata"], service["spec"]
        is_api = (metadata["namespace"], metadata["name"]) == ("default", "kubernetes")
        if (is_api or (links and metadata["namespace"] == namespace)) and spec.get("clusterIP") not in (
            "",
            None,
            "None",
        ):
            values |= _variables_of_service(metadata["name"], spec)
    return values


def _variables_of_service(name: str, spec: Json) -> dict[str, str]:
    prefix, address, ports = name.upper().replace("-", "_"), spec["clusterIP"], spec.get("ports") or []
    if not ports:
        return {}
    values = {f"{prefix}_SERVICE_HOST": address, f"{prefix}_SERVICE_PORT": str(ports[0]["port"])}
    values |= {
        f"{prefix}_SERVICE_PORT_{each['name'].upper().replace('-', '_')}": str(each["port"])
        for each in ports
        if each.get("name")
    }
    for index, each in enumerate(ports):
        protocol, number = each.get("protocol", "TCP"), each["port"]
        url = f"{protocol.lower()}://{address}:{number}"
        if index == 0:
            values[f"{prefix}_PORT"] = url
        entry = f"{prefix}_PORT_{number}_{protocol}"
        values |= {
            entry: url,
            f"{entry}_PROTO": protocol.lower(),
            f"{entry}_PORT": str(number),
            f"{entry}_ADDR": address,
        }
    return values


def _all_keys(source: Json, sources: Sources) -> dict[str, str]:
    prefix = source.get("prefix") or ""
    for field, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
        if field in source:
            found = _object(kind, source[field], sources)
            return {f"{prefix}{key}": value for key, value in _texts(kind, found).items()}
    return {}


def _value_from(reference: Json, container: Json, sources: Sources) -> str | None:
    match reference:
        case {"fieldRef": {"fieldPath": str(path)}}:
            return field_value(path, sources.pod)
        case {"resourceFieldRef": dict(wanted)}:
            return resource_value(wanted, _named(wanted, container, sources.pod), sources.capacity)
        case {"configMapKeyRef": dict(wanted)}:
            return _key("ConfigMap", wanted, sources)
        case {"secretKeyRef": dict(wanted)}:
            return _key("Secret", wanted, sources)
        case _:
            raise ConfigurationError(f"invalid valueFrom {sorted(reference)}")


def _named(reference: Json, container: Json, pod: Json) -> Json:
    name = reference.get("containerName")
    others = [*dig(pod, "spec", "containers", default=[]), *dig(pod, "spec", "initContainers", default=[])]
    return next((each for each in others if each["name"] == name), container)


def _key(kind: str, wanted: Json, sources: Sources) -> str | None:
    found = _object(kind, wanted, sources)
    texts = _texts(kind, found)
    if wanted["key"] in texts or wanted.get("optional"):
        return texts.get(wanted["key"])
    namespace = sources.pod["metadata"]["namespace"]
    raise ConfigurationError(f"couldn't find key {wanted['key']} in {kind} {namespace}/{wanted.get('name', '')}")


def _object(kind: str, wanted: Json, sources: Sources) -> Json:
    found = sources.lookup(kind, wanted.get("name") or "")
    if found is None and not wanted.get("optional"):
        raise ConfigurationError(f'{kind.lower()} "{wanted.get("name", "")}" not found')
    return found or {}


def _texts(kind: str, found: Json) -> dict[str, str]:
    data: dict[str, Any] = found.get("data") or {}
    if kind == "ConfigMap":
        return dict(data)
    return {key: base64.b64decode(value).decode("utf-8", "surrogateescape") for key, value in data.items()}


def _quoted(text: str) -> str:
    escaped = (
        text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")
    )
    return f'"{escaped}"'
