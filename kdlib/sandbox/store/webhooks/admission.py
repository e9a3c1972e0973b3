"""Admission by webhooks: mutating ones in turn, validating ones at once.

See https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/.

Layer: shell.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from kdlib.errors import ApiError
from kdlib.frozen import Json
from kdlib.sandbox.store.core import Core
from kdlib.sandbox.store.faults import bad_request, internal
from kdlib.sandbox.store.options import WriteOptions
from kdlib.sandbox.store.webhooks.attributes import Attributes
from kdlib.sandbox.store.webhooks.calling import Call, Caller, Resolver, call_over_https, endpoint_of
from kdlib.sandbox.store.webhooks.matching import Hook, hooks_of, matching_hooks
from kdlib.sandbox.store.webhooks.review import Verdict, WebhookError, admission_review, verdict_of
from kdlib.wire import PatchError, json_patch

__all__ = ["Admission", "option_body"]

_MUTATING = "admissionregistration.k8s.io/mutatingwebhookconfigurations"
_VALIDATING = "admissionregistration.k8s.io/validatingwebhookconfigurations"


def _nowhere(_namespace: str, _name: str, _port: int) -> None:
    return None


class Admission:
    """Asks the webhooks that are configured.

    `resolve` tells where a Service is reached from this process, `call` sends a review; both can be set.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self.resolve: Resolver = _nowhere
        self.call: Caller = call_over_https

    @property
    def is_idle(self) -> bool:
        """Tell whether no webhook is configured at all."""
        shelves = self._core.shelves
        return not shelves.objects(_MUTATING) and not shelves.objects(_VALIDATING)

    async def mutate(self, asked: Attributes) -> tuple[Json | None, list[str]]:
        """Return the object as the mutating webhooks want it, and their warnings; raises ApiError for a refusal."""
        warnings: list[str] = []
        for hook in self._matching(_MUTATING, asked):
            verdict = await self._ask(hook, asked, mutating=True)
            warnings.extend(verdict.warnings)
            if verdict.refusal is not None:
                raise verdict.refusal
            if verdict.patch and asked.new is not None:
                asked = replace(asked, new=self._patched(hook, asked, verdict.patch))
        return asked.new, warnings

    async def validate(self, asked: Attributes) -> list[str]:
        """Ask the validating webhooks, all at once; return their warnings. Raises ApiError for a refusal."""
        hooks = self._matching(_VALIDATING, asked)
        if not hooks:
            return []
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._settled(hook, asked)) for hook in hooks]
        verdicts = [task.result() for task in tasks]
        for verdict in verdicts:
            if verdict.refusal is not None:
                raise verdict.refusal
        return [warning for verdict in verdicts for warning in verdict.warnings]

    async def _settled(self, hook: Hook, asked: Attributes) -> Verdict:
        """Ask, and return what is raised as a refusal, so that no webhook ends the asking of the others."""
        try:
            return await self._ask(hook, asked, mutating=False)
        except ApiError as error:
            return Verdict(error)

    async def _ask(self, hook: Hook, asked: Attributes, *, mutating: bool) -> Verdict:
        if asked.dry_run and hook.raw.get("sideEffects") not in {"None", "NoneOnDryRun"}:
            raise bad_request(f'admission webhook "{hook.name}" does not support dry run')
        uid = self._core.new_uid()
        try:
            endpoint = endpoint_of(hook.raw.get("clientConfig") or {}, self.resolve)
            seconds = float(hook.raw.get("timeoutSeconds") or 10)
            answer = await self.call(Call(endpoint, admission_review(hook, asked, uid), seconds))
            return verdict_of(hook, answer, uid, mutating=mutating)
        except WebhookError as error:
            if hook.raw.get("failurePolicy") == "Ignore":
                return Verdict()
            message = f'failed calling webhook "{hook.name}": failed to call webhook: {error}'
            raise internal(message) from error

    def _patched(self, hook: Hook, asked: Attributes, patch: list[Json]) -> Json:
        own, wanted = asked.target.resource, hook.resource or asked.target.resource
        obj = asked.new or {}
        shown = obj if wanted is own else wanted.shown(own.stored(obj))
        try:
            patched = json_patch(shown, patch)
        except PatchError as error:
            raise internal(f'failed applying the patch of webhook "{hook.name}": {error}') from error
        return patched if wanted is own else own.shown(wanted.stored(patched))

    def _matching(self, storage: str, asked: Attributes) -> list[Hook]:
        configurations = self._core.shelves.objects(storage)
        if not configurations:
            return []
        resource = asked.target.resource
        same = [one for one in self._core.resources if one.storage == resource.storage and one is not resource]
        labels = self._namespace_labels(asked)
        return list(matching_hooks(hooks_of(configurations.values()), asked, labels, same))

    def _namespace_labels(self, asked: Attributes) -> Mapping[str, str] | None:
        """Return the labels that a namespace selector looks at; None where there is no namespace to select."""
        target = asked.target
        if target.resource.storage == "namespaces":
            return asked.labels
        if not target.resource.kind.namespaced:
            return None
        found = self._core.shelves.get("namespaces", ("", target.namespace)) or {}
        return found.get("metadata", {}).get("labels") or {}


def option_body(options: WriteOptions, operation: str) -> Json:
    """Return the options of a write as a review shows them."""
    kind = "CreateOptions" if operation == "CREATE" else "UpdateOptions"
    body: Json = {"kind": kind, "apiVersion": "meta.k8s.io/v1"}
    if options.dry_run:
        body["dryRun"] = ["All"]
    if options.manager:
        body["fieldManager"] = options.manager
    return body
