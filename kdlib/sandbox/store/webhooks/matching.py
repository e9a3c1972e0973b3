"""Which webhooks an operation is shown to.

See https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#matching-requests-rules.

Layer: pure.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kdlib.frozen import Json
from kdlib.sandbox.store.resources import Resource
from kdlib.sandbox.store.webhooks.attributes import Attributes
from kdlib.wire import from_label_selector

__all__ = ["Hook", "hooks_of", "matching_hooks"]

_EXEMPT_GROUP = "admissionregistration.k8s.io"


@dataclass(frozen=True, slots=True)
class Hook:
    """One webhook of a configuration, and the resource in whose version it wants the object."""

    raw: Json
    configuration: str
    resource: Resource | None = None

    @property
    def name(self) -> str:
        """Return the webhook's name."""
        return str(self.raw["name"])


def hooks_of(configurations: Iterable[Json]) -> Iterator[Hook]:
    """Yield the webhooks of all configurations, in the order in which they are called."""
    for configuration in sorted(configurations, key=lambda one: str(one["metadata"]["name"])):
        for raw in configuration.get("webhooks") or ():
            yield Hook(raw, configuration["metadata"]["name"])


def matching_hooks(
    hooks: Iterable[Hook], asked: Attributes, namespace_labels: Mapping[str, str] | None, same: Iterable[Resource]
) -> Iterator[Hook]:
    """Yield the webhooks that an operation is shown to; `same` are the resources of the same storage."""
    if asked.target.resource.kind.group == _EXEMPT_GROUP:
        return
    siblings = list(same)
    for hook in hooks:
        resource = _matching_resource(hook.raw, asked, siblings)
        if resource is None or not _selected(hook.raw, asked, namespace_labels):
            continue
        if all(_holds(condition, asked) for condition in hook.raw.get("matchConditions") or ()):
            yield Hook(hook.raw, hook.configuration, resource)


def _matching_resource(raw: Json, asked: Attributes, siblings: list[Resource]) -> Resource | None:
    rules = raw.get("rules") or ()
    if any(_rule_matches(rule, asked, asked.target.resource) for rule in rules):
        return asked.target.resource
    if raw.get("matchPolicy") == "Exact":
        return None
    return next((one for one in siblings if any(_rule_matches(rule, asked, one) for rule in rules)), None)


def _rule_matches(rule: Json, asked: Attributes, resource: Resource) -> bool:
    kind = resource.kind
    return (
        _has(rule.get("operations"), asked.operation)
        and _has(rule.get("apiGroups"), kind.group)
        and _has(rule.get("apiVersions"), kind.version)
        and any(_names(entry, kind.plural, asked.target.subresource) for entry in rule.get("resources") or ())
        and _in_scope(rule.get("scope", "*"), asked)
    )


def _has(values: Any, wanted: str) -> bool:
    return bool(values) and ("*" in values or wanted in values)


def _names(entry: str, plural: str, subresource: str) -> bool:
    resource, _, below = entry.partition("/")
    return resource in {"*", plural} and below in {"*", subresource}


def _in_scope(scope: str, asked: Attributes) -> bool:
    is_namespaced = asked.target.resource.kind.namespaced
    return scope == "*" or (scope == "Namespaced") == is_namespaced


def _selected(raw: Json, asked: Attributes, namespace_labels: Mapping[str, str] | None) -> bool:
    if namespace_labels is not None and not from_label_selector(raw.get("namespaceSelector") or {}).matches(
        namespace_labels
    ):
        return False
    selector = from_label_selector(raw.get("objectSelector") or {})
    return selector.matches(asked.labels) or (asked.old_labels is not None and selector.matches(asked.old_labels))


def _holds(condition: Json, asked: Attributes) -> bool:
    """Tell whether a match condition holds; one that cannot be evaluated does."""
    request = {
        "operation": asked.operation,
        "name": asked.target.name,
        "namespace": asked.target.namespace,
        "userInfo": {"username": asked.caller.name, "groups": list(asked.caller.groups)},
        "subResource": asked.target.subresource,
        "dryRun": asked.dry_run,
    }
    # Loading it takes a quarter of a second, and few webhooks have conditions.
    import cel

    context = cel.Context({"object": asked.new, "oldObject": asked.old, "request": request})
    try:
        return cel.compile(str(condition.get("expression"))).execute(context) is True
    except (TypeError, ValueError, RuntimeError, KeyError, IndexError, AttributeError):
        return True
