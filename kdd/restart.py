"""`kdd restart`: ask for members to be restarted, by an annotation with a new value.

Layer: shell.
"""

import secrets

import typer

from kdd.reading import read_cluster, request_key
from kdlib import kube
from kdlib.errors import Problem, RefusedError
from kdlib.frozen import Json, dig
from kdlib.lifecycle import RESTART
from kdlib.wire import KD_CLUSTER, Ref

__all__ = ["restart"]

_LONGEST_NAME = 63


async def restart(
    kubeconfig: str | None, context: str | None, namespace: str, *, cluster: str, member: str | None, role: str | None
) -> None:
    """Annotate the cluster; raises RefusedError for a member or a role that it does not have."""
    ref = Ref(KD_CLUSTER, namespace, cluster)
    async with kube.connect(kubeconfig=kubeconfig, context=context) as api:
        found = await read_cluster(api, ref)
        problem = _problem(found, member, role)
        if problem:
            raise RefusedError(str(ref), [problem])
        key = f"{RESTART}-role-{role}" if role else request_key(ref, RESTART, member)
        await api.merge_patch(ref, {"metadata": {"annotations": {key: secrets.token_hex(4)}}})
    what = member or (f"the members of role {role!r}, one after the other" if role else "all members, one by one")
    typer.echo(f"{ref}: asked for a restart of {what}")


def _problem(found: Json, member: str | None, role: str | None) -> Problem | None:
    """Return why nobody can be restarted so, or None."""
    entries = dig(found, "status", "roles", default=[])
    members = [str(item["pod"]) for entry in entries for item in entry["members"]]
    if member and role:
        return Problem("MEMBER", "a member and --role exclude each other", "give one of them")
    if member and member not in members:
        return Problem("MEMBER", f"{member!r} is no member", f"its members are: {', '.join(members) or 'none yet'}")
    if role:
        return _of_role(role, [str(entry["id"]) for entry in entries])
    return None if members else Problem("CLUSTER", "it has no members yet", "there is nothing to restart")


def _of_role(role: str, roles: list[str]) -> Problem | None:
    if role not in roles:
        return Problem("--role", f"{role!r} has no members", f"its roles are: {', '.join(roles) or 'none yet'}")
    if len(f"restart-role-{role}") > _LONGEST_NAME:
        what = f"{role!r} is too long for the name of an annotation"
        return Problem("--role", what, "restart its members one by one")
    return None
