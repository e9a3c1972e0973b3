"""What is to be done inside one member: its set-up, or a notification; and how both are put into frames.

Layer: pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from kdlib.guest.frames import Frame
from kdlib.model import FileInjection, Notify, Resolved, ResolvedRole, SetUp
from kdlib.rules import time_limit

__all__ = [
    "Limits",
    "NotifyWork",
    "ScriptLimit",
    "SetUpWork",
    "Work",
    "notify_frame",
    "notify_work",
    "set_up_frame",
    "set_up_work",
]

DEFAULT_LOG_LENGTH = 256
BYTES_PER_CHARACTER = 4


@dataclass(frozen=True, slots=True)
class Limits:
    """How long things inside a member may take, in seconds."""

    grace: int = 10
    """From asking a start script that took too long to stop to killing it."""
    fetch: int = 600
    """Fetching one file."""
    send: float = 60.0
    """One exec that sends a frame."""
    attach: int = 240
    """One exec that waits for the end of an operation; then another one goes on."""
    answer: float = 10.0
    """A notification that did not end within this time delays nobody (soft gate)."""
    report: int = 30
    """From one look at a start script that runs to the next one."""


@dataclass(frozen=True, slots=True)
class ScriptLimit:
    """How many seconds one run of the start script may take; then it is asked to stop, and has failed.

    `field` says where the limit comes from, for the words about the failure.
    """

    seconds: int = 7200
    field: str = "the limit of every run"


@dataclass(frozen=True)
class SetUpWork:
    """Set one member up: files, configcli, package, `startscript --configure`.

    `configmeta` is None for a role without setup package, which may have file injections all the same.
    `epoch` is the UID of who counts generations: those that another one counted are not told as ours.
    """

    namespace: str
    pod: str
    container: str
    action: SetUp
    configmeta: bytes | None = field(default=None, repr=False)
    package_url: str | None = None
    new_layout: bool = False
    run_configure: bool = True
    install_configcli: bool = True
    systemd: bool = False
    epoch: str = ""
    file_injections: tuple[FileInjection, ...] = ()
    limits: Limits = Limits()
    script_limit: ScriptLimit = ScriptLimit()
    max_log_size: int = DEFAULT_LOG_LENGTH


@dataclass(frozen=True)
class NotifyWork:
    """Bring one member its configmeta, then run its start script with the action's arguments, where it has some."""

    namespace: str
    pod: str
    container: str
    action: Notify
    configmeta: bytes = field(repr=False)
    new_layout: bool = False
    epoch: str = ""
    limits: Limits = Limits()
    script_limit: ScriptLimit = ScriptLimit()
    max_log_size: int = DEFAULT_LOG_LENGTH


Work = SetUpWork | NotifyWork


def set_up_work(resolved: Resolved, action: SetUp, configmeta: bytes, *, limits: Limits | None = None) -> SetUpWork:
    """Say what the set-up of a member consists of; raises KeyError where no role has such a pod."""
    role = _role_of(resolved, action.pod)
    package = role.app.config_package
    events = role.app.event_list
    return SetUpWork(
        namespace=resolved.root.namespace,
        pod=action.pod,
        container=action.container,
        action=action,
        configmeta=configmeta if package else None,
        package_url=package.package_url if package else None,
        new_layout=bool(package and package.use_new_setup_layout),
        run_configure=events is None or "configure" in events,
        systemd=resolved.app.systemd_required,
        epoch=resolved.uid,
        file_injections=role.spec.file_injections if role.spec else (),
        limits=limits or Limits(),
        script_limit=_script_limit(resolved, role, "configure"),
        max_log_size=_log_size(role.app.max_log_size_dump),
    )


def notify_work(resolved: Resolved, action: Notify, configmeta: bytes, *, limits: Limits | None = None) -> NotifyWork:
    """Say what the notification of a member consists of; raises KeyError where no role has such a pod."""
    role = _role_of(resolved, action.pod)
    package = role.app.config_package
    return NotifyWork(
        namespace=resolved.root.namespace,
        pod=action.pod,
        container=action.container,
        action=action,
        configmeta=configmeta,
        new_layout=bool(package and package.use_new_setup_layout),
        epoch=resolved.uid,
        limits=limits or Limits(),
        script_limit=_script_limit(resolved, role, action.event),
        max_log_size=_log_size(role.app.max_log_size_dump),
    )


def set_up_frame(work: SetUpWork, *, stamp: int, programs: Mapping[str, bytes]) -> Frame:
    """Put a set-up into a frame; `stamp` orders frames by when they were sent, in milliseconds."""
    variables = {
        **_common(work, stamp),
        "attempt": str(work.action.attempt),
        "package_url": work.package_url or "",
        "run_configure": str(int(work.run_configure)),
        "from_scratch": str(int(work.action.from_scratch)),
        "done_before": str(int(work.action.done_before)),
        "systemd": str(int(work.systemd)),
        "fetch_seconds": str(work.limits.fetch),
        "injections": str(len(work.file_injections)),
    }
    for index, item in enumerate(work.file_injections):
        variables |= {f"inject_{index}_{name}": value for name, value in _injection(item).items()}
    blobs = {"configmeta": work.configmeta} if work.configmeta is not None else {}
    if work.package_url and work.install_configcli:
        blobs |= programs
    return Frame(variables, blobs)


def notify_frame(work: NotifyWork, *, stamp: int) -> Frame:
    """Put a notification into a frame."""
    arguments = " ".join(work.action.arguments)
    variables = {
        **_common(work, stamp),
        "change": work.action.change,
        "arguments": arguments,
        "wait_seconds": str(work.limits.attach),
        "tail_bytes": str(tail_bytes(work)),
    }
    return Frame(variables, {"configmeta": work.configmeta})


def tail_bytes(work: Work) -> int:
    """Return how many bytes hold as many characters of output as status keeps, and the line break before."""
    return (work.max_log_size + 1) * BYTES_PER_CHARACTER if work.max_log_size else 0


def _common(work: Work, stamp: int) -> dict[str, str]:
    return {
        "container": work.container,
        "generation": str(work.action.generation),
        "stamp": str(stamp),
        "epoch": work.epoch,
        "layout": "new" if work.new_layout else "old",
        "limit_seconds": str(work.script_limit.seconds),
        "report_seconds": str(work.limits.report),
        "limit_field": work.script_limit.field,
        "grace_seconds": str(work.limits.grace),
    }


def _injection(item: FileInjection) -> dict[str, str]:
    """Return the parts of an injection; the mode in octal (IC-09)."""
    asked = item.permissions
    mode = f"{asked.file_mode:o}" if asked and asked.file_mode is not None else ""
    owner, group = (asked.file_owner, asked.file_group) if asked else (None, None)
    return {"url": item.src_url, "dir": item.dest_dir, "mode": mode, "owner": owner or "", "group": group or ""}


def _script_limit(resolved: Resolved, role: ResolvedRole, event: str) -> ScriptLimit:
    """Return the limit of a run of the start script for an event; a refresh runs none."""
    return ScriptLimit(*time_limit(role.app, resolved.reserved, event))


def _log_size(size: int | None) -> int:
    return DEFAULT_LOG_LENGTH if size is None else size


def _role_of(resolved: Resolved, pod: str) -> ResolvedRole:
    stateful_set = pod.rpartition("-")[0]
    for role in resolved.roles:
        if role.stateful_set == stateful_set:
            return role
    raise KeyError(pod)
