"""What all verbs stand on: the shelves, the table of resources, the clock, and what other rooms plug in.

Layer: shell.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from kdlib.frozen import Json
from kdlib.sandbox.store.decode import Plan, Reading
from kdlib.sandbox.store.resources import Resource, Resources
from kdlib.sandbox.store.shelves import Shelves
from kdlib.wire import Schema

__all__ = ["Completion", "Core", "stamp"]

Completion = Callable[[Json, Json | None], Json]
"""Completes an object that is about to be written, given the stored one; raises ApiError to refuse it."""


def stamp(moment: datetime) -> str:
    """Return a time as Kubernetes writes it, to the second."""
    at = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return at.isoformat()[:19] + "Z"


@dataclass(eq=False)
class Core:
    """The store's parts, shared by its verbs."""

    shelves: Shelves
    resources: Resources
    clock: Callable[[], datetime]
    new_uid: Callable[[], str]
    completions: dict[str, list[Completion]] = field(default_factory=dict)
    plans: dict[Schema, Plan] = field(default_factory=dict)

    def stamp(self) -> str:
        """Return the time as Kubernetes writes it."""
        return stamp(self.clock())

    def reading(self, live: Json | None = None) -> Reading:
        """Return an empty record for reading one body; parts that it shares with a stored object are taken as read.

        Metadata is read in any case: the server itself writes into that of a draft.
        """
        if live is None:
            return Reading(self.plans)
        return Reading(self.plans, stored={name: item for name, item in live.items() if name != "metadata"})

    def live(self, resource: Resource, namespace: str, name: str) -> Json | None:
        """Return the stored object in the resource's version; None where there is none."""
        obj = self.shelves.get(resource.storage, (namespace, name))
        return None if obj is None else resource.shown(obj)
