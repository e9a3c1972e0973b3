"""What is wrong with where a pod is to run: tolerations, node selector, spread; in the order of the reference server.

See https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#scheduling.

Layer: pure.
"""

from collections.abc import Iterator

from kdlib.frozen import Json
from kdlib.sandbox.store.faults import FieldError, forbidden_field, invalid_value, required, unsupported
from kdlib.sandbox.store.metadata import dns_subdomain_problems, label_errors
from kdlib.wire import label_key_problems, label_value_problems

__all__ = ["placement_errors"]

_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_ACTIONS = ("DoNotSchedule", "ScheduleAnyway")
_POLICIES = ("Honor", "Ignore")


def placement_errors(spec: Json, path: str) -> Iterator[FieldError]:
    """Yield what is wrong with where the pods of a spec are to run."""
    yield from label_errors(spec.get("nodeSelector") or {}, f"{path}.nodeSelector")
    for index, item in enumerate(spec.get("tolerations") or ()):
        yield from _toleration_errors(item, f"{path}.tolerations[{index}]")
    for problem in dns_subdomain_problems(spec["priorityClassName"]) if spec.get("priorityClassName") else ():
        yield invalid_value(f"{path}.priorityClassName", spec["priorityClassName"], problem)
    constraints = spec.get("topologySpreadConstraints") or []
    pairs = [(item.get("topologyKey", ""), item.get("whenUnsatisfiable", "")) for item in constraints]
    for index, item in enumerate(constraints):
        where = f"{path}.topologySpreadConstraints[{index}]"
        if pairs[index] in pairs[index + 1 :]:
            shown = f"{{{', '.join(pairs[index])}}}"
            yield FieldError(f"{where}.{{topologyKey, whenUnsatisfiable}}", "FieldValueDuplicate", "", shown)
        yield from _spread_errors(item, where)


def _toleration_errors(item: Json, where: str) -> Iterator[FieldError]:
    key, operator = item.get("key", ""), item.get("operator", "")
    for problem in label_key_problems(key) if key else ():
        yield invalid_value(f"{where}.key", key, problem)
    if not key and operator != "Exists":
        what = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
        yield invalid_value(f"{where}.operator", operator, what)
    if item.get("tolerationSeconds") is not None and item.get("effect") != "NoExecute":
        what = "effect must be 'NoExecute' when `tolerationSeconds` is set"
        yield invalid_value(f"{where}.effect", item.get("effect", ""), what)
    yield from _operator_errors(item, f"{where}.operator")
    if item.get("effect") and item["effect"] not in _EFFECTS:
        yield unsupported(f"{where}.effect", item["effect"], _EFFECTS)


def _operator_errors(item: Json, where: str) -> Iterator[FieldError]:
    value = item.get("value", "")
    match item.get("operator", ""):
        case "" | "Equal":
            problems = label_value_problems(value)
            if problems:
                yield invalid_value(where, value, ";".join(problems))
        case "Exists":
            if value:
                yield invalid_value(where, item, "value must be empty when `operator` is 'Exists'")
        case other:
            yield unsupported(where, other, ("Equal", "Exists"))


def _spread_errors(item: Json, where: str) -> Iterator[FieldError]:
    action = item.get("whenUnsatisfiable", "")
    if item.get("maxSkew", 0) <= 0:
        yield invalid_value(f"{where}.maxSkew", item.get("maxSkew", 0), "must be greater than zero")
    if not item.get("topologyKey"):
        yield required(f"{where}.topologyKey", "can not be empty")
    if action not in _ACTIONS:
        yield unsupported(f"{where}.whenUnsatisfiable", action, _ACTIONS)
    domains = item.get("minDomains")
    if domains is not None and domains <= 0:
        yield invalid_value(f"{where}.minDomains", domains, "must be greater than zero")
    if domains is not None and action != "DoNotSchedule":
        what = f"can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}"
        yield invalid_value(f"{where}.minDomains", domains, what)
    for field in ("nodeAffinityPolicy", "nodeTaintsPolicy"):
        if item.get(field) is not None and item[field] not in _POLICIES:
            yield unsupported(f"{where}.{field}", item[field], _POLICIES)
    yield from _matched_key_errors(item, where)


def _matched_key_errors(item: Json, where: str) -> Iterator[FieldError]:
    keys = item.get("matchLabelKeys") or []
    if keys and item.get("labelSelector") is None:
        yield forbidden_field(f"{where}.matchLabelKeys", "must not be specified when labelSelector is not set")
        return
    for index, key in enumerate(keys):
        for problem in label_key_problems(key):
            yield invalid_value(f"{where}.matchLabelKeys[{index}]", key, problem)
