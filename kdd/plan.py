"""`kdd plan`: what would happen if manifests were applied, in order, without doing it.

Layer: shell.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import typer

from kdlib import kube, offline, packages, rules
from kdlib.errors import ApiError, ConflictError, NotFoundError, Problem, RefusedError
from kdlib.frozen import Json, dig
from kdlib.manifests import MANAGED
from kdlib.model import Seen
from kdlib.names import LABEL_CLUSTER
from kdlib.rules import Facts, ListNeed
from kdlib.wire import KD_APP, KD_CLUSTER, KD_CONFIG, POD, Ref

__all__ = ["forecast", "plan"]

_CHILDREN = (*MANAGED, POD)
_FORBIDDEN = 403
_REFUSALS = (400, _FORBIDDEN, 422)
_KUBECTL = "kubectl"
_CONFLICT_REMEDY = "leave these fields out of the manifest, or take them over by kubectl apply --force-conflicts"
_NO_SECRET = "0" * 64
"""Stands for dice: what is drawn for a forecast is never stored."""


async def plan(
    kubeconfig: str | None,
    context: str | None,
    namespace: str,
    *,
    system_namespace: str,
    files: tuple[Path, ...],
    server_side: bool | None = None,
) -> None:
    """Print what would happen to each cluster of the files; exit code 2 where one would be refused.

    `server_side` says how the files will be applied; None stands for the way in which each was applied last.
    """
    values = [document.value for path in files for document in packages.load(path)]
    named = {_ref(value, namespace): value for value in values if value.get("kind") in (KD_APP.name, KD_CLUSTER.name)}
    clusters = [ref for ref in named if ref.kind == KD_CLUSTER]
    if not clusters:
        problem = Problem("(the files)", f"hold no {KD_CLUSTER.name}", "name a manifest with one")
        raise RefusedError(", ".join(map(str, files)), [problem])
    async with kube.connect(kubeconfig=kubeconfig, context=context) as api:
        world = _World(api, system_namespace, named, server_side=server_side)
        found = [(ref, await world.forecast(ref)) for ref in clusters]
    for ref, outcome in found:
        _tell(ref, outcome)
    if any(outcome.problems for _, outcome in found):
        raise typer.Exit(2)


async def forecast(
    api: kube.Api, ref: Ref, named: dict[Ref, Json], *, system_namespace: str, server_side: bool | None = None
) -> offline.Forecast:
    """Say what would happen to the cluster `ref` if all that is named were applied."""
    return await _World(api, system_namespace, named, server_side=server_side).forecast(ref)


def _tell(ref: Ref, outcome: offline.Forecast) -> None:
    typer.echo(f"{ref}:" + ("" if outcome.problems or outcome.steps else " nothing would change"))
    for words in outcome.unknown:
        typer.echo(f"  cannot be looked at, and is left out: {words}")
    for problem in outcome.problems:
        typer.echo(f"  refused: {problem}")
    for number, step in enumerate(outcome.steps, start=1):
        typer.echo(f"  {number}. {step}")


def _ref(value: Json, namespace: str) -> Ref:
    kind = KD_APP if value["kind"] == KD_APP.name else KD_CLUSTER
    metadata = value.get("metadata") or {}
    return Ref(kind, str(metadata.get("namespace") or namespace), str(metadata.get("name") or ""))


def _was_applied_there(live: Json | None) -> bool:
    """Tell whether kubectl applied the object on the server's side, and not on its own side last."""
    entries = dig(live, "metadata", "managedFields", default=[])
    noted = dig(live, "metadata", "annotations", offline.LAST_APPLIED)
    return not noted and any((entry.get("manager"), entry.get("operation")) == (_KUBECTL, "Apply") for entry in entries)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


