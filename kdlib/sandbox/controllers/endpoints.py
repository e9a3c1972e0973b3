"""Where a Service leads: its Endpoints object and its EndpointSlices, from its pods.

Sources: https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/ and .../service/#endpoints.

Layer: pure.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kdlib.frozen import Json, canonical, dig
from kdlib.sandbox.controllers.objects import controller_reference
from kdlib.sandbox.controllers.pods import has_ended, is_ready, is_terminating

__all__ = ["SliceChange", "endpoints_of", "has_endpoints", "slice_changes"]

HEADLESS_LABEL = "service.kubernetes.io/headless"
SERVICE_LABEL = "kubernetes.io/service-name"
MANAGED_LABEL = "endpointslice.kubernetes.io/managed-by"
SLICE_CONTROLLER = "endpointslice-controller.k8s.io"

_IN_ONE_SLICE = 100
_IN_ENDPOINTS = 1000


@dataclass(frozen=True, slots=True)
class SliceChange:
    """Write `wanted` (new where it has no UID), or delete `known`."""

    known: Json | None
    wanted: Json | None


@dataclass(frozen=True, slots=True)
class _Group:
    """Endpoints with the same ports, by the UIDs of their pods."""

    ports: list[Json]
    members: dict[str, Json]


def has_endpoints(service: Json) -> bool:
    """Tell whether the Service's endpoints are kept for it: it selects pods and is no mere name."""
    spec = service["spec"]
    return spec.get("type") != "ExternalName" and bool(spec.get("selector"))


def endpoints_of(service: Json, pods: Iterable[Json]) -> Json:
    """Return the Endpoints object of a Service that selects these pods."""
    tolerant = bool(service["spec"].get("publishNotReadyAddresses"))
    subsets: dict[bytes, Json] = {}
    for pod in pods:
        if not _belongs(pod) or (is_terminating(pod) and not tolerant):
            continue
        ports = _ports(service, pod)
        if not ports and service["spec"].get("ports"):
            continue
        subset = subsets.setdefault(canonical(ports), {"addresses": [], "notReadyAddresses": [], "ports": ports})
        subset["addresses" if tolerant or is_ready(pod) else "notReadyAddresses"].append(_address(service, pod))
    return {
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {
            "name": service["metadata"]["name"],
            "namespace": service["metadata"]["namespace"],
            "labels": {**_labels(service), "endpoints.kubernetes.io/managed-by": "endpoint-controller"},
        },
        "subsets": [_sorted_subset(subsets[key]) for key in sorted(subsets)],
    }


def slice_changes(service: Json, pods: Iterable[Json], slices: Sequence[Json]) -> list[SliceChange]:
    """Return what to write so that the Service's slices list these pods, touching as few slices as possible.

    An endpoint stays in the slice where it is; new ones fill slices with room, then new slices of 100.
    """
    groups = _groups(service, pods)
    changes = []
    roomy: dict[bytes, list[tuple[Json, list[Json]]]] = {}
    for known in sorted(slices, key=lambda each: str(each["metadata"]["name"])):
        key = canonical(known.get("ports") or [])
        if key in groups:
            roomy.setdefault(key, []).append((known, _taken_out(groups[key].members, known)))
        else:
            changes.append(SliceChange(known, None))
    for key, group in sorted(groups.items()):
        changes += _filled(service, group.ports, list(group.members.values()), roomy.get(key, []))
    return _recycled(changes)


def _groups(service: Json, pods: Iterable[Json]) -> dict[bytes, _Group]:
    """Group the endpoints of the pods by their ports; there is at least one group."""
    groups: dict[bytes, _Group] = {}
    for pod in pods:
        if _belongs(pod):
            ports = [{"name": "", **each} for each in _ports(service, pod)]
            group = groups.setdefault(canonical(ports), _Group(ports, {}))
            group.members[pod["metadata"]["uid"]] = _endpoint(service, pod)
    return groups or {canonical([]): _Group([], {})}


def _taken_out(members: dict[str, Json], known: Json) -> list[Json]:
    """Take the endpoints that a slice lists already out of those to be placed."""
    listed = (dig(each, "targetRef", "uid") for each in known.get("endpoints") or ())
    return [members.pop(uid) for uid in listed if uid in members]


def _recycled(changes: list[SliceChange]) -> list[SliceChange]:
    """Fill a slice that would go with what a new one would hold."""
    going = [each.known for each in changes if each.known is not None and each.wanted is None]
    coming = [each.wanted for each in changes if each.known is None and each.wanted is not None]
    kept = [each for each in changes if each.known is not None and each.wanted is not None]
    pairs = list(zip(going, coming, strict=False))
    kept += [SliceChange(known, _rewritten(known, wanted)) for known, wanted in pairs]
    kept += [SliceChange(known, None) for known in going[len(pairs) :]]
    kept += [SliceChange(None, wanted) for wanted in coming[len(pairs) :]]
    return kept


