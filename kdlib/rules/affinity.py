"""Scheduling constraints of pods, checked as an API server checks them.

See https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#scheduling.

Layer: pure.
"""

from collections.abc import Iterator
from typing import Any

from kdlib.errors import Problem
from kdlib.frozen import Json, dig
from kdlib.names import is_dns_label
from kdlib.rules.metadata import is_label_key, is_label_value

__all__ = ["affinity_problems", "selector_problems"]

_RULE = "CL-X-16"
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
_EXPRESSIONS = [{"key": str, "operator": str, "values": [str]}]
_SELECTOR = {"matchLabels": {"*": str}, "matchExpressions": _EXPRESSIONS}
_NODE_TERM = {"matchExpressions": _EXPRESSIONS, "matchFields": _EXPRESSIONS}
_POD_TERM = {
    "labelSelector": _SELECTOR,
    "namespaceSelector": _SELECTOR,
    "namespaces": [str],
    "topologyKey": str,
    "matchLabelKeys": [str],
    "mismatchLabelKeys": [str],
}
_PODS = {_REQUIRED: [_POD_TERM], _PREFERRED: [{"weight": int, "podAffinityTerm": _POD_TERM}]}
_NODES = {
    _REQUIRED: {"nodeSelectorTerms": [_NODE_TERM]},
    _PREFERRED: [{"weight": int, "preference": _NODE_TERM}],
}
_SHAPE = {"nodeAffinity": _NODES, "podAffinity": _PODS, "podAntiAffinity": _PODS}
_TYPE_WORDS: dict[type, str] = {str: "a string", int: "a whole number", dict: "an object", list: "a list"}
_VALUES = {"In": (1, None), "NotIn": (1, None), "Exists": (0, 0), "DoesNotExist": (0, 0)}
_NODE_VALUES = {**_VALUES, "Gt": (1, 1), "Lt": (1, 1)}


def affinity_problems(affinity: Json | None, path: str) -> Iterator[Problem]:
    """CL-X-16 (ours): constraints that an API server would refuse in the pods are refused here."""
    wrong = list(_misshapen(affinity or {}, _SHAPE, path))
    yield from wrong
    if wrong or not affinity:
        return
    terms = dig(affinity, "nodeAffinity", _REQUIRED)
    where = f"{path}.nodeAffinity.{_REQUIRED}.nodeSelectorTerms"
    if terms is not None and not terms.get("nodeSelectorTerms"):
        yield Problem(where, "needs at least one term", "add one, or remove the constraint", _RULE)
    for index, term in enumerate((terms or {}).get("nodeSelectorTerms") or ()):
        yield from _node_term(term, f"{where}[{index}]")
    for place, item in _items(affinity, ("nodeAffinity", _PREFERRED), path):
        yield from _weight(item, place)
        yield from _node_term(item.get("preference") or {}, f"{place}.preference")
    for kind in ("podAffinity", "podAntiAffinity"):
        for place, item in _items(affinity, (kind, _REQUIRED), path):
            yield from _pod_term(item, place)
        for place, item in _items(affinity, (kind, _PREFERRED), path):
            yield from _weight(item, place)
            yield from _pod_term(item.get("podAffinityTerm") or {}, f"{place}.podAffinityTerm")


def _items(affinity: Json, steps: tuple[str, ...], path: str) -> Iterator[tuple[str, Json]]:
    for index, item in enumerate(dig(affinity, *steps, default=[])):
        yield f"{path}.{'.'.join(steps)}[{index}]", item


def _misshapen(value: Any, shape: Any, path: str) -> Iterator[Problem]:
    """Yield each value of a wrong type; fields that are not known are no problem, since they are left out."""
    wanted: type = shape if isinstance(shape, type) else type(shape)
    if isinstance(value, bool) or not isinstance(value, wanted):
        yield Problem(path, f"must be {_TYPE_WORDS[wanted]}", "write it as in the affinity of a pod", _RULE)
        return
    for place, item, inner in _parts(value, shape, path):
        yield from _misshapen(item, inner, place)


