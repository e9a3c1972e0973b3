"""The columns of ConfigMaps, Secrets, claims, volumes and storage classes.

Layer: pure.
"""

from datetime import datetime

from kdlib.frozen import Json, dig
from kdlib.sandbox.http.printers.column import AGE, NAME, Column, at

__all__ = ["CLAIM", "CONFIG_MAP", "SECRET", "STORAGE_CLASS", "VOLUME"]

_MODES = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}
_CLASS_ANNOTATION = "volume.beta.kubernetes.io/storage-class"
_DEFAULT_ANNOTATIONS = (
    "storageclass.kubernetes.io/is-default-class",
    "storageclass.beta.kubernetes.io/is-default-class",
)


def _entries(*fields: str) -> Column:
    def cell(obj: Json, _now: datetime) -> int:
        return sum(len(obj.get(field) or {}) for field in fields)

    return Column("Data", cell)


def _modes(modes: list[str] | None) -> str:
    return ",".join(short for mode, short in _MODES.items() if mode in (modes or []))


def _phase(obj: Json, _now: datetime) -> str:
    if dig(obj, "metadata", "deletionTimestamp"):
        return "Terminating"
    return str(dig(obj, "status", "phase", default=""))


def _class(obj: Json, _now: datetime) -> str:
    beta = dig(obj, "metadata", "annotations", _CLASS_ANNOTATION)
    return str(beta if beta is not None else dig(obj, "spec", "storageClassName", default=""))


def _claim_capacity(obj: Json, _now: datetime) -> str:
    bound = dig(obj, "spec", "volumeName")
    return str(dig(obj, "status", "capacity", "storage", default="0")) if bound else ""


def _claim_modes(obj: Json, _now: datetime) -> str:
    return _modes(dig(obj, "status", "accessModes")) if dig(obj, "spec", "volumeName") else ""


def _volume_claim(obj: Json, _now: datetime) -> str:
    claim = dig(obj, "spec", "claimRef")
    return f"{claim.get('namespace', '')}/{claim.get('name', '')}" if claim else ""


def _class_name(obj: Json, _now: datetime) -> str:
    annotations = dig(obj, "metadata", "annotations", default={})
    default = any(annotations.get(key) == "true" for key in _DEFAULT_ANNOTATIONS)
    return f"{obj['metadata']['name']} (default)" if default else str(obj["metadata"]["name"])


_STORAGE_CLASS = Column("StorageClass", _class)
_ATTRIBUTES = Column("VolumeAttributesClass", at("spec", "volumeAttributesClassName", default="<unset>"))
_MODE = Column("VolumeMode", at("spec", "volumeMode", default="<unset>"), priority=1)

CONFIG_MAP = (NAME, _entries("data", "binaryData"), AGE)
SECRET = (NAME, Column("Type", at("type")), _entries("data"), AGE)
CLAIM = (
    NAME,
    Column("Status", _phase),
    Column("Volume", at("spec", "volumeName")),
    Column("Capacity", _claim_capacity),
    Column("Access Modes", _claim_modes),
    _STORAGE_CLASS,
    _ATTRIBUTES,
    AGE,
    _MODE,
)
VOLUME = (
    NAME,
    Column("Capacity", at("spec", "capacity", "storage", default="0")),
    Column("Access Modes", lambda obj, _now: _modes(dig(obj, "spec", "accessModes"))),
    Column("Reclaim Policy", at("spec", "persistentVolumeReclaimPolicy")),
    Column("Status", _phase),
    Column("Claim", _volume_claim),
    _STORAGE_CLASS,
    _ATTRIBUTES,
    Column("Reason", at("status", "reason")),
    AGE,
    _MODE,
)
STORAGE_CLASS = (
    Column("Name", _class_name, format="name"),
    Column("Provisioner", at("provisioner")),
    Column("ReclaimPolicy", at("reclaimPolicy", default="Delete")),
    Column("VolumeBindingMode", at("volumeBindingMode", default="Immediate")),
    Column("AllowVolumeExpansion", at("allowVolumeExpansion", default=False)),
    AGE,
)
