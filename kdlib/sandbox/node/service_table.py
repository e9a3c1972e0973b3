"""What the node knows of Services and where they lead, kept from the store's events.

Layer: pure.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from kdlib.frozen import Json, dig

__all__ = ["Endpoint", "Key", "ServiceTable"]

_SERVICE_LABEL = "kubernetes.io/service-name"

Key = tuple[str, str]
"""Namespace and name of a Service."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address behind a Service; `ports` are (name, number, protocol)."""

    address: str
    host_name: str
    ready: bool
    ports: tuple[tuple[str, int, str], ...]

    def port(self, name: str) -> int | None:
        """Return the number of the port of this name; None where it has none."""
        return next((number for each, number, _ in self.ports if each == name), None)


class ServiceTable:
    """Services and their endpoints, by namespace and name."""

    def __init__(self) -> None:
        self.services: dict[Key, Json] = {}
        self._slices: dict[Key, dict[str, tuple[Endpoint, ...]]] = {}

    def record(self, event: str, obj: Json) -> Key | None:
        """Take in a commit; returns the Service that it concerns, None for anything else."""
        metadata = obj["metadata"]
        match obj["kind"]:
            case "Service":
                key = (metadata["namespace"], metadata["name"])
                if event == "DELETED":
                    self.services.pop(key, None)
                else:
                    self.services[key] = obj
                return key
            case "EndpointSlice":
                name = dig(metadata, "labels", _SERVICE_LABEL)
                if not name:
                    return None
                slices = self._slices.setdefault((metadata["namespace"], name), {})
                slices.pop(metadata["name"], None)
                if event != "DELETED":
                    slices[metadata["name"]] = tuple(_endpoints(obj))
                return metadata["namespace"], name
            case _:
                return None

    def endpoints(self, key: Key) -> list[Endpoint]:
        """Return the Service's endpoints that are ready, or all where it publishes those that are not."""
        service = self.services.get(key)
        tolerant = bool(dig(service, "spec", "publishNotReadyAddresses"))
        found = [each for slices in self._slices.get(key, {}).values() for each in slices if each.ready or tolerant]
        return sorted(found, key=lambda each: (each.address, each.ports))


def _endpoints(obj: Json) -> Iterator[Endpoint]:
    ports = tuple(
        (each.get("name") or "", each["port"], each.get("protocol") or "TCP") for each in obj.get("ports") or ()
    )
    for each in obj.get("endpoints") or ():
        ready = dig(each, "conditions", "ready", default=True)
        for address in each["addresses"]:
            yield Endpoint(address, each.get("hostname") or "", bool(ready), ports)
