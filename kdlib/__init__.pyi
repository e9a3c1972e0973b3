from kdlib.errors import KubeDirectorError, Problem, RefusedError
from kdlib.graph import ObjectGraph
from kdlib.manifests import Desired, build
from kdlib.model import App, Cluster, Config, Resolved, Seen
from kdlib.offline import check
from kdlib.packages import load, load_app
from kdlib.rules import resolve

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

__version__: str
