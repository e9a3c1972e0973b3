"""What a failed test leaves in the report: objects, Events, and logs of operators.

Layer: pure.
"""

from collections.abc import Iterable, Mapping

import yaml

from kdlib.frozen import Json, dig

__all__ = ["events_text", "log_tail", "objects_text"]

_MOST_CHARACTERS = 60_000
_LOG_CHARACTERS = 20_000
_DULL = {
    ("ConfigMap", "kube-root-ca.crt"),
    ("ServiceAccount", "default"),
}
_WITHHELD = "(withheld)"


def objects_text(objects: Iterable[Json]) -> str:
    """Return objects as YAML, but for Events, for what every namespace has, and for values of Secrets."""
    shown = [_shown(obj) for obj in objects if obj["kind"] != "Event" and not _is_dull(obj)]
    text = yaml.safe_dump_all(shown, sort_keys=False, width=120)
    if len(text) <= _MOST_CHARACTERS:
        return text
    names = "\n".join(f"{obj['kind']} {obj['metadata']['name']}" for obj in shown)
    return f"{text[:_MOST_CHARACTERS]}\n(cut here; these were there:)\n{names}\n"


def events_text(objects: Iterable[Json]) -> str:
    """Return the Events among objects, oldest first, one in a line; an Event of both API groups counts once."""
    events = {obj["metadata"]["name"]: obj for obj in objects if obj["kind"] == "Event"}
    return "\n".join(_told(event) for event in sorted(events.values(), key=_time))


def log_tail(text: str) -> str:
    """Return the end of a log."""
    return text if len(text) <= _LOG_CHARACTERS else f"(cut here)\n{text[-_LOG_CHARACTERS:]}"


def _is_dull(obj: Json) -> bool:
    return (obj["kind"], obj["metadata"]["name"]) in _DULL


def _shown(obj: Json) -> Json:
    metadata = {key: value for key, value in obj["metadata"].items() if key != "managedFields"}
    shown = {**obj, "metadata": metadata}
    if obj["kind"] == "Secret":
        # What was applied with kubectl stands in an annotation once more.
        metadata.pop("annotations", None)
        for field in ("data", "stringData"):
            shown |= {field: dict.fromkeys(obj[field], _WITHHELD)} if isinstance(obj.get(field), Mapping) else {}
    return shown


def _time(event: Json) -> str:
    series = dig(event, "series", "lastObservedTime")
    times = (series, event.get("eventTime"), event.get("lastTimestamp"), event.get("deprecatedLastTimestamp"))
    return str(next(filter(None, (*times, event["metadata"].get("creationTimestamp"))), ""))


def _told(event: Json) -> str:
    about = event.get("regarding") or event.get("involvedObject") or {}
    words = event.get("note") or event.get("message") or ""
    return (
        f"{_time(event)} {event.get('type', '')} {about.get('kind')}/{about.get('name')} {event.get('reason')}: {words}"
    )
