r"""The checked strings and numbers of the API: patterns and lengths as the specification's tables 1.0 to 1.4 give them.

`[0-9]` stands where the original has `\d`, since that matches digits of every script here but not on an API server.

Layer: pure.
"""

from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    BeforeValidator,
    Field,
    PlainSerializer,
    StrictBool,
    StrictInt,
    StrictStr,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
)
from pydantic_core import PydanticCustomError

from kdlib.frozen import Json

__all__ = [
    "LONGEST_APP_NAME",
    "PATTERN_WORDS",
    "REQUIRED_LIMITS",
    "AbsolutePath",
    "AmountTexts",
    "Amounts",
    "AppCatalog",
    "CardinalityText",
    "ClaimFate",
    "Count",
    "Directory",
    "EventName",
    "FileMode",
    "Flag",
    "FormatVersion",
    "IntOrText",
    "LogoUrl",
    "MemberCount",
    "MountPath",
    "NamingScheme",
    "NonEmpty",
    "PackageUrl",
    "Port",
    "Positive",
    "ProjectionPath",
    "QuantityText",
    "Requests",
    "RoleId",
    "ServiceId",
    "ServiceType",
    "SmallCount",
    "SmallPositive",
    "StringMap",
    "Text",
    "TimeText",
    "WebUrl",
    "Whole",
    "integral",
]

QUANTITY = r"^([0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$"
SHORT_ID = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
ROLE_ID = r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"
PACKAGE_URL = r"^(file|https?)://.+\.tgz$"
LOGO_URL = r"^(file|https|http?)://.+\.(jpeg|png)$"
CARDINALITY = r"^[0-9]+\+?$"
DIRECTORY = r"^/.*[^/]$"
MOUNT_PATH = r"^/[a-zA-Z0-9\/-_]*"
ABSOLUTE = r"^/.*$"
WEB_URL = r"^https?://.+$"
TIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[-+][0-9]{2}:[0-9]{2})$"
CONFIG_NAME_PATTERN = r"^kd-global-config$"

LONGEST_APP_NAME = 63
"""Longest name of an app, which is the value of a label."""

PATTERN_WORDS: dict[str, tuple[str, str]] = {
    QUANTITY: ("is not a quantity", 'write a number with an optional unit, as a string: "500m", "2", "4Gi"'),
    SHORT_ID: ("is not a valid id", "use lower case letters, digits and inner hyphens"),
    ROLE_ID: ("is not a valid role id", "use letters, digits and inner '-', '_', '.'"),
    PACKAGE_URL: ("is not the URL of a package", "start it with file://, http:// or https:// and end it with .tgz"),
    LOGO_URL: (
        "is not the URL of a picture",
        "start it with file://, http:// or https:// and end it with .jpeg or .png",
    ),
    CARDINALITY: ("is not a cardinality", 'write "N" for exactly N members or "N+" for at least N'),
    DIRECTORY: ("is not a directory", "write an absolute path without a slash at its end"),
    MOUNT_PATH: ("is not a mount path", "write an absolute path"),
    ABSOLUTE: ("is not an absolute path", "start it with a slash"),
    TIME: ("is not a time", "write it as 2030-01-31T12:00:00Z"),
    WEB_URL: ("is not a web URL", "start it with http:// or https://"),
}
"""What is wrong with a value that does not match the pattern, and what to do about it."""

KNOWN_REQUESTS = ("memory", "cpu", "ephemeral-storage")
"""Resources whose requests must be texts; those of others may be written as numbers too."""

KNOWN_RESOURCES = (*KNOWN_REQUESTS, "nvidia.com/gpu", "amd.com/gpu")
"""Resources whose limits and least amounts must be texts."""

REQUIRED_LIMITS = ("memory", "cpu")
"""Resources that every role of a KubeDirectorCluster must limit."""


_RESOURCES = {
    "memory": ("memory", "4Gi"),
    "cpu": ("processor time, in cores", "500m"),
    "ephemeral-storage": ("storage on the node's disk", "10Gi"),
    "nvidia.com/gpu": ("NVIDIA GPUs", "1"),
    "amd.com/gpu": ("AMD GPUs", "1"),
}
"""What the known resources are, and an amount of each."""

_LONGEST_NUMBER_BITS = 1024


def _fitting(value: Any) -> Any:
    """Refuse what does not fit into 64 bits, as an API server does."""
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise PydanticCustomError("int_range", "out of range")
    return value


def integral(value: Any) -> Any:
    """Take 3.0 for 3, as an API server does; refuse what does not fit into 64 bits, as it does too."""
    return _fitting(int(value) if isinstance(value, float) and value.is_integer() else value)


def _without_null_values(value: Any) -> Any:
    """Drop nulls from a map, as an API server does."""
    return {key: item for key, item in value.items() if item is not None} if isinstance(value, dict) else value


class AmountTexts(dict[str, str]):
    """Amounts by resource, all as texts; `written` is what the user wrote, with numbers and nulls."""

    def __init__(self, texts: Json, written: Json) -> None:
        super().__init__(texts)
        self.written = written


