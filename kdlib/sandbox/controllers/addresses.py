"""Cluster addresses and node ports: what a Service is given at the very moment it is stored.

On a real server these are in the answer to the create already, so this is no controller but a step of every write.
Source: https://kubernetes.io/docs/concepts/services-networking/service/#choosing-your-own-ip-address.

Layer: pure.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network

from kdlib.errors import ApiError, api_error
from kdlib.frozen import Json, copied

__all__ = ["DEFAULT_NETWORK", "DEFAULT_NODE_PORTS", "Addresses"]

DEFAULT_NETWORK = "10.96.0.0/16"
DEFAULT_NODE_PORTS = range(30000, 32768)

_ADDRESS_FIELDS = ("clusterIP", "clusterIPs", "internalTrafficPolicy", "ipFamilies", "ipFamilyPolicy")
_WITH_NODE_PORTS = ("NodePort", "LoadBalancer")


class Addresses:
    """Which cluster addresses and node ports Services hold, and what a new one gets.

    `admit` completes or refuses a Service and remembers nothing; `record` takes in what was committed. So a dry run or
    a write that fails later costs nothing. Addresses are given in order and come round again last.
    """

    def __init__(self, network: str = DEFAULT_NETWORK, node_ports: range = DEFAULT_NODE_PORTS) -> None:
        self._network = IPv4Network(network)
        self._node_ports = node_ports
        self._addresses: dict[str, str] = {}
        self._ports: dict[int, str] = {}
        self._held: dict[str, tuple[str, list[int]]] = {}
        self._next_address = 2
        self._next_port = 0

    @property
    def first(self) -> str:
        """Return the first address, that of the `kubernetes` Service."""
        return str(self._network[1])

    def record(self, event: str, service: Json) -> None:
        """Take in that a Service was committed or is gone."""
        uid = service["metadata"]["uid"]
        address, ports = self._held.pop(uid, ("", []))
        self._addresses.pop(address, None)
        for port in ports:
            self._ports.pop(port, None)
        if event == "DELETED":
            return
        self._held[uid] = address, ports = service["spec"].get("clusterIP", ""), _held_ports(service)
        if address not in ("", "None"):
            self._addresses[address] = uid
        for port in ports:
            self._ports[port] = uid

    def admit(self, service: Json, old: Json | None = None) -> Json:
        """Return the Service with what it is to hold; `old` is the stored one for an update.

        Raises ApiError 422 in the words of a real server where an address or port is taken or out of range.
        """
        made: Json = copied(service)
        spec = made["spec"]
        _carry_over(spec, (old or {}).get("spec") or {})
        if spec.get("type") == "ExternalName":
            return made
        uid = made["metadata"].get("uid", "")
        self._give_address(made, uid)
        if spec.get("type") in _WITH_NODE_PORTS:
            self._give_ports(made, uid)
        return made

    def _give_address(self, service: Json, uid: str) -> None:
        spec = service["spec"]
        wanted = spec.get("clusterIP") or next(iter(spec.get("clusterIPs") or ()), "")
        if not wanted:
            wanted = self._free_address()
        elif wanted != "None":
            self._check_address(service, wanted, uid)
        spec["clusterIP"], spec["clusterIPs"] = wanted, [wanted]
        # A headless Service that selects nothing may list addresses of either family.
        is_free = wanted == "None" and not spec.get("selector")
        spec.setdefault("ipFamilies", ["IPv4", "IPv6"] if is_free else ["IPv4"])
        spec.setdefault("ipFamilyPolicy", "RequireDualStack" if is_free else "SingleStack")

    def _check_address(self, service: Json, wanted: str, uid: str) -> None:
        try:
            inside = IPv4Address(wanted) in self._network
        except ValueError:
            return
        problem = ""
        if not inside:
            problem = f"the provided network does not match the current range: {self._network}"
        elif self._addresses.get(wanted, uid) != uid:
            problem = "provided IP is already allocated"
        if problem:
            text = f"failed to allocate IP {wanted}: {problem}"
            raise _invalid(service, "spec.clusterIPs", f'["{wanted}"]', text)

    def _free_address(self) -> str:
        size = self._network.num_addresses
        for step in range(size):
            offset = (self._next_address + step) % size
            address = str(self._network[offset])
            if 1 < offset < size - 1 and address not in self._addresses:
                self._next_address = offset + 1
                return address
        raise api_error(500, "InternalError", "failed to allocate a serviceIP: range is full")

    def _give_ports(self, service: Json, uid: str) -> None:
        spec = service["spec"]
        given: dict[int, int] = {}
        chosen = {each["nodePort"] for each in spec.get("ports") or () if each.get("nodePort")}
        for index, each in enumerate(spec.get("ports") or ()):
            if each.get("nodePort"):
                self._check_port(service, index, uid)
            elif spec.get("allocateLoadBalancerNodePorts", True):
                each["nodePort"] = given.get(each["port"]) or self._free_port(chosen)
                chosen.add(each["nodePort"])
            given[each["port"]] = each.get("nodePort", 0)
        spec.setdefault("externalTrafficPolicy", "Cluster")
        if spec.get("type") == "LoadBalancer":
            spec.setdefault("allocateLoadBalancerNodePorts", True)

    def _check_port(self, service: Json, index: int, uid: str) -> None:
        port = service["spec"]["ports"][index]["nodePort"]
        problem = ""
        if port not in self._node_ports:
            first, last = self._node_ports[0], self._node_ports[-1]
            problem = f"provided port is not in the valid range. The range of valid ports is {first}-{last}"
        elif self._ports.get(port, uid) != uid:
            problem = "provided port is already allocated"
        if problem:
            raise _invalid(service, f"spec.ports[{index}].nodePort", str(port), problem)

    def _free_port(self, chosen: set[int]) -> int:
        size = len(self._node_ports)
        for step in range(size):
            port = self._node_ports[(self._next_port + step) % size]
            if port not in self._ports and port not in chosen:
                self._next_port = (self._next_port + step + 1) % size
                return port
        raise api_error(500, "InternalError", "failed to allocate a nodePort: range is full")


def _carry_over(spec: Json, old: Json) -> None:
    """Keep what the stored Service holds where the new one does not say; drop what its new type has not."""
    if not old:
        return
    _carry_addresses(spec, old)
    _carry_node_ports(spec, old)
    if spec.get("type") != "LoadBalancer":
        _drop(spec, old, ("allocateLoadBalancerNodePorts", "loadBalancerClass"))


def _carry_addresses(spec: Json, old: Json) -> None:
    if spec.get("type") == "ExternalName":
        _drop(spec, old, _ADDRESS_FIELDS)
    elif old.get("type") != "ExternalName" and not spec.get("clusterIP") and not spec.get("clusterIPs"):
        spec.update({field: old[field] for field in ("clusterIP", "clusterIPs") if old.get(field)})


def _carry_node_ports(spec: Json, old: Json) -> None:
    ports = spec.get("ports") or ()
    if spec.get("type", "ClusterIP") not in _WITH_NODE_PORTS:
        _drop(spec, old, ("externalTrafficPolicy",))
        _drop_ports(ports, old)
    elif old.get("type", "ClusterIP") in _WITH_NODE_PORTS:
        _carry_ports(ports, old.get("ports") or ())


def _drop(spec: Json, old: Json, fields: Sequence[str]) -> None:
    for field in fields:
        if field in spec and spec[field] == old.get(field):
            del spec[field]


def _drop_ports(ports: Sequence[Json], old: Json) -> None:
    held = {each.get("nodePort") for each in old.get("ports") or ()}
    if old.get("type") not in _WITH_NODE_PORTS or not {each.get("nodePort") for each in ports} <= held:
        return
    for each in ports:
        each.pop("nodePort", None)


def _carry_ports(ports: Sequence[Json], old: Sequence[Json]) -> None:
    held = {(each.get("protocol", "TCP"), each["port"]): each.get("nodePort") for each in old}
    taken = {each["nodePort"] for each in ports if each.get("nodePort")}
    for each in ports:
        port = held.get((each.get("protocol", "TCP"), each["port"]))
        if not each.get("nodePort") and port and port not in taken:
            each["nodePort"] = port


def _held_ports(service: Json) -> list[int]:
    if service["spec"].get("type") not in _WITH_NODE_PORTS:
        return []
    return [each["nodePort"] for each in service["spec"].get("ports") or () if each.get("nodePort")]


def _invalid(service: Json, field: str, value: str, text: str) -> ApiError:
    name = service["metadata"].get("name", "")
    return api_error(
        422,
        "Invalid",
        f'Service "{name}" is invalid: {field}: Invalid value: {value}: {text}',
        details={
            "name": name,
            "kind": "Service",
            "causes": [
                {"reason": "FieldValueInvalid", "message": f"Invalid value: {value}: {text}", "field": field},
            ],
        },
    )
