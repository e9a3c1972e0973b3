"""Which directories of a member are kept on its persistent volume (4.5, rule KO-10).

Layer: pure.
"""

import posixpath
from collections.abc import Iterable

from kdlib.model import AppRole

__all__ = ["persistent_directories"]

_WITHOUT_PACKAGE = ("/etc",)
_NEW_LAYOUT = ("/etc", "/opt/guestconfig", "/var/log/guestconfig", "/usr/local/bin", "/usr/local/lib")
_OLD_LAYOUT = ("/etc", "/opt", "/usr")


def persistent_directories(role: AppRole) -> tuple[str, ...]:
    """Return what is kept: what the setup needs, then what the app asks for, without what lies inside another one."""
    needed: tuple[str, ...] = _WITHOUT_PACKAGE
    if role.config_package:
        needed = _NEW_LAYOUT if role.config_package.use_new_setup_layout else _OLD_LAYOUT
    asked = _distinct(posixpath.normpath("/" + path.lstrip("/")) for path in role.persist_dirs or ())
    kept_needed = [path for path in needed if not _lies_below(path, (*needed, *asked))]
    kept_asked = [path for path in asked if path not in needed and not _lies_below(path, (*needed, *asked))]
    return (*kept_needed, *kept_asked)


def _distinct(paths: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(path for path in paths if path != "/"))


def _lies_below(path: str, others: Iterable[str]) -> bool:
    return any(path.startswith(f"{other}/") for other in others)
