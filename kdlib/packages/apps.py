"""Apps in manifest files.

Layer: pure.
"""

from pathlib import Path

from kdlib.errors import Problem, RefusedError
from kdlib.model import App, parse_app
from kdlib.packages.documents import load
from kdlib.wire import KD_APP

__all__ = ["load_app"]


def load_app(path: str | Path) -> App:
    """Read the one KubeDirectorApp of a manifest file.

    Raises RefusedError where the file cannot be read, holds none or several, or where the app is wrong.
    """
    apps = [document.value for document in load(path) if document.value.get("kind") == KD_APP.name]
    if len(apps) != 1:
        problem = Problem("(the file)", f"holds {len(apps)} objects of kind {KD_APP.name}", "keep exactly one")
        raise RefusedError(str(path), [problem])
    return parse_app(apps[0])
