"""A daemon that looks after one namespace alone: what it can do without, and says so once.

Layer: shell.
"""

import logging

from kdd.settings import Settings
from kdlib import kube
from kdlib.errors import Problem, RefusedError
from kdlib.names import is_dns_label

__all__ = ["Alone", "check_alone"]

_log = logging.getLogger(__name__)
_ALONE = (
    "%s: looks after namespace %r alone, with its apps, global configuration and Lease; no webhook is served, and "
    "whether a default StorageClass exists is not told"
)


def check_alone(settings: Settings) -> None:
    """Raise RefusedError where the namespace is none, or another one is to have what belongs to it."""
    namespace, system = settings.namespace, settings.system_namespace
    if namespace is None:
        return
    problems = []
    if not is_dns_label(namespace):
        what = f"{namespace!r} is no name of a namespace"
        problems.append(Problem("--namespace", what, "give one of lowercase letters, digits and dashes"))
    if system != namespace:
        what = f"{system!r} is not the namespace that is looked after alone, {namespace!r}"
        problems.append(Problem("--system-namespace", what, "leave it out"))
    if problems:
        raise RefusedError("kdd run", problems)


class Alone:
    """Tells what a daemon without any right outside of its namespace goes without."""

    def __init__(self, api: kube.Api) -> None:
        self._api = api

    async def run(self) -> None:
        """Tell it once."""
        _log.info(_ALONE, self._api.name, self._api.namespace)
