"""What one kind does beyond being stored: defaults, preparation, validation, generation, graceful deletion.

Layer: pure.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from kdlib.frozen import Json
from kdlib.sandbox.store.faults import FieldError

__all__ = ["Behaviour"]


def _nothing(_: Json) -> None:
    return None


def _no_errors(_: Json) -> Iterable[FieldError]:
    return ()


def _no_update_errors(_new: Json, _old: Json) -> Iterable[FieldError]:
    return ()


@dataclass(frozen=True, slots=True)
class Behaviour:
    """The callables that make a kind what it is. `default` and `prepare` fill an object that nobody else holds yet."""

    default: Callable[[Json], None] = _nothing
    default_status: Callable[[Json], None] | None = None
    """What `default` does besides filling in the spec; it alone is called where the spec is the very one stored."""
    prepare: Callable[[Json], None] = _nothing
    """Before a create: the first status and whatever a client may not choose."""
    validate: Callable[[Json], Iterable[FieldError]] = _no_errors
    validate_update: Callable[[Json, Json], Iterable[FieldError]] = _no_update_errors
    has_generation: bool = False
    generation_of_all: bool = False
    """True where any change outside metadata and status counts as a new generation, not one of the spec alone."""
    needs_version: bool = False
    """True where an update must carry a resourceVersion."""
    creates_on_update: bool = False
    checks_metadata_again: bool = False
    """True where the check of an update looks at metadata once more."""
    is_graceful: bool = False
    deletion_finalizer: str = ""
    """A finalizer that a deletion puts on the object itself."""
    keeps_status: bool = False
    """True where a create keeps the status that it brings (nodes)."""
    returns_deleted: bool = False
    """True where a deletion answers with the object that is gone, not with a Status."""