class _World:
    """What one forecast has to know: read as it is asked for; the files come before what is stored."""

    def __init__(
        self, api: kube.Api, system_namespace: str, named: dict[Ref, Json], *, server_side: bool | None
    ) -> None:
        self._api = api
        self._server_side = server_side
        self._system_namespace = system_namespace
        self._written = named
        self._known: dict[Ref, Json | None] = {ref: item for ref, item in named.items() if ref.kind == KD_APP}
        self._hidden: dict[Ref, str] = {}

    async def forecast(self, ref: Ref) -> offline.Forecast:
        """Read what is there, and say what would happen."""
        written = self._written[ref]
        written = {**written, "metadata": {**written.get("metadata", {}), "namespace": ref.namespace}}
        live = await self._read(ref)
        try:
            new, troubles = await self._applied(written, live)
        except ConflictError as error:
            return offline.Forecast(problems=(Problem("(the manifest)", _one_line(error), _CONFLICT_REMEDY),))
        children = await self._all_children(ref) if live else []
        refs = {item: None for root in (live, new) if root for item in await self._related(root)}
        related = tuple((item, self._known[item]) for item in refs if item not in self._hidden)
        hidden = tuple((item, words) for item, words in self._hidden.items() if item in refs)
        # That users may not read the global configuration says nothing of the operator, who may.
        unreadable = tuple((item, words) for item, words in hidden if item.kind != KD_CONFIG)
        seen = Seen(datetime.now(UTC), new, tuple(children), related, unreadable=unreadable, entropy=_NO_SECRET)
        found = offline.forecast(new, live, seen, await self._facts(new, live))
        return replace(found, unknown=(*troubles, *(words for _, words in hidden)))

    async def _applied(self, written: Json, live: Json | None) -> tuple[Json, tuple[str, ...]]:
        """Return the object as it would be stored, and what could not be asked about it; raises ConflictError.

        Who owns which field the server alone knows: it is asked by a dry run.
        """
        server_side = _was_applied_there(live) if self._server_side is None else self._server_side
        if live is None or not server_side:
            return offline.applied(written, live), ()
        try:
            return await self._api.apply(
                written, kind=KD_CLUSTER, field_manager=_KUBECTL, force=False, dry_run=True
            ), ()
        except ApiError as error:
            # Rules and webhooks refuse with 403 or 422; the rules themselves say what is wrong, better.
            if error.code not in _REFUSALS:
                raise
            return offline.applied(written, live), (f"the server-side dry run was refused: {_one_line(error)}",)

    async def _all_children(self, ref: Ref) -> list[Json]:
        return [item for kind in _CHILDREN for item in await self._children(kind, ref)]

    async def _children(self, kind: kube.Kind, ref: Ref) -> Iterable[Json]:
        listing = await self._api.list(kube.Selection(kind, ref.namespace, labels=f"{LABEL_CLUSTER}={ref.name}"))
        return listing.items

    async def _related(self, root: Json) -> tuple[Ref, ...]:
        """Return what the root refers to, read as far as it may be; what was found may refer to more."""
        while True:
            refs = rules.related(root, self._known.get, self._system_namespace)
            missing = [item for item in refs if item not in self._known and item not in self._hidden]
            if not missing:
                return refs
            for item in missing:
                try:
                    self._known[item] = await self._read(item)
                except ApiError as error:
                    if error.code != _FORBIDDEN:
                        raise
                    self._hidden[item] = str(error)

    async def _facts(self, new: Json, live: Json | None) -> Facts:
        """Gather what the rules ask for; what may not be read stays unknown, and refuses nothing."""
        facts = Facts(self._known, system_namespace=self._system_namespace, check_access=False, entropy=_NO_SECRET)
        request, hidden = offline.request_for(new, live), set[Ref | ListNeed]()
        while True:
            asked = rules.needs(request, facts)
            needed: tuple[Ref | ListNeed, ...] = (*asked.objects, *asked.lists)
            wanted = [item for item in needed if item not in hidden]
            if not wanted:
                return facts
            for item in wanted:
                try:
                    facts = await self._with(facts, item)
                except ApiError as error:
                    if error.code != _FORBIDDEN:
                        raise
                    hidden.add(item)

    async def _with(self, facts: Facts, item: Ref | ListNeed) -> Facts:
        match item:
            case Ref():
                return replace(facts, objects={**facts.objects, item: await self._read(item)})
            case ListNeed():
                listing = await self._api.list(kube.Selection(item.kind, item.namespace))
                return replace(facts, lists={**facts.lists, item: listing.items})

    async def _read(self, ref: Ref) -> Json | None:
        try:
            return await self._api.get(ref)
        except NotFoundError:
            return None
