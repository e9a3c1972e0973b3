"""A write on its way: read and completed, not yet checked, not yet stored.

Layer: pure.
"""

from dataclasses import dataclass, field

from kdlib.frozen import Json
from kdlib.sandbox.store.options import WriteOptions
from kdlib.sandbox.store.resources import Resource

__all__ = ["Draft"]


@dataclass(slots=True)
class Draft:
    """One create or update. `new` is the draft's alone until it is stored; `old` is the object that it was made for."""

    resource: Resource
    namespace: str
    name: str
    new: Json
    old: Json | None
    options: WriteOptions
    subresource: str = ""
    warnings: list[str] = field(default_factory=list)

    @property
    def operation(self) -> str:
        """Return the operation as admission names it."""
        return "CREATE" if self.old is None else "UPDATE"

    @property
    def key(self) -> tuple[str, str]:
        """Return the place of the object."""
        return (self.namespace, self.name)
