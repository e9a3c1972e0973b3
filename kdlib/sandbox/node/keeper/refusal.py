"""Why the kernel refuses a node, in one sentence that says what to change.

Layer: pure.
"""

import errno
from typing import NamedTuple

__all__ = ["Knobs", "explain"]


_KERNEL = "Linux 5.12 or later with user namespaces, overlayfs and veth is needed"


class Knobs(NamedTuple):
    """The settings of the host that decide about unprivileged namespaces; None where the kernel has no such setting."""

    user_namespaces: int | None = None
    """`user.max_user_namespaces`."""
    unprivileged_clone: int | None = None
    """`kernel.unprivileged_userns_clone`."""
    apparmor_restricts: int | None = None
    """`kernel.apparmor_restrict_unprivileged_userns`."""


def explain(step: str, code: int, knobs: Knobs) -> str:
    """Say in one sentence what was refused and what to change; `code` is the kernel's error number."""
    why = errno.errorcode.get(code, str(code))
    if knobs.user_namespaces == 0:
        remedy = "run `sysctl -w user.max_user_namespaces=10000` as root"
    elif knobs.unprivileged_clone == 0:
        remedy = "run `sysctl -w kernel.unprivileged_userns_clone=1` as root"
    elif knobs.apparmor_restricts == 1:
        remedy = "run `sysctl -w kernel.apparmor_restrict_unprivileged_userns=0` as root"
    elif code == errno.ENOSPC:
        remedy = "raise the limits in /proc/sys/user (such as user.max_user_namespaces) as root"
    elif step == "mount overlay":
        remedy = _KERNEL
    elif step == "mount proc":
        remedy = (
            "parts of /proc are hidden: start the surrounding container with `--security-opt systempaths=unconfined`"
        )
    elif code in (errno.EPERM, errno.EACCES):
        remedy = (
            "the surrounding container forbids nested namespaces: start it with `--security-opt seccomp=unconfined "
            "--security-opt apparmor=unconfined`, or run outside of it"
        )
    else:
        remedy = _KERNEL
    return f'the kernel refuses the sandbox\'s node ("{step}": {why}); {remedy}'