def _rewritten(known: Json, wanted: Json) -> Json:
    return {**known, **wanted, "metadata": {**known["metadata"], "labels": wanted["metadata"]["labels"]}}


def _filled(
    service: Json,
    ports: list[Json],
    new: list[Json],
    known: list[tuple[Json, list[Json]]],
) -> list[SliceChange]:
    changes = []
    for index, (there, kept) in enumerate(known):
        room = _IN_ONE_SLICE - len(kept)
        held, new = [*kept, *new[:room]], new[room:]
        if not held and (index or len(known) > 1):
            changes.append(SliceChange(there, None))
            continue
        wanted = _slice(service, ports, held)
        if _differs(there, wanted):
            changes.append(SliceChange(there, _rewritten(there, wanted)))
    while new or (not known and not changes):
        changes.append(SliceChange(None, _slice(service, ports, new[:_IN_ONE_SLICE])))
        new = new[_IN_ONE_SLICE:]
    return changes


def _differs(there: Json, wanted: Json) -> bool:
    if dig(there, "metadata", "labels") != wanted["metadata"]["labels"]:
        return True
    return any(there.get(field) != wanted[field] for field in ("endpoints", "ports"))


def _slice(service: Json, ports: list[Json], endpoints: list[Json]) -> Json:
    metadata = service["metadata"]
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "generateName": f"{metadata['name']}-",
            "namespace": metadata["namespace"],
            "labels": {**_labels(service), SERVICE_LABEL: metadata["name"], MANAGED_LABEL: SLICE_CONTROLLER},
            "ownerReferences": [controller_reference(service)],
        },
        "addressType": "IPv4",
        "endpoints": endpoints,
        "ports": ports,
    }


def _belongs(pod: Json) -> bool:
    return not has_ended(pod) and bool(dig(pod, "status", "podIP"))


def _labels(service: Json) -> dict[str, str]:
    labels = dict(service["metadata"].get("labels") or {})
    if service["spec"].get("clusterIP") == "None":
        labels[HEADLESS_LABEL] = ""
    else:
        labels.pop(HEADLESS_LABEL, None)
    return labels


def _address(service: Json, pod: Json) -> Json:
    address: Json = {"ip": pod["status"]["podIP"]}
    if _has_host_name(service, pod):
        address["hostname"] = pod["spec"]["hostname"]
    if pod["spec"].get("nodeName"):
        address["nodeName"] = pod["spec"]["nodeName"]
    address["targetRef"] = _target(pod)
    return address


def _endpoint(service: Json, pod: Json) -> Json:
    serving, terminating = is_ready(pod), is_terminating(pod)
    ready = bool(service["spec"].get("publishNotReadyAddresses")) or (serving and not terminating)
    endpoint: Json = {
        "addresses": [pod["status"]["podIP"]],
        "conditions": {"ready": ready, "serving": serving, "terminating": terminating},
    }
    if _has_host_name(service, pod):
        endpoint["hostname"] = pod["spec"]["hostname"]
    if pod["spec"].get("nodeName"):
        endpoint["nodeName"] = pod["spec"]["nodeName"]
    endpoint["targetRef"] = _target(pod)
    return endpoint


def _target(pod: Json) -> Json:
    metadata = pod["metadata"]
    return {"kind": "Pod", "namespace": metadata["namespace"], "name": metadata["name"], "uid": metadata["uid"]}


def _has_host_name(service: Json, pod: Json) -> bool:
    return bool(pod["spec"].get("hostname")) and pod["spec"].get("subdomain") == service["metadata"]["name"]


def _ports(service: Json, pod: Json) -> list[Json]:
    """Return the pod's ports behind the Service's; a named one that the pod has not is left out."""
    found = []
    for each in service["spec"].get("ports") or ():
        number = _number(each, pod)
        if number is None:
            continue
        port: Json = {"name": each["name"]} if each.get("name") else {}
        port |= {"port": number, "protocol": each.get("protocol", "TCP")}
        if each.get("appProtocol"):
            port["appProtocol"] = each["appProtocol"]
        found.append(port)
    return found


def _number(service_port: Json, pod: Json) -> int | None:
    target = service_port.get("targetPort") or service_port["port"]
    if isinstance(target, int):
        return target
    protocol = service_port.get("protocol", "TCP")
    for container in pod["spec"].get("containers") or ():
        for port in container.get("ports") or ():
            if port.get("name") == target and port.get("protocol", "TCP") == protocol:
                return int(port["containerPort"])
    return None


def _sorted_subset(subset: Json) -> Json:
    made: Json = {}
    left = _IN_ENDPOINTS
    for field in ("addresses", "notReadyAddresses"):
        addresses = sorted(subset[field], key=lambda each: (each["ip"], each["targetRef"]["uid"]))[:left]
        left -= len(addresses)
        if addresses:
            made[field] = addresses
    if subset["ports"]:
        made["ports"] = subset["ports"]
    return made
