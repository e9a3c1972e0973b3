"""What exactly runs in a container: its command, user, rights and working folder, for the keeper.

Sources: https://kubernetes.io/docs/tasks/inject-data-application/define-command-argument-container/ and
https://kubernetes.io/docs/tasks/configure-pod-container/security-context/.

Layer: pure.
"""

from collections.abc import Mapping

from kdlib.frozen import Json, dig
from kdlib.sandbox.node.environment import ConfigurationError, expand
from kdlib.sandbox.node.images import Image

__all__ = ["program"]

_NAMES = (
    *("CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP"),
    *("LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER"),
    *("SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE"),
    *("SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP"),
    *("MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF"),
    "CHECKPOINT_RESTORE",
)
"""The capabilities, in the order of their numbers."""

_DEFAULT = (
    *("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "NET_RAW"),
    *("SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"),
)
"""What container runtimes leave to root."""


def program(container: Json, pod: Json, image: Image, values: Mapping[str, str]) -> Json:
    """Return the keeper's description of a container's program; an empty `argv` is an init that reaps.

    `values` are the container's variables, over those of the image.
    Raises: ConfigurationError where the container must not run as root and would.
    """
    environment = {**image.environment, **values}
    command = [expand(each, environment) for each in container.get("command") or ()]
    arguments = [expand(each, environment) for each in container.get("args") or ()]
    if not command:
        command = list(image.entrypoint)
        arguments = arguments or list(image.command)
    user = _user(container, pod, image)
    if _setting(container, pod, "runAsNonRoot") and user.partition(":")[0] in ("", "0", "root"):
        raise ConfigurationError("container has runAsNonRoot and image will run as root")
    return {
        "argv": [*command, *arguments],
        "env": environment,
        "cwd": container.get("workingDir") or image.working_folder,
        "user": user,
        "groups": _groups(pod),
        "privileged": bool(_setting(container, pod, "privileged")),
        "capabilities": _capabilities(dig(container, "securityContext", "capabilities", default={})),
        "no_new_privileges": _setting(container, pod, "allowPrivilegeEscalation") is False,
        "read_only": bool(_setting(container, pod, "readOnlyRootFilesystem")),
    }


def _setting(container: Json, pod: Json, name: str) -> object:
    own = dig(container, "securityContext", name)
    return dig(pod, "spec", "securityContext", name) if own is None else own


def _user(container: Json, pod: Json, image: Image) -> str:
    user, group = _setting(container, pod, "runAsUser"), _setting(container, pod, "runAsGroup")
    name, _, named_group = image.user.partition(":")
    chosen = name if user is None else str(user)
    chosen_group = named_group if group is None and user is None else str("" if group is None else group)
    if chosen_group:
        return f"{chosen or 0}:{chosen_group}"
    return chosen


def _groups(pod: Json) -> list[int]:
    context = dig(pod, "spec", "securityContext", default={})
    groups = list(context.get("supplementalGroups") or ())
    if context.get("fsGroup") is not None:
        groups.append(context["fsGroup"])
    return groups


def _capabilities(wanted: Json) -> list[int]:
    dropped = {_plain(each) for each in wanted.get("drop") or ()}
    added = {_plain(each) for each in wanted.get("add") or ()}
    kept = set() if "ALL" in dropped else set(_DEFAULT) - dropped
    kept |= set(_NAMES) if "ALL" in added else added
    return [number for number, name in enumerate(_NAMES) if name in kept]


def _plain(name: str) -> str:
    return name.upper().removeprefix("CAP_")
