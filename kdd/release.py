"""`kdd release`: let go of all that a daemon held, once no daemon runs any more.

Layer: shell.
"""

from collections.abc import AsyncIterator

import typer

from kdd.app_use import IN_USE
from kdd.election import lease_ref
from kdlib import admission, kube
from kdlib.errors import NotFoundError, Problem, RefusedError
from kdlib.frozen import dig
from kdlib.graph import ref_of
from kdlib.reconcile import CLEANUP, has_finalizer, remove_finalizer
from kdlib.wire import KD_APP, KD_CLUSTER, KD_CONFIG, SECRET, Ref

__all__ = ["release"]

_HELD = ((KD_CLUSTER, CLEANUP), (KD_APP, IN_USE), (KD_CONFIG, CLEANUP))


async def release(
    kubeconfig: str | None, context: str | None, system_namespace: str, *, namespace: str | None = None
) -> None:
    """Deregister the webhook, and take off finalizers; raises RefusedError while a daemon holds the Lease.

    What daemons kept for themselves, the Lease and the certificate of the webhook, goes as well. With a `namespace`
    nothing outside of it is touched.
    """
    async with kube.connect(kubeconfig=kubeconfig, context=context) as connected:
        api = connected.within(namespace) if namespace else connected
        await _check_nobody_acts(api, lease_ref(system_namespace))
        for ref in () if namespace else await admission.deregister(api):
            typer.echo(f"{ref} removed")
        async for ref in _released(api):
            typer.echo(f"{ref} released")
        for ref in (Ref(SECRET, system_namespace, admission.Registration().name), lease_ref(system_namespace)):
            if await _is_removed(api, ref):
                typer.echo(f"{ref} removed")


async def _check_nobody_acts(api: kube.Api, ref: Ref) -> None:
    try:
        holder = dig(await api.get(ref), "spec", "holderIdentity", default="")
    except NotFoundError:
        return
    if holder:
        what = f"it is held by {holder!r}, who would hold everything anew"
        remedy = f"stop that daemon; where it was killed: kubectl delete lease {ref.name} -n {ref.namespace}"
        raise RefusedError(str(ref), [Problem("spec.holderIdentity", what, remedy)])


async def _released(api: kube.Api) -> AsyncIterator[Ref]:
    """Take the daemon's finalizer off each object; clusters come first, since they hold the others."""
    for kind, finalizer in _HELD:
        try:
            found = (await api.list(kind)).items
        except NotFoundError:
            # The CustomResourceDefinition is gone, and with it all objects.
            continue
        for item in found:
            if has_finalizer(item, finalizer):
                await remove_finalizer(api, ref_of(item), item, finalizer)
                yield ref_of(item)


async def _is_removed(api: kube.Api, ref: Ref) -> bool:
    try:
        await api.delete(ref)
    except NotFoundError:
        return False
    return True
