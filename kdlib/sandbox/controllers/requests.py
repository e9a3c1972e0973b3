"""What pods ask of a node, and what is left of it.

Source: https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/.

Layer: pure.
"""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from functools import lru_cache
from typing import TypeAlias

from kdlib.frozen import Json, dig
from kdlib.wire import Quantity

__all__ = ["Amounts", "NodeUse", "allocatable", "host_ports", "pod_requests", "shortages"]

Amounts: TypeAlias = Mapping[str, Fraction]
"""Amounts by resource name."""


class NodeUse:
    """What the pods of one node have taken."""

    def __init__(self) -> None:
        self.amounts: dict[str, Fraction] = {}
        self._pods: dict[str, tuple[Amounts, frozenset[tuple[str, str, int]]]] = {}

    @property
    def pods(self) -> int:
        """Return how many pods there are."""
        return len(self._pods)

    @property
    def ports(self) -> set[tuple[str, str, int]]:
        """Return the host ports taken."""
        return {port for _, ports in self._pods.values() for port in ports}

    def add(self, pod: Json) -> None:
        """Count a pod in, once."""
        uid = pod["metadata"]["uid"]
        if uid in self._pods:
            return
        requests = pod_requests(pod)
        self._pods[uid] = requests, host_ports(pod)
        for name, amount in requests.items():
            self.amounts[name] = self.amounts.get(name, Fraction(0)) + amount

    def remove(self, pod: Json) -> None:
        """Count a pod out."""
        requests, _ = self._pods.pop(pod["metadata"]["uid"], ({}, frozenset()))
        for name, amount in requests.items():
            self.amounts[name] -= amount


def pod_requests(pod: Json) -> dict[str, Fraction]:
    """Return what a pod asks for: its containers together, or its most demanding init container where that is more."""
    spec = pod["spec"]
    total: dict[str, Fraction] = {}
    for container in spec.get("containers") or ():
        _add(total, _requests(container))
    most, sidecars = _init_requests(spec.get("initContainers") or ())
    _add(total, sidecars)
    _raise_to(total, most)
    _add(total, {name: _amount(amount) for name, amount in (spec.get("overhead") or {}).items()})
    return {name: amount for name, amount in total.items() if amount}


def _init_requests(containers: Iterable[Json]) -> tuple[dict[str, Fraction], dict[str, Fraction]]:
    """Return the most that is asked for at once while the pod starts, and what all sidecars ask for.

    A sidecar runs on, so what it asks for is added to what the init containers after it ask for.
    """
    most: dict[str, Fraction] = {}
    sidecars: dict[str, Fraction] = {}
    for container in containers:
        asked = _requests(container)
        if container.get("restartPolicy") == "Always":
            _add(sidecars, asked)
            asked = sidecars
        else:
            asked = {name: amount + sidecars.get(name, Fraction(0)) for name, amount in asked.items()}
        _raise_to(most, asked)
    return most, sidecars


def host_ports(pod: Json) -> frozenset[tuple[str, str, int]]:
    """Return the host ports that a pod takes: address, protocol and number."""
    return frozenset(
        (port.get("hostIP") or "0.0.0.0", port.get("protocol", "TCP"), port["hostPort"])
        for container in pod["spec"].get("containers") or ()
        for port in container.get("ports") or ()
        if port.get("hostPort")
    )


def allocatable(node: Json) -> dict[str, Fraction]:
    """Return what a node has to give; empty where it does not say, which sets no limit."""
    return {name: _amount(amount) for name, amount in dig(node, "status", "allocatable", default={}).items()}


def shortages(asked: Amounts, given: Amounts, used: NodeUse) -> list[str]:
    """Return the resources that a node has too little of, and `pods` where it has too many of them already."""
    if not given:
        return []
    found = [
        name
        for name, amount in sorted(asked.items())
        if amount > given.get(name, Fraction(0)) - used.amounts.get(name, Fraction(0))
    ]
    return ["pods", *found] if "pods" in given and used.pods >= given["pods"] else found


@lru_cache(maxsize=1024)
def _amount(text: str) -> Fraction:
    return Quantity.parse(text).value


def _requests(container: Json) -> dict[str, Fraction]:
    asked = dig(container, "resources", "requests", default={})
    return {name: _amount(amount) for name, amount in asked.items()}


def _add(total: dict[str, Fraction], more: Amounts) -> None:
    for name, amount in more.items():
        total[name] = total.get(name, Fraction(0)) + amount


def _raise_to(total: dict[str, Fraction], least: Amounts) -> None:
    for name, amount in least.items():
        total[name] = max(total.get(name, Fraction(0)), amount)
