"""Reading the cluster that a command is about.

Layer: shell.
"""

from kdlib import kube
from kdlib.errors import NotFoundError, Problem, RefusedError
from kdlib.frozen import Json
from kdlib.wire import Ref

__all__ = ["read_cluster"]


async def read_cluster(api: kube.Api, ref: Ref) -> Json:
    """Return the cluster; raises RefusedError, with where to look, where there is none."""
    try:
        return await api.get(ref)
    except NotFoundError as error:
        remedy = "look with: kubectl get kdcluster -A; then name its namespace by -n"
        problem = Problem("CLUSTER", f"there is no cluster {ref.name!r} in namespace {ref.namespace!r}", remedy)
        raise RefusedError(str(ref), [problem]) from error
