"""The columns of Namespaces, Nodes, Events, Leases, access rules, webhooks and definitions of custom resources.

Layer: pure.
"""

from collections.abc import Callable
from datetime import datetime

from kdlib.frozen import Json, dig
from kdlib.sandbox.http.printers.ages import age
from kdlib.sandbox.http.printers.column import AGE, NAME, Cell, Column, at

__all__ = ["BINDING", "CREATED", "EVENT", "LEASE", "NAMESPACE", "NODE", "PLAIN", "WEBHOOKS"]

_ROLE_PREFIX = "node-role.kubernetes.io/"


def _node_status(node: Json, _now: datetime) -> str:
    conditions = dig(node, "status", "conditions", default=[])
    ready = [each.get("status") for each in conditions if each.get("type") == "Ready"]
    words = ["Ready" if ready[-1] == "True" else "NotReady"] if ready else ["Unknown"]
    if dig(node, "spec", "unschedulable"):
        words.append("SchedulingDisabled")
    return ",".join(words)


def _node_roles(node: Json, _now: datetime) -> str:
    roles = set()
    for key, value in dig(node, "metadata", "labels", default={}).items():
        if key.startswith(_ROLE_PREFIX):
            roles.add(key.removeprefix(_ROLE_PREFIX))
        elif key == "kubernetes.io/role":
            roles.add(value)
    return ",".join(sorted(roles - {""})) or "<none>"


def _address(kind: str) -> Cell:
    def cell(node: Json, _now: datetime) -> str:
        addresses = dig(node, "status", "addresses", default=[])
        return next((each["address"] for each in addresses if each.get("type") == kind), "<none>")

    return cell


def _info(field: str) -> Cell:
    return at("status", "nodeInfo", field, default="<unknown>")


def _kernel(node: Json, _now: datetime) -> str:
    info = dig(node, "status", "nodeInfo", default={})
    architecture = f" ({info['architecture']})" if info.get("architecture") else ""
    return (info.get("kernelVersion") or "<unknown>") + architecture


def _first_seen(event: Json, now: datetime) -> str:
    early = event.get("firstTimestamp") or event.get("deprecatedFirstTimestamp")
    return age(early or event.get("eventTime"), now)


def _last_seen(event: Json, now: datetime) -> str:
    if event.get("series"):
        return age(event["series"].get("lastObservedTime"), now)
    late = event.get("lastTimestamp") or event.get("deprecatedLastTimestamp")
    return age(late, now) if late else _first_seen(event, now)


def _event_count(event: Json, _now: datetime) -> int:
    if event.get("series"):
        return int(event["series"].get("count", 0))
    return int(event.get("count") or event.get("deprecatedCount") or 1)


def _target(event: Json, _now: datetime) -> str:
    about = event.get("involvedObject") or event.get("regarding") or {}
    kind = str(about.get("kind", "")).lower()
    return f"{kind}/{about['name']}" if about.get("name") else kind


def _event_path(event: Json, _now: datetime) -> str:
    about = event.get("involvedObject") or event.get("regarding") or {}
    return str(about.get("fieldPath", ""))


def _event_source(event: Json, _now: datetime) -> str:
    source = event.get("source") or event.get("deprecatedSource") or {}
    component = source.get("component") or event.get("reportingComponent") or event.get("reportingController") or ""
    instance = source.get("host") or event.get("reportingInstance") or ""
    return f"{component}, {instance}" if instance else component


def _event_message(event: Json, _now: datetime) -> str:
    return str(event.get("message") or event.get("note") or "").strip()


def _subjects(kind: str, text: Callable[[Json], str]) -> Cell:
    def cell(obj: Json, _now: datetime) -> str:
        return ", ".join(text(each) for each in obj.get("subjects") or [] if each.get("kind") == kind)

    return cell


def _subject_name(subject: Json) -> str:
    return str(subject["name"])


def _account_name(subject: Json) -> str:
    return f"{subject.get('namespace', '')}/{subject['name']}"


def _role(obj: Json, _now: datetime) -> str:
    return f"{dig(obj, 'roleRef', 'kind', default='')}/{dig(obj, 'roleRef', 'name', default='')}"


PLAIN = (NAME, AGE)
CREATED = (NAME, Column("Created At", at("metadata", "creationTimestamp"), type="date"))
NAMESPACE = (NAME, Column("Status", at("status", "phase")), AGE)
NODE = (
    NAME,
    Column("Status", _node_status),
    Column("Roles", _node_roles),
    AGE,
    Column("Version", at("status", "nodeInfo", "kubeletVersion")),
    Column("Internal-IP", _address("InternalIP"), priority=1),
    Column("External-IP", _address("ExternalIP"), priority=1),
    Column("OS-Image", _info("osImage"), priority=1),
    Column("Kernel-Version", _kernel, priority=1),
    Column("Container-Runtime", _info("containerRuntimeVersion"), priority=1),
)
EVENT = (
    Column("Last Seen", _last_seen),
    Column("Type", at("type")),
    Column("Reason", at("reason")),
    Column("Object", _target),
    Column("Subobject", _event_path, priority=1),
    Column("Source", _event_source, priority=1),
    Column("Message", _event_message),
    Column("First Seen", _first_seen, priority=1),
    Column("Count", _event_count, priority=1),
    Column("Name", at("metadata", "name"), format="name", priority=1),
)
LEASE = (NAME, Column("Holder", at("spec", "holderIdentity")), AGE)
BINDING = (
    NAME,
    Column("Role", _role),
    AGE,
    Column("Users", _subjects("User", _subject_name), priority=1),
    Column("Groups", _subjects("Group", _subject_name), priority=1),
    Column("ServiceAccounts", _subjects("ServiceAccount", _account_name), priority=1),
)
WEBHOOKS = (
    NAME,
    Column("Webhooks", lambda obj, _now: len(obj.get("webhooks") or []), type="integer"),
    AGE,
)
