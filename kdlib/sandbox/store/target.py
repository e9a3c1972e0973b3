"""What a request is about: one resource, one namespace, one name, one subresource.

Layer: pure.
"""

from dataclasses import dataclass
from typing import Any

from kdlib.sandbox.store.history import Key
from kdlib.sandbox.store.resources import Resource

__all__ = ["Patch", "Target"]


@dataclass(frozen=True, slots=True)
class Target:
    """The place of one object, or of one of its subresources."""

    resource: Resource
    namespace: str = ""
    name: str = ""
    subresource: str = ""

    @property
    def key(self) -> Key:
        """Return the object's place in its storage."""
        return (self.namespace, self.name)


@dataclass(frozen=True, slots=True)
class Patch:
    """A patch and its media type."""

    body: Any
    content_type: str
