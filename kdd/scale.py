"""`kdd scale`: ask for other numbers of members, and for nothing else.

What is applied has nothing but ids and numbers, under a field manager of its own: it owns just the numbers.

Layer: shell.
"""

from collections.abc import Sequence

import typer

from kdd.reading import read_cluster
from kdlib import kube
from kdlib.errors import Problem, RefusedError
from kdlib.frozen import Json, dig
from kdlib.wire import KD_CLUSTER, Ref

__all__ = ["FIELD_MANAGER", "scale"]

FIELD_MANAGER = "kdd-scale"
_CLIENT_SIDE = "kubectl-client-side-apply"
"""Who writes a manifest's lists whole, as kubectl names itself then."""


async def scale(
    kubeconfig: str | None, context: str | None, namespace: str, *, cluster: str, roles: Sequence[str]
) -> None:
    """Apply the member counts, each written ROLE=N; raises RefusedError for a role that the cluster has not.

    A number that the cluster cannot have is refused in the words of the API server. Numbers that an earlier call
    owns, and this one does not name, stay as they are.
    """
    ref = Ref(KD_CLUSTER, namespace, cluster)
    wanted = _numbers(roles)
    async with kube.connect(kubeconfig=kubeconfig, context=context) as api:
        found = await read_cluster(api, ref)
        before = {role.get("id"): role.get("members") for role in dig(found, "spec", "roles", default=[])}
        _refuse_unknown(ref, wanted, before)
        kept = {role: before[role] for role in _owned(found) & before.keys() if before[role] is not None}
        await api.apply(_counts(ref, {**kept, **wanted}), kind=KD_CLUSTER, field_manager=FIELD_MANAGER)
    changes = (f"{role} from {_shown(before[role])} to {count} members" for role, count in wanted.items())
    typer.echo(f"{ref}: {', '.join(changes)}")
    if any(item.get("manager") == _CLIENT_SIDE for item in dig(found, "metadata", "managedFields", default=[])):
        words = "client-side kubectl apply of its manifest writes all of spec.roles, and takes that back"
        typer.echo(f"{ref}: spec.roles: {words}; apply it with --server-side", err=True)


def _numbers(texts: Sequence[str]) -> dict[str, int]:
    """Read ROLE=N, each role once."""
    wanted: dict[str, int] = {}
    for text in texts:
        role, equals, number = text.partition("=")
        if not (role and equals and number.isascii() and number.isdigit() and len(number) <= 9) or role in wanted:
            what = f"{text!r} is not ROLE=N" if role not in wanted else f"role {role!r} is given twice"
            raise RefusedError("kdd scale", [Problem("ROLE=N", what, "write for instance worker=5")])
        wanted[role] = int(number)
    return wanted


def _refuse_unknown(ref: Ref, wanted: dict[str, int], known: dict[str, int | None]) -> None:
    listed = ", ".join(map(repr, known)) or "none"
    problems = [
        Problem("ROLE", f"the cluster has no role {role!r}", f"its roles are: {listed}")
        for role in wanted
        if role not in known
    ]
    if problems:
        raise RefusedError(str(ref), problems)


def _owned(cluster: Json) -> set[str]:
    """Return the roles whose numbers earlier calls own: who applies less gives up the rest."""
    fields = (
        dig(entry, "fieldsV1", "f:spec", "f:roles", default={})
        for entry in dig(cluster, "metadata", "managedFields", default=[])
        if entry.get("manager") == FIELD_MANAGER and entry.get("operation") == "Apply"
    )
    keys = (key for owned in fields for key, inner in owned.items() if "f:members" in inner)
    return {key.removeprefix('k:{"id":"').removesuffix('"}') for key in keys}


def _counts(ref: Ref, numbers: dict[str, int]) -> Json:
    return {
        "apiVersion": ref.kind.api_version,
        "kind": ref.kind.name,
        "metadata": {"namespace": ref.namespace, "name": ref.name},
        "spec": {"roles": [{"id": role, "members": count} for role, count in sorted(numbers.items())]},
    }


def _shown(count: int | None) -> str:
    return "its least number" if count is None else str(count)
