"""The library: models apps, roles and members, computes their Kubernetes objects, and keeps them true.

What every user needs stands here; the rooms (`kdlib.kube`, `kdlib.runtime` and others) have the rest. Names are
imported when they are first used, so that the embedded cluster, which needs few of them, is ready at once; their
types stand in `__init__.pyi`.

Layer: pure.
"""

from importlib import import_module

__all__ = [
    "App",
    "Cluster",
    "Config",
    "Desired",
    "KubeDirectorError",
    "ObjectGraph",
    "Problem",
    "RefusedError",
    "Resolved",
    "Seen",
    "__version__",
    "build",
    "check",
    "load",
    "load_app",
    "resolve",
]

_ROOMS = {
    "kdlib.errors": ("KubeDirectorError", "Problem", "RefusedError"),
    "kdlib.graph": ("ObjectGraph",),
    "kdlib.manifests": ("Desired", "build"),
    "kdlib.model": ("App", "Cluster", "Config", "Resolved", "Seen"),
    "kdlib.offline": ("check",),
    "kdlib.packages": ("load", "load_app"),
    "kdlib.rules": ("resolve",),
}


def __getattr__(name: str) -> object:
    """Import a public name from its room; `__version__` is that of the installed distribution."""
    if name == "__version__":
        return _version()
    for room, names in _ROOMS.items():
        if name in names:
            return getattr(import_module(room), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _version() -> str:
    metadata = import_module("importlib.metadata")
    try:
        return str(metadata.version("kubedirector"))
    except metadata.PackageNotFoundError:
        return "0+source"
