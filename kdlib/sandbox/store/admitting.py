"""A write through admission: the webhooks see the draft, and what they change is read like any body.

Layer: shell.
"""

from dataclasses import replace

from kdlib.frozen import Json
from kdlib.sandbox.store.core import Core
from kdlib.sandbox.store.deleting import Deletion
from kdlib.sandbox.store.draft import Draft
from kdlib.sandbox.store.intake import check_place, read_patched
from kdlib.sandbox.store.options import WriteOptions
from kdlib.sandbox.store.parts import confined
from kdlib.sandbox.store.scale import scale_of
from kdlib.sandbox.store.target import Target
from kdlib.sandbox.store.webhooks import Admission, Attributes, option_body

__all__ = ["admit_deletion", "mutate_draft", "validate_draft"]


async def mutate_draft(core: Core, admission: Admission, draft: Draft) -> None:
    """Show a draft to the mutating webhooks, and take over what they change; raises ApiError."""
    if admission.is_idle:
        return
    asked = _attributes(draft)
    changed, warnings = await admission.mutate(asked)
    draft.warnings.extend(warnings)
    if changed is None or changed is asked.new or draft.subresource == "scale":
        return
    obj, _ = read_patched(draft.resource, changed, core.reading(), WriteOptions(validation="Ignore"))
    check_place(draft.resource, obj, draft.namespace, draft.name)
    entries = (changed.get("metadata") or {}).get("managedFields")
    if entries:
        obj["metadata"]["managedFields"] = entries
    draft.new = obj if draft.old is None else confined(draft.resource, obj, draft.old, draft.subresource)


async def validate_draft(admission: Admission, draft: Draft) -> None:
    """Show a checked draft to the validating webhooks; raises ApiError."""
    if not admission.is_idle:
        draft.warnings.extend(await admission.validate(_attributes(draft)))


async def admit_deletion(admission: Admission, deletion: Deletion, *, is_named: bool = True) -> list[str]:
    """Show a deletion to all webhooks, and return their warnings; raises ApiError."""
    if admission.is_idle:
        return []
    options: Json = {"kind": "DeleteOptions", "apiVersion": "meta.k8s.io/v1"}
    if deletion.options.propagation:
        options["propagationPolicy"] = deletion.options.propagation
    if deletion.options.grace_seconds is not None:
        options["gracePeriodSeconds"] = deletion.options.grace_seconds
    namespace, name = deletion.key
    target = Target(deletion.resource, namespace, name if is_named else "")
    caller, dry_run = deletion.options.caller, deletion.options.dry_run
    asked = Attributes("DELETE", target, None, deletion.old, caller, dry_run=dry_run, options=options)
    _, warnings = await admission.mutate(asked)
    return warnings + await admission.validate(asked)


def _attributes(draft: Draft) -> Attributes:
    name = draft.name or str(draft.new["metadata"].get("name", ""))
    target = Target(draft.resource, draft.namespace, name, draft.subresource)
    options = draft.options
    asked = Attributes(
        draft.operation,
        target,
        draft.new,
        draft.old,
        options.caller,
        dry_run=options.dry_run,
        options=option_body(options, draft.operation),
    )
    if draft.subresource != "scale" or draft.old is None:
        return asked
    return replace(asked, new=scale_of(draft.resource, draft.new), old=scale_of(draft.resource, draft.old))
