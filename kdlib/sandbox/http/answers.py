"""Answers as bytes: an object in the form that was asked for.

Layer: shell.
"""

from collections.abc import Mapping
from datetime import datetime

import orjson
import yaml

from kdlib.errors import api_error
from kdlib.frozen import Json
from kdlib.sandbox.http.negotiation import Form, Shape
from kdlib.sandbox.http.printers import partial_object, partial_object_list, table
from kdlib.sandbox.http.served import Served

__all__ = ["encoded", "shown"]


def shown(answer: Json, form: Form, served: Served, query: Mapping[str, str], *, now: datetime) -> Json:
    """Return an object or list in the shape that was asked for; a Status stays what it is.

    Raises a 406 where a list's shape was asked for an object, or the other way round.
    """
    if form.shape is Shape.OBJECT or answer.get("kind") == "Status":
        return answer
    is_list = "items" in answer and answer.get("kind", "").endswith("List")
    match form.shape:
        case Shape.TABLE:
            return _versioned(_table(answer, served, query, now, is_list=is_list), form)
        case Shape.PARTIAL if not is_list:
            return _versioned(partial_object(answer), form)
        case Shape.PARTIAL_LIST if is_list:
            return _versioned(partial_object_list(answer), form)
        case _:
            fault = "is a list" if is_list else "is not a list"
            message = f"you requested {form.shape.value}, but the requested object {fault} ({answer.get('kind')})"
            raise api_error(406, "NotAcceptable", message)


def encoded(value: Json, form: Form, *, pretty: bool = False) -> bytes:
    """Encode a value as JSON, or as YAML where that was asked for."""
    if form.yaml:
        return yaml.dump(value, Dumper=yaml.CSafeDumper, sort_keys=True, allow_unicode=True).encode()
    if pretty:
        return orjson.dumps(value, option=orjson.OPT_INDENT_2) + b"\n"
    return orjson.dumps(value) + b"\n"


def _table(answer: Json, served: Served, query: Mapping[str, str], now: datetime, *, is_list: bool) -> Json:
    kind = answer["kind"].removesuffix("List") if is_list else answer["kind"]
    columns = served.columns.get(f"{answer['apiVersion']}/{kind}")
    if columns is None:
        raise api_error(406, "NotAcceptable", f"there is no table of {kind}")
    return table(answer, columns, now=now, include=query.get("includeObject", "Metadata"))


def _versioned(answer: Json, form: Form) -> Json:
    if form.meta_version == "v1":
        return answer
    version = f"meta.k8s.io/{form.meta_version}"
    rows = [_versioned_row(row, version) for row in answer["rows"]] if "rows" in answer else None
    items = [{**item, "apiVersion": version} for item in answer["items"]] if "items" in answer else None
    changed = {key: value for key, value in (("rows", rows), ("items", items)) if value is not None}
    return {**answer, **changed, "apiVersion": version}


def _versioned_row(row: Json, version: str) -> Json:
    obj = row.get("object")
    if obj and obj.get("kind") == "PartialObjectMetadata":
        return {**row, "object": {**obj, "apiVersion": version}}
    return row
