"""Kubernetes clusters that are named by Secrets with kubeconfigs, in the system namespace of the first one.

They come, change and go while the daemon runs, and no other notices.

Layer: shell.
"""

import base64
import binascii
import logging
from collections.abc import Callable, Collection
from contextlib import AbstractAsyncContextManager
from functools import partial

from kdlib import kube
from kdlib.errors import Problem, RefusedError
from kdlib.frozen import Json, dig, digest
from kdlib.wire import SECRET, Ref

__all__ = ["KEY", "LABEL", "KubeconfigSecrets"]

_log = logging.getLogger(__name__)

LABEL = "kubedirector.hpe.com/kubeconfig"
"""Label of such Secrets; its value does not matter."""
KEY = "kubeconfig"
"""Key of the Secret under which the kubeconfig stands."""

Put = Callable[[str, Callable[[], AbstractAsyncContextManager[kube.Api]]], None]
Drop = Callable[[str], None]


class KubeconfigSecrets:
    """Follows the Secrets; `put` and `drop` are called with the names of the Kubernetes clusters that they are about.

    Guarantees: one whose kubeconfig did not change is left alone, also when the watch begins anew; what a Secret holds
    is in no log.
    """

    def __init__(self, namespace: str, taken: Collection[str], *, put: Put, drop: Drop) -> None:
        self._namespace = namespace
        self._taken = frozenset(taken)
        self._put, self._drop = put, drop
        self._known: dict[str, str] = {}
        self._cache = kube.Cache()
        self._cache.subscribe(self._changed)

    async def run(self, api: kube.Api) -> None:
        """Follow them until cancelled."""
        selection = kube.Selection(SECRET, self._namespace, labels=LABEL)
        await kube.Reflector(api, selection, self._cache).run()

    def _changed(self, change: kube.Change) -> None:
        name = str((change.after or change.before or {})["metadata"]["name"])
        if name in self._taken:
            _log.warning("%s: a context has this name already, so %s is left out", name, self._ref(name))
            return
        if change.after is None:
            if self._known.pop(name, None) is not None:
                self._drop(name)
            return
        now = digest(dig(change.after, "data", KEY, default=""))
        if self._known.get(name) == now:
            return
        self._known[name] = now
        self._put(name, partial(self._connect, name, change.after))

    def _connect(self, name: str, secret: Json) -> AbstractAsyncContextManager[kube.Api]:
        source = str(self._ref(name))
        return kube.connect_given(_text(secret, source), source, name=name)

    def _ref(self, name: str) -> Ref:
        return Ref(SECRET, self._namespace, name)


def _text(secret: Json, source: str) -> str:
    """Return the kubeconfig that a Secret holds."""
    try:
        found = base64.b64decode(dig(secret, "data", KEY, default=""), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, TypeError):
        found = ""
    if not found.strip():
        raise RefusedError(source, [Problem(f"data.{KEY}", "holds no text", "store a kubeconfig under this key")])
    return found