def _parts(value: Any, shape: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    match value, shape:
        case dict(), {"*": inner}:
            yield from ((f"{path}[{key}]", item, inner) for key, item in value.items())
        case dict(), dict():
            yield from ((f"{path}.{key}", value[key], shape[key]) for key in sorted(set(shape).intersection(value)))
        case list(), [inner]:
            yield from ((f"{path}[{index}]", item, inner) for index, item in enumerate(value))


def _weight(item: Json, path: str) -> Iterator[Problem]:
    if not 1 <= item.get("weight", 0) <= 100:
        yield Problem(f"{path}.weight", "is not from 1 to 100", "give a weight from 1 to 100", _RULE)


def _node_term(term: Json, path: str) -> Iterator[Problem]:
    for index, item in enumerate(term.get("matchExpressions") or ()):
        yield from _expression(item, f"{path}.matchExpressions[{index}]", _NODE_VALUES)
    for index, item in enumerate(term.get("matchFields") or ()):
        is_name = item.get("key") == "metadata.name" and item.get("operator") in {"In", "NotIn"}
        if not (is_name and len(item.get("values") or ()) == 1):
            what = "is no field of a node that can be asked for"
            yield Problem(f"{path}.matchFields[{index}]", what, "use metadata.name, In or NotIn, and one value", _RULE)


def _pod_term(term: Json, path: str) -> Iterator[Problem]:
    if not is_label_key(term.get("topologyKey") or ""):
        yield Problem(f"{path}.topologyKey", "is not the key of a label", "add it: kubernetes.io/hostname", _RULE)
    for name in ("labelSelector", "namespaceSelector"):
        yield from selector_problems(term.get(name) or {}, f"{path}.{name}")
    for index, name in enumerate(term.get("namespaces") or ()):
        if not is_dns_label(name):
            yield Problem(f"{path}.namespaces[{index}]", f"{name!r} is no namespace", "correct the name", _RULE)
    for field in ("matchLabelKeys", "mismatchLabelKeys"):
        yield from _copied_keys(term, field, f"{path}.{field}")


def _copied_keys(term: Json, field: str, path: str) -> Iterator[Problem]:
    if term.get(field) and "labelSelector" not in term:
        yield Problem(path, "needs a labelSelector beside it", "add labelSelector", _RULE)
    for index, key in enumerate(term.get(field) or ()):
        if not is_label_key(key):
            yield Problem(f"{path}[{index}]", f"{key!r} is not the key of a label", "correct it", _RULE)


def selector_problems(selector: Json, path: str, *, rule: str = _RULE) -> Iterator[Problem]:
    """Yield what is wrong with a selector of labels, under the rule that asks."""
    for key, value in sorted((selector.get("matchLabels") or {}).items()):
        if not (is_label_key(key) and is_label_value(value)):
            yield Problem(f"{path}.matchLabels[{key}]", "is not a label", "write key: value as pods have it", rule)
    for index, item in enumerate(selector.get("matchExpressions") or ()):
        yield from _expression(item, f"{path}.matchExpressions[{index}]", _VALUES, rule=rule)
        for value in item.get("values") or ():
            if not is_label_value(value):
                where = f"{path}.matchExpressions[{index}].values"
                yield Problem(where, f"{value!r} is not a label value", "correct it", rule)


def _expression(
    item: Json, path: str, operators: dict[str, tuple[int, int | None]], *, rule: str = _RULE
) -> Iterator[Problem]:
    if not is_label_key(item.get("key") or ""):
        yield Problem(f"{path}.key", f"{item.get('key')!r} is not the key of a label", "correct it", rule)
    bounds = operators.get(item.get("operator") or "")
    if bounds is None:
        what = f"{item.get('operator')!r} is no operator"
        yield Problem(f"{path}.operator", what, f"use one of {', '.join(operators)}", rule)
        return
    least, most = bounds
    count = len(item.get("values") or ())
    if count < least or (most is not None and count > most):
        wanted = "no value" if most == 0 else "one value" if most == 1 else "at least one value"
        yield Problem(f"{path}.values", f"has {count} values", f"{item['operator']} takes {wanted}", rule)
