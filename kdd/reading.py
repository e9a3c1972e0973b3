"""Reading the cluster that a command is about, and finding the member that it names.

Layer: shell.
"""

from kdlib import kube
from kdlib.errors import NotFoundError, Problem, RefusedError
from kdlib.frozen import Json, dig
from kdlib.wire import Ref

__all__ = ["check_member", "read_cluster", "request_key"]

_LONGEST_NAME = 63


async def read_cluster(api: kube.Api, ref: Ref) -> Json:
    """Return the cluster; raises RefusedError, with where to look, where there is none."""
    try:
        return await api.get(ref)
    except NotFoundError as error:
        remedy = "look with: kubectl get kdcluster -A; then name its namespace by -n"
        problem = Problem("CLUSTER", f"there is no cluster {ref.name!r} in namespace {ref.namespace!r}", remedy)
        raise RefusedError(str(ref), [problem]) from error


def check_member(ref: Ref, cluster: Json, member: str | None) -> None:
    """Raise RefusedError, which names its members, where the cluster has none of this name; None is all of them."""
    pods = [entry.get("pod") for role in dig(cluster, "status", "roles", default=[]) for entry in role["members"]]
    if member is not None and member not in pods:
        known = ", ".join(map(str, pods)) or "none yet"
        raise RefusedError(str(ref), [Problem("MEMBER", f"{member!r} is no member", f"its members are: {known}")])


def request_key(ref: Ref, key: str, member: str | None) -> str:
    """Return the annotation that asks one member, or all; raises RefusedError where none can have the member's name."""
    if member is None:
        return key
    asked = f"{key}-{member}"
    if len(asked.rpartition("/")[2]) > _LONGEST_NAME:
        what = f"{member!r} is too long for the name of an annotation"
        raise RefusedError(str(ref), [Problem("MEMBER", what, "leave it out: all members are asked then")])
    return asked