def _reading(known: tuple[str, ...]) -> Callable[[Any, ValidatorFunctionWrapHandler], Any]:
    """Return how amounts are read: the known ones are checked, what is written for others is the rules' matter."""

    def read(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        if not isinstance(value, dict):
            return handler(value)
        kept = {key: item for key, item in value.items() if item is not None or key not in known}
        handler({key: item for key, item in kept.items() if key in known or not isinstance(key, str)})
        return AmountTexts({key: _text(item) for key, item in kept.items() if item is not None}, kept)

    return read


def _written(value: dict[str, str]) -> Json:
    return value.written if isinstance(value, AmountTexts) else value


def _text(value: Any) -> str:
    """Write an amount as a text, which is no quantity where the value is none."""
    match value:
        case str():
            return value
        case bool() | dict() | list():
            return f"({type(value).__name__})"
        case int() if value.bit_length() > _LONGEST_NUMBER_BITS:
            return "(a number of many digits)"
    return str(value)


def _amounts_schema(known: tuple[str, ...]) -> Json:
    texts = {
        key: {
            "type": "string",
            "pattern": QUANTITY,
            "description": f"Amount of {_RESOURCES[key][0]}.",
            "examples": [_RESOURCES[key][1]],
        }
        for key in known
    }
    return {"type": "object", "properties": texts, "x-kubernetes-preserve-unknown-fields": True}


Text: TypeAlias = StrictStr
Flag: TypeAlias = StrictBool
# The bounds stand before the validator, and so inside it: there they go into the schema too.
Whole: TypeAlias = Annotated[StrictInt, BeforeValidator(integral)]
Count: TypeAlias = Annotated[int, Field(strict=True, ge=0), BeforeValidator(integral)]
# A CEL rule reads it, and to those a server gives no 3.0 for 3.
MemberCount: TypeAlias = Annotated[int, Field(strict=True, ge=0), BeforeValidator(_fitting)]
Positive: TypeAlias = Annotated[int, Field(strict=True, ge=1), BeforeValidator(integral)]
SmallCount: TypeAlias = Annotated[int, Field(strict=True, ge=0, le=2**31 - 1), BeforeValidator(integral)]
SmallPositive: TypeAlias = Annotated[int, Field(strict=True, ge=1, le=2**31 - 1), BeforeValidator(integral)]
Port: TypeAlias = Annotated[int, Field(strict=True, ge=1, le=65535), BeforeValidator(integral)]
FileMode: TypeAlias = Annotated[int, Field(strict=True, le=511), BeforeValidator(integral)]
FormatVersion: TypeAlias = Annotated[int, Field(strict=True, ge=7), BeforeValidator(integral)]
NonEmpty: TypeAlias = Annotated[StrictStr, Field(min_length=1)]
QuantityText: TypeAlias = Annotated[StrictStr, Field(pattern=QUANTITY)]
Amounts: TypeAlias = Annotated[
    dict[StrictStr, QuantityText],
    WrapValidator(_reading(KNOWN_RESOURCES)),
    PlainSerializer(_written),
    WithJsonSchema(_amounts_schema(KNOWN_RESOURCES)),
]
Requests: TypeAlias = Annotated[
    dict[StrictStr, QuantityText],
    WrapValidator(_reading(KNOWN_REQUESTS)),
    PlainSerializer(_written),
    WithJsonSchema(_amounts_schema(KNOWN_REQUESTS)),
]
ServiceId: TypeAlias = Annotated[StrictStr, Field(min_length=1, max_length=15, pattern=SHORT_ID)]
RoleId: TypeAlias = Annotated[StrictStr, Field(min_length=1, max_length=63, pattern=ROLE_ID)]
PackageUrl: TypeAlias = Annotated[StrictStr, Field(pattern=PACKAGE_URL)]
LogoUrl: TypeAlias = Annotated[StrictStr, Field(min_length=1, pattern=LOGO_URL)]
CardinalityText: TypeAlias = Annotated[StrictStr, Field(pattern=CARDINALITY)]
Directory: TypeAlias = Annotated[StrictStr, Field(pattern=DIRECTORY)]
MountPath: TypeAlias = Annotated[StrictStr, Field(min_length=1, pattern=MOUNT_PATH)]
ProjectionPath: TypeAlias = Annotated[StrictStr, Field(min_length=2, pattern=MOUNT_PATH)]
AbsolutePath: TypeAlias = Annotated[StrictStr, Field(pattern=ABSOLUTE)]
# A server lets a list pass where a `format` is asked for, so a pattern stands here.
TimeText: TypeAlias = Annotated[StrictStr, Field(pattern=TIME)]
WebUrl: TypeAlias = Annotated[StrictStr, Field(pattern=WEB_URL)]
StringMap: TypeAlias = Annotated[dict[StrictStr, StrictStr], BeforeValidator(_without_null_values)]

IntOrText: TypeAlias = Annotated[
    StrictInt | StrictStr, BeforeValidator(integral), WithJsonSchema({"x-kubernetes-int-or-string": True})
]

EventName: TypeAlias = Literal["configure", "addnodes", "delnodes", "reconnect", "decommission"]
AppCatalog: TypeAlias = Literal["local", "system"]
ServiceType: TypeAlias = Literal["ClusterIP", "NodePort", "LoadBalancer"]
ClaimFate: TypeAlias = Literal["Delete", "Retain"]
NamingScheme: TypeAlias = Literal["UID", "CrNameRole"]
