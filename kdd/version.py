"""`kdd version`: what this is, and what it works with.

Layer: shell.
"""

import platform

import kdlib

__all__ = ["KUBERNETES", "version"]

KUBERNETES = ("1.28", "1.36")
"""The oldest and the newest version of Kubernetes that is supported."""


def version() -> str:
    """Return the lines of `kdd version`."""
    oldest, newest = KUBERNETES
    return f"kubedirector {kdlib.__version__}\nPython {platform.python_version()}\nKubernetes {oldest} to {newest}"
