"""What form of an answer a client accepts: JSON or YAML, the object itself, a table of it, or its metadata alone.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#alternate-representations-of-resources.

Layer: pure.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from kdlib.errors import ApiError, api_error

__all__ = ["Form", "Shape", "accepted", "accepts", "not_acceptable"]

_META = "meta.k8s.io"


class Shape(Enum):
    """What an answer shows of an object."""

    OBJECT = ""
    TABLE = "Table"
    PARTIAL = "PartialObjectMetadata"
    PARTIAL_LIST = "PartialObjectMetadataList"


@dataclass(frozen=True, slots=True)
class Form:
    """The form of an answer; `meta_version` is the version of table and metadata kinds that was asked for."""

    shape: Shape = Shape.OBJECT
    yaml: bool = False
    meta_version: str = "v1"


@lru_cache(maxsize=256)
def accepted(header: str) -> Form:
    """Return the first form of an Accept header that can be served.

    Protobuf is not spoken: it is passed over, and JSON is given where nothing else was asked for but that.
    Raises a 406 where nothing fits.
    """
    spoken = False
    for media, parameters in _clauses(header):
        if media == "application/vnd.kubernetes.protobuf":
            spoken = True
            continue
        form = _form(media, parameters)
        if form is not None:
            return form
    if spoken or not header.strip():
        return Form()
    raise not_acceptable()


@lru_cache(maxsize=256)
def accepts(header: str, wanted: str) -> bool:
    """Tell whether a client accepts a media type with just these parameters before any form of JSON without them."""
    (media, parameters), *_ = _clauses(wanted)
    for each, given in _clauses(header):
        if each == media and given == parameters:
            return True
        if each in ("application/json", "*/*", "application/*") and "as" not in given:
            return False
    return False


def not_acceptable() -> ApiError:
    """Return the error for an Accept header of which no form can be served."""
    message = "only the following media types are accepted: application/json, application/yaml"
    return api_error(406, "NotAcceptable", message)


def _clauses(header: str) -> Iterator[tuple[str, dict[str, str]]]:
    for clause in header.split(","):
        media, *pieces = (piece.strip() for piece in clause.split(";"))
        if media:
            parameters = dict(piece.partition("=")[::2] for piece in pieces)
            parameters.pop("q", None)
            yield media.lower(), parameters


def _form(media: str, parameters: dict[str, str]) -> Form | None:
    is_json = media in ("application/json", "application/*", "*/*")
    if not is_json and media != "application/yaml":
        return None
    if "as" not in parameters:
        return Form(yaml=not is_json)
    known = parameters["as"] in {shape.value for shape in Shape if shape.value}
    if not known or parameters.get("g") != _META or parameters.get("v") not in ("v1", "v1beta1"):
        return None
    return Form(Shape(parameters["as"]), not is_json, parameters["v"])
