"""The namespace controller: what every namespace has from the start, and how one ends.

Sources: https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/ and
https://kubernetes.io/docs/concepts/security/service-accounts/#default-service-accounts.

Layer: shell.
"""

from collections.abc import Iterator
from itertools import islice

from kdlib.errors import AlreadyExistsError
from kdlib.frozen import Json, dig
from kdlib.sandbox.controllers.desk import Desk
from kdlib.sandbox.controllers.kinds import SERVICE_ACCOUNT
from kdlib.sandbox.controllers.objects import timestamp
from kdlib.sandbox.controllers.pods import is_terminating, with_condition
from kdlib.wire import CONFIG_MAP, NAMESPACE

__all__ = ["Namespaces"]

_ROOT_CERTIFICATE = "kube-root-ca.crt"
_DELETED_AT_ONCE = 50
"""Objects deleted before others get their turn; the commits bring the namespace back for the rest."""
_DESCRIPTION = (
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the "
    "internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes "
    "clusters."
)


class Namespaces:
    """Gives each namespace its default ServiceAccount and the cluster's certificate, and empties those that end."""

    name = "namespace"
    watches = None

    def __init__(self, desk: Desk, certificate: str = "") -> None:
        self._desk = desk
        self._certificate = certificate

    def keys(self, event: str, obj: Json, old: Json | None) -> Iterator[str]:
        """Yield the namespace that a commit concerns."""
        if obj["kind"] == "Namespace" and obj["apiVersion"] == "v1":
            if event != "DELETED" and (old is None or is_terminating(obj)):
                yield obj["metadata"]["name"]
            return
        place = obj["metadata"].get("namespace")
        if place and self._concerns(place, event, obj):
            yield place

    def _concerns(self, place: str, event: str, obj: Json) -> bool:
        """Tell whether the namespace has to restore the object, or waits for its end."""
        if event == "DELETED" and obj["kind"] in ("ServiceAccount", "ConfigMap"):
            return True
        namespace = self._desk.index.get(NAMESPACE, "", place)
        return namespace is not None and is_terminating(namespace)

    def sync(self, key: str) -> int:
        """Look at one namespace."""
        namespace = self._desk.index.get(NAMESPACE, "", key)
        if namespace is None:
            return 0
        if is_terminating(namespace):
            return self._empty(namespace)
        self._furnish(key)
        return 1

    def _furnish(self, name: str) -> None:
        account: Json = {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": "default", "namespace": name},
        }
        if self._desk.index.get(SERVICE_ACCOUNT, name, "default") is None:
            self._create(account)
        if self._certificate:
            self._put_certificate(name)

    def _put_certificate(self, name: str) -> None:
        data = {"ca.crt": self._certificate}
        there = self._desk.index.get(CONFIG_MAP, name, _ROOT_CERTIFICATE)
        if there is None:
            metadata = {
                "name": _ROOT_CERTIFICATE,
                "namespace": name,
                "annotations": {"kubernetes.io/description": _DESCRIPTION},
            }
            self._create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})
        elif there.get("data") != data:
            self._desk.update({**there, "data": data})

    def _create(self, obj: Json) -> None:
        try:
            self._desk.create(obj)
        except AlreadyExistsError:
            return

    def _empty(self, namespace: Json) -> int:
        """Delete what is left, some at a time; end the namespace once nothing is."""
        name = namespace["metadata"]["name"]
        left = self._desk.index.namespace_size(name)
        if left == 0:
            self._end(namespace)
            return 0
        ready = [each for each in self._desk.index.in_namespace(name) if not is_terminating(each)]
        for each in islice(ready, _DELETED_AT_ONCE):
            self._desk.delete(each)
        if not ready:
            self._report(namespace)
        return left

    def _end(self, namespace: Json) -> None:
        finalizers = [each for each in dig(namespace, "spec", "finalizers", default=()) if each != "kubernetes"]
        if finalizers != dig(namespace, "spec", "finalizers", default=[]):
            self._desk.registry.update({**namespace, "spec": {"finalizers": finalizers}}, subresource="finalize")

    def _report(self, namespace: Json) -> None:
        """Say in the namespace's status whose finalizers it waits for."""
        waiting: dict[str, int] = {}
        for each in self._desk.index.in_namespace(namespace["metadata"]["name"]):
            for finalizer in each["metadata"].get("finalizers") or ():
                waiting[finalizer] = waiting.get(finalizer, 0) + 1
        if not waiting:
            return
        named = ", ".join(f"{finalizer} in {count} resource instances" for finalizer, count in sorted(waiting.items()))
        wanted = {
            "type": "NamespaceFinalizersRemaining",
            "status": "True",
            "reason": "SomeFinalizersRemain",
            "message": f"Some content in the namespace has finalizers remaining: {named}",
        }
        status = namespace.get("status") or {}
        changed = with_condition(status, wanted, timestamp(self._desk.now()))
        if changed != status:
            self._desk.update_status(namespace, changed)
