"""Requests for what runs in a pod: which pod, which container, with which options.

Layer: pure.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from kdlib.errors import ApiError, api_error
from kdlib.frozen import Json, dig
from kdlib.sandbox.streams import LogRequest

__all__ = ["PodPath", "chosen_container", "log_request", "pod_path", "require_node"]

_PATH = re.compile(r"/api/v1/namespaces/([^/]+)/pods/([^/]+)/(exec|log|attach|portforward|proxy)(?:/.*)?")
_TRUE = ("1", "true", "True", "TRUE", "t", "T")
_FALSE = ("0", "false", "False", "FALSE", "f", "F", "")


@dataclass(frozen=True, slots=True)
class PodPath:
    """The pod that a path names, and the subresource that is wanted of it."""

    namespace: str
    pod: str
    subresource: str


def pod_path(path: str) -> PodPath | None:
    """Take a path apart; None for one that leads into no pod."""
    found = _PATH.fullmatch(path)
    return PodPath(*found.groups()) if found else None


def chosen_container(pod: Json, wanted: str) -> str:
    """Return the container that is meant; raises a 400 where it is not there, or could be several."""
    name = pod["metadata"]["name"]
    names = [
        each["name"]
        for field in ("initContainers", "containers", "ephemeralContainers")
        for each in dig(pod, "spec", field, default=[])
    ]
    if wanted:
        if wanted not in names:
            raise _bad_request(f"container {wanted} is not valid for pod {name}")
        return wanted
    containers = pod["spec"]["containers"]
    if len(containers) == 1:
        return str(containers[0]["name"])
    raise _bad_request(f"a container name must be specified for pod {name}, choose one of: [{' '.join(names)}]")


def require_node(pod: Json) -> None:
    """Raise a 400 for a pod that has no node yet."""
    if not dig(pod, "spec", "nodeName"):
        raise _bad_request(f"pod {pod['metadata']['name']} does not have a host assigned")


def log_request(where: PodPath, container: str, query: Mapping[str, str], *, now: datetime) -> LogRequest:
    """Read the options of a log request; raises a 400 or 422 for values that are none."""
    return LogRequest(
        namespace=where.namespace,
        pod=where.pod,
        container=container,
        follow=truth(query, "follow"),
        previous=truth(query, "previous"),
        timestamps=truth(query, "timestamps"),
        tail_lines=_count(query, "tailLines", least=0),
        limit_bytes=_count(query, "limitBytes", least=1),
        since=_since(query, now),
        stream=query.get("stream") or "All",
    )


def truth(query: Mapping[str, str], name: str) -> bool:
    """Read a boolean parameter; a missing one is false."""
    text = query.get(name, "")
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise _bad_request(f'strconv.ParseBool: parsing "{text}": invalid syntax')


def _count(query: Mapping[str, str], name: str, *, least: int) -> int | None:
    text = query.get(name, "")
    if not text:
        return None
    try:
        value = int(text)
    except ValueError as error:
        raise _bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax') from error
    if value < least:
        bound = "must be greater than or equal to 0" if least == 0 else "must be greater than 0"
        raise _invalid(name, value, bound)
    return value


def _since(query: Mapping[str, str], now: datetime) -> datetime | None:
    seconds = _count(query, "sinceSeconds", least=1)
    text = query.get("sinceTime", "")
    if seconds is not None and text:
        raise _invalid("sinceSeconds", seconds, "at most one of sinceTime or sinceSeconds may be specified")
    if seconds is not None:
        return now - timedelta(seconds=seconds)
    if not text:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise _bad_request(f'parsing time "{text}" as RFC 3339 failed') from error


def _bad_request(message: str) -> ApiError:
    return api_error(400, "BadRequest", message)


def _invalid(field: str, value: int, problem: str) -> ApiError:
    shown = f"Invalid value: {value}: {problem}"
    cause = {"reason": "FieldValueInvalid", "message": shown, "field": field}
    details = {"group": "", "kind": "PodLogOptions", "causes": [cause]}
    return api_error(422, "Invalid", f'PodLogOptions "" is invalid: {field}: {shown}', details=details)
