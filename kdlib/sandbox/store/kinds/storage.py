"""Claims, volumes and storage classes: defaults, mistakes, and what may not change.

See https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/persistent-volume-claim-v1/.

Layer: pure.
"""

from collections.abc import Iterator

from kdlib.frozen import Json, dig
from kdlib.sandbox.store.faults import FieldError, forbidden_field, required, unsupported
from kdlib.wire import Quantity

__all__ = [
    "claim_errors",
    "claim_spec_errors",
    "claim_update_errors",
    "default_claim",
    "default_storage_class",
    "default_volume",
    "prepare_claim",
    "prepare_volume",
    "volume_errors",
]

_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")


def default_claim(claim: Json) -> None:
    """Fill in what every claim shows."""
    claim.setdefault("spec", {}).setdefault("volumeMode", "Filesystem")
    claim.setdefault("status", {}).setdefault("phase", "Pending")


def prepare_claim(claim: Json) -> None:
    """Give a new claim its first status."""
    claim["status"] = {"phase": "Pending"}


def claim_errors(claim: Json) -> Iterator[FieldError]:
    """Yield what is wrong with a claim."""
    yield from claim_spec_errors(claim["spec"], "spec")


def claim_spec_errors(spec: Json, path: str) -> Iterator[FieldError]:
    """Yield what is wrong with the spec of a claim at a path."""
    modes = spec.get("accessModes") or []
    if not modes:
        yield required(f"{path}.accessModes", "at least 1 access mode is required")
    for mode in modes:
        if mode not in _MODES:
            yield unsupported(f"{path}.accessModes", mode, _MODES)
    amount = dig(spec, "resources", "requests", "storage")
    if amount is None:
        yield required(f"{path}.resources[storage]")
    elif Quantity.parse(amount).value <= 0:
        yield FieldError(f"{path}.resources[storage]", "FieldValueInvalid", "must be greater than zero", amount)


_IMMUTABLE = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"


def claim_update_errors(new: Json, old: Json) -> Iterator[FieldError]:
    """Yield what an update of a claim may not change."""
    yield from claim_errors(new)
    after, before = new["spec"], old["spec"]
    if after == before:
        return
    is_bound = dig(old, "status", "phase") == "Bound"
    if _fixed(after, before, is_bound=is_bound) != _fixed(before, before, is_bound=is_bound):
        yield forbidden_field("spec", _IMMUTABLE)
        return
    asked, had = (dig(one, "resources", "requests", "storage", default="0") for one in (after, before))
    if Quantity.parse(asked) < Quantity.parse(had):
        yield forbidden_field("spec.resources.requests.storage", "field can not be less than status.capacity")


def _fixed(spec: Json, before: Json, *, is_bound: bool) -> Json:
    """Return what may not change: a claim is given its volume once, and may ask for more space once it is bound."""
    free = {"resources", "volumeAttributesClassName"} if is_bound else {"volumeAttributesClassName"}
    out = {name: value for name, value in spec.items() if name not in free}
    if not before.get("volumeName"):
        out.pop("volumeName", None)
    return out


def default_volume(volume: Json) -> None:
    """Fill in what every volume shows."""
    spec = volume.setdefault("spec", {})
    spec.setdefault("persistentVolumeReclaimPolicy", "Retain")
    spec.setdefault("volumeMode", "Filesystem")
    volume.setdefault("status", {}).setdefault("phase", "Pending")


def prepare_volume(volume: Json) -> None:
    """Give a new volume its first status."""
    volume["status"] = {"phase": "Pending"}


def volume_errors(volume: Json) -> Iterator[FieldError]:
    """Yield what is wrong with a volume."""
    spec = volume["spec"]
    if not spec.get("accessModes"):
        yield required("spec.accessModes")
    if not dig(spec, "capacity", "storage"):
        yield required("spec.capacity")


def default_storage_class(storage_class: Json) -> None:
    """Fill in what every storage class shows."""
    storage_class.setdefault("reclaimPolicy", "Delete")
    storage_class.setdefault("volumeBindingMode", "Immediate")
