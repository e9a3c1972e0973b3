"""Who asks, and how: the options of a write, a read or a deletion.

Layer: pure.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from kdlib.frozen import Json
from kdlib.sandbox.store.faults import (
    FieldError,
    bad_request,
    forbidden_field,
    invalid_options,
    invalid_value,
    required,
    unsupported,
)
from kdlib.wire import APPLY

__all__ = [
    "Caller",
    "DeleteOptions",
    "System",
    "WriteOptions",
    "check_options",
    "delete_options",
    "write_options",
]


class Caller(Protocol):
    """Who asks, as admission and access reviews see them."""

    @property
    def name(self) -> str:
        """Return the user's name."""

    @property
    def groups(self) -> tuple[str, ...]:
        """Return the user's groups."""


@dataclass(frozen=True, slots=True)
class System:
    """The server itself."""

    name: str = "system:apiserver"
    groups: tuple[str, ...] = ("system:masters",)


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """How something is to be written."""

    manager: str = ""
    """The field manager; empty for `unknown`."""
    dry_run: bool = False
    dry_run_text: str = ""
    """What the query said, for the check."""
    validation: str = "Warn"
    """What becomes of unknown and duplicate fields: `Strict`, `Warn` or `Ignore`."""
    force: bool = False
    caller: Caller = System()
    duplicates: tuple[str, ...] = ()
    """Paths of fields that stood twice in the body, where the reader of the body looked for them."""


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """How something is to be deleted."""

    grace_seconds: int | None = None
    propagation: str = ""
    uid: str = ""
    version: str = ""
    dry_run: bool = False
    dry_run_text: str = ""
    orphan: bool | None = None
    caller: Caller = System()


def write_options(query: Mapping[str, str], caller: Caller, duplicates: tuple[str, ...] = ()) -> WriteOptions:
    """Read the query of a write; raises ApiError 400."""
    force = query.get("force", "")
    return WriteOptions(
        manager=query.get("fieldManager", ""),
        dry_run=query.get("dryRun") == "All",
        dry_run_text=query.get("dryRun", ""),
        validation=query.get("fieldValidation") or "Warn",
        force=_truth(force, "force") if force else False,
        caller=caller,
        duplicates=duplicates,
    )


def check_options(verb: str, content_type: str, options: WriteOptions) -> None:
    """Raise a 422 for options that make no sense."""
    is_apply = content_type == APPLY
    errors = list(_option_errors(options, is_apply=is_apply, is_patch=verb == "patch"))
    if errors:
        raise invalid_options({"create": "CreateOptions", "patch": "PatchOptions"}.get(verb, "UpdateOptions"), errors)


def _option_errors(options: WriteOptions, *, is_apply: bool, is_patch: bool) -> Iterator[FieldError]:
    if is_apply and not options.manager:
        yield required("fieldManager", "is required for apply patch")
    if is_patch and not is_apply and options.force:
        yield forbidden_field("force", "may not be specified for non-apply patch")
    if len(options.manager) > 128:
        yield FieldError("fieldManager", "FieldValueTooLong", "may not be more than 128 bytes")
    if not options.manager.isprintable():
        yield invalid_value("fieldManager", options.manager, "should only contain printable characters")
    if options.validation not in {"Strict", "Warn", "Ignore"}:
        yield unsupported("fieldValidation", options.validation, ("", "Ignore", "Strict", "Warn"))
    if options.dry_run_text not in {"", "All"}:
        yield unsupported("dryRun", [options.dry_run_text], ("All",))


def delete_options(query: Mapping[str, str], body: Any, caller: Caller) -> DeleteOptions:
    """Read the body of a deletion, or its query where there is none. Raises ApiError 400.

    A query beside a body counts for nothing, on a real API server too: `?dryRun=All` with a body deletes.
    """
    words = {**query, "dryRun": [query["dryRun"]] if query.get("dryRun") else []}
    sent: Json = {"dryRun": [], **body} if isinstance(body, dict) else words
    preconditions = sent.get("preconditions") or {}
    grace, orphan = sent.get("gracePeriodSeconds"), sent.get("orphanDependents")
    return DeleteOptions(
        grace_seconds=None if grace in {None, ""} else _number(grace),
        propagation=sent.get("propagationPolicy") or "",
        uid=preconditions.get("uid") or "",
        version=preconditions.get("resourceVersion") or "",
        dry_run=bool(sent["dryRun"]),
        dry_run_text=next((str(word) for word in sent["dryRun"] or () if word != "All"), ""),
        orphan=None if orphan is None else orphan in {True, "true"},
        caller=caller,
    )


def _truth(value: str, name: str) -> bool:
    # Some clients write booleans as Python does; the reference server reads these too.
    if value.lower() in {"1", "t", "true"}:
        return True
    if value.lower() in {"0", "f", "false"}:
        return False
    raise bad_request(f'strconv.ParseBool: parsing "{value}": invalid syntax ({name})')


def _number(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError) as error:
        raise bad_request(f'strconv.ParseInt: parsing "{value}": invalid syntax') from error
