"""What admission is asked about: one operation on one object, as webhooks see it.

Layer: pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from kdlib.frozen import Json
from kdlib.sandbox.store.options import Caller
from kdlib.sandbox.store.target import Target

__all__ = ["Attributes"]


@dataclass(frozen=True, slots=True)
class Attributes:
    """One operation: `CREATE`, `UPDATE` or `DELETE`; the object is None for a deletion, the old one for a create."""

    operation: str
    target: Target
    new: Json | None
    old: Json | None
    caller: Caller
    dry_run: bool = False
    options: Json = field(default_factory=dict)

    @property
    def labels(self) -> Mapping[str, str]:
        """Return the labels that an object selector looks at first."""
        obj = self.new if self.new is not None else self.old or {}
        return obj.get("metadata", {}).get("labels") or {}

    @property
    def old_labels(self) -> Mapping[str, str] | None:
        """Return the labels of the old object, where there are two objects to look at."""
        if self.new is None or self.old is None:
            return None
        return self.old.get("metadata", {}).get("labels") or {}
