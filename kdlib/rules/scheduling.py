"""Rules of ours for where the pods of a role run: what an API server would refuse in the pods is refused here (W-42).

See https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#scheduling.

Layer: pure.
"""

from collections.abc import Iterable, Iterator

from kdlib.errors import Problem
from kdlib.model import ClusterRole, Toleration, TopologySpreadConstraint
from kdlib.names import LABEL_APP, LABEL_CATALOG, LABEL_CLUSTER, LABEL_HEADLESS, LABEL_ROLE
from kdlib.rules.affinity import selector_problems
from kdlib.rules.metadata import is_label_key, is_label_value, label_problems

__all__ = ["distinct_pull_secrets", "known_nodes", "possible_spread", "scheduling_problems", "tolerable_taints"]

_OWN_LABELS = frozenset({LABEL_APP, LABEL_CATALOG, LABEL_CLUSTER, LABEL_HEADLESS, LABEL_ROLE})


def scheduling_problems(role: ClusterRole, path: str) -> Iterator[Problem]:
    """Yield everything wrong with where the pods of a role are to run."""
    yield from tolerable_taints(role, path)
    yield from known_nodes(role, path)
    yield from possible_spread(role, path)
    yield from distinct_pull_secrets(role, path)


def tolerable_taints(role: ClusterRole, path: str) -> Iterator[Problem]:
    """CL-X-30 (ours): a toleration is one that pods can have."""
    for index, item in enumerate(role.tolerations):
        for field, what, remedy in _toleration(item):
            yield Problem(f"{path}.tolerations[{index}].{field}", what, remedy, "CL-X-30")


def _toleration(item: Toleration) -> Iterator[tuple[str, str, str]]:
    """Yield field, mistake and remedy."""
    if item.key and not is_label_key(item.key):
        yield "key", f"{item.key[:80]!r} is not the key of a taint", "write it as name or example.org/name"
    if not item.key and item.operator != "Exists":
        yield "key", "is required, but for operator Exists", "add the key, or operator: Exists"
    if item.operator == "Exists" and item.value:
        yield "value", "says nothing beside operator Exists", "remove it, or use operator: Equal"
    elif not is_label_value(item.value or ""):
        yield "value", f"{(item.value or '')[:80]!r} is not the value of a taint", "correct it"
    if item.toleration_seconds is not None and item.effect != "NoExecute":
        yield "tolerationSeconds", "is for effect NoExecute alone", "remove it, or set effect: NoExecute"


def known_nodes(role: ClusterRole, path: str) -> Iterator[Problem]:
    """CL-X-31 (ours): a node selector is made of labels."""
    yield from label_problems(role.node_selector or {}, f"{path}.nodeSelector", "CL-X-31")


def possible_spread(role: ClusterRole, path: str) -> Iterator[Problem]:
    """CL-X-32 (ours): constraints of the spread are such that pods can have them, no two for one place and action."""
    pairs = [(item.topology_key, item.when_unsatisfiable) for item in role.topology_spread_constraints]
    for index, item in enumerate(role.topology_spread_constraints):
        where = f"{path}.topologySpreadConstraints[{index}]"
        if pairs.index(pairs[index]) != index:
            what = f"{' and '.join(pairs[index])} occur together twice"
            yield Problem(where, what, "remove one of them", "CL-X-32")
        for field, words, remedy in _constraint(item):
            yield Problem(f"{where}.{field}", words, remedy, "CL-X-32")
        selector = item.label_selector.dumped() if item.label_selector else {}
        yield from selector_problems(selector, f"{where}.labelSelector", rule="CL-X-32")


def _constraint(item: TopologySpreadConstraint) -> Iterator[tuple[str, str, str]]:
    """Yield field, mistake and remedy."""
    if not is_label_key(item.topology_key):
        yield "topologyKey", f"{item.topology_key[:80]!r} is not the key of a label", "correct it"
    if item.min_domains is not None and item.when_unsatisfiable != "DoNotSchedule":
        yield "minDomains", "is for whenUnsatisfiable DoNotSchedule alone", "remove one of the two"
    selected = _selected(item)
    for index, key in enumerate(item.match_label_keys):
        if not is_label_key(key):
            yield f"matchLabelKeys[{index}]", f"{key[:80]!r} is not the key of a label", "correct it"
        elif key in selected:
            # Servers from 1.34 on take it, older ones refuse the pod.
            yield f"matchLabelKeys[{index}]", f"{key!r} is selected by labelSelector already", "remove it here"


def _selected(item: TopologySpreadConstraint) -> frozenset[str]:
    """Return the keys of labels that the constraint selects by; without a selector those of the role's pods."""
    selector = item.label_selector
    if selector is None:
        return _OWN_LABELS
    return frozenset(selector.match_labels or {}) | {found.key for found in selector.match_expressions}


def distinct_pull_secrets(role: ClusterRole, path: str) -> Iterator[Problem]:
    """CL-X-33 (ours): a Secret for pulling images occurs once."""
    for index in _again(item.name for item in role.image_pull_secrets):
        what = f"{role.image_pull_secrets[index].name!r} occurs twice"
        yield Problem(f"{path}.imagePullSecrets[{index}].name", what, "remove one of them", "CL-X-33")


def _again(names: Iterable[str]) -> Iterator[int]:
    """Yield the index of each name that occurred before."""
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name in seen:
            yield index
        seen.add(name)
