"""StatefulSets, Deployments, ReplicaSets and ControllerRevisions: defaults, mistakes, and what may not change.

See https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/.

Layer: pure.
"""

from collections.abc import Iterator

from kdlib.frozen import Json, dig
from kdlib.sandbox.store.faults import FieldError, forbidden_field, invalid_value, required, unsupported
from kdlib.sandbox.store.kinds.podchecks import pod_spec_errors
from kdlib.sandbox.store.kinds.podspec import default_pod_spec
from kdlib.sandbox.store.kinds.storage import claim_spec_errors, default_claim
from kdlib.sandbox.store.metadata import label_errors
from kdlib.wire import from_label_selector

__all__ = [
    "default_deployment",
    "default_replica_set",
    "default_stateful_set",
    "deployment_errors",
    "replica_set_errors",
    "revision_errors",
    "revision_update_errors",
    "selector_update_errors",
    "stateful_set_errors",
    "stateful_set_update_errors",
]

_NEGATIVE = "must be greater than or equal to 0"


def default_stateful_set(workload: Json) -> None:
    """Fill in what every StatefulSet shows."""
    spec = workload.setdefault("spec", {})
    spec.setdefault("podManagementPolicy", "OrderedReady")
    strategy = spec.setdefault("updateStrategy", {})
    strategy.setdefault("type", "RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        strategy.setdefault("rollingUpdate", {}).setdefault("partition", 0)
    spec.setdefault("replicas", 1)
    spec.setdefault("revisionHistoryLimit", 10)
    retention = spec.setdefault("persistentVolumeClaimRetentionPolicy", {})
    retention.setdefault("whenDeleted", "Retain")
    retention.setdefault("whenScaled", "Retain")
    default_pod_spec(spec.setdefault("template", {}).setdefault("spec", {}))
    for claim in spec.get("volumeClaimTemplates") or ():
        claim.setdefault("apiVersion", "v1")
        claim.setdefault("kind", "PersistentVolumeClaim")
        default_claim(claim)


def default_deployment(workload: Json) -> None:
    """Fill in what every Deployment shows."""
    spec = workload.setdefault("spec", {})
    spec.setdefault("replicas", 1)
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("progressDeadlineSeconds", 600)
    strategy = spec.setdefault("strategy", {})
    strategy.setdefault("type", "RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxUnavailable", "25%")
        rolling.setdefault("maxSurge", "25%")
    default_pod_spec(spec.setdefault("template", {}).setdefault("spec", {}))


def default_replica_set(workload: Json) -> None:
    """Fill in what every ReplicaSet shows."""
    spec = workload.setdefault("spec", {})
    spec.setdefault("replicas", 1)
    default_pod_spec(spec.setdefault("template", {}).setdefault("spec", {}))


# --- mistakes -------------------------------------------------------------------------------------------------------


def _workload_errors(spec: Json, kind: str) -> Iterator[FieldError]:
    for field in ("replicas", "minReadySeconds", "revisionHistoryLimit"):
        if (spec.get(field) or 0) < 0:
            yield invalid_value(f"spec.{field}", spec[field], _NEGATIVE)
    selector, template = spec.get("selector"), spec["template"]
    labels = dig(template, "metadata", "labels", default={})
    if selector is None:
        yield required("spec.selector")
    elif not selector:
        yield invalid_value("spec.selector", {}, f"empty selector is invalid for {kind}")
    if selector != {} and not from_label_selector(selector).matches(labels):
        what = "`selector` does not match template `labels`"
        yield invalid_value("spec.template.metadata.labels", labels or None, what)
    yield from label_errors(labels, "spec.template.labels")
    yield from pod_spec_errors(template["spec"], "spec.template.spec")
    policy = template["spec"].get("restartPolicy")
    if policy in {"OnFailure", "Never"}:
        yield unsupported("spec.template.spec.restartPolicy", policy, ("Always",))


def stateful_set_errors(workload: Json) -> Iterator[FieldError]:
    """Yield what is wrong with a StatefulSet."""
    spec = workload["spec"]
    if spec.get("podManagementPolicy") not in {"OrderedReady", "Parallel"}:
        what = "must be 'OrderedReady' or 'Parallel'"
        yield invalid_value("spec.podManagementPolicy", spec.get("podManagementPolicy"), what)
    if dig(spec, "updateStrategy", "type") not in {"RollingUpdate", "OnDelete"}:
        what = "must be 'RollingUpdate' or 'OnDelete'"
        strategy = spec.get("updateStrategy") or {}
        shown = {"Type": strategy.get("type", ""), "RollingUpdate": strategy.get("rollingUpdate")}
        yield invalid_value("spec.updateStrategy", shown, what)
    if dig(spec, "updateStrategy", "type") == "OnDelete" and dig(spec, "updateStrategy", "rollingUpdate"):
        rolling = spec["updateStrategy"]["rollingUpdate"]
        shown = {"Partition": rolling.get("partition"), "MaxUnavailable": rolling.get("maxUnavailable")}
        what = "only allowed for updateStrategy 'RollingUpdate'"
        yield invalid_value("spec.updateStrategy.rollingUpdate", shown, what)
    if dig(spec, "updateStrategy", "rollingUpdate", "partition", default=0) < 0:
        partition = spec["updateStrategy"]["rollingUpdate"]["partition"]
        yield invalid_value("spec.updateStrategy.rollingUpdate.partition", partition, _NEGATIVE)
    yield from _workload_errors(_with_claims(spec), "statefulset")
    for index, claim in enumerate(spec.get("volumeClaimTemplates") or ()):
        yield from claim_spec_errors(claim.get("spec") or {}, f"spec.volumeClaimTemplates[{index}].spec")


def _with_claims(spec: Json) -> Json:
    """Return the spec with a volume for each claim template, which the pods will have."""
    names = [dig(claim, "metadata", "name", default="") for claim in spec.get("volumeClaimTemplates") or ()]
    template = spec["template"]
    volumes = template["spec"].get("volumes") or []
    have = {volume.get("name") for volume in volumes}
    more = [{"name": name, "emptyDir": {}} for name in names if name and name not in have]
    if not more:
        return spec
    return {**spec, "template": {**template, "spec": {**template["spec"], "volumes": [*volumes, *more]}}}


def deployment_errors(workload: Json) -> Iterator[FieldError]:
    """Yield what is wrong with a Deployment."""
    spec = workload["spec"]
    strategy = spec.get("strategy") or {}
    if strategy.get("type") not in {"Recreate", "RollingUpdate"}:
        yield unsupported("spec.strategy", strategy.get("type"), ("Recreate", "RollingUpdate"))
    elif strategy["type"] == "Recreate" and strategy.get("rollingUpdate") is not None:
        what = "may not be specified when strategy `type` is 'Recreate'"
        yield forbidden_field("spec.strategy.rollingUpdate", what)
    yield from _workload_errors(spec, "deployment")


def replica_set_errors(workload: Json) -> Iterator[FieldError]:
    """Yield what is wrong with a ReplicaSet."""
    yield from _workload_errors(workload["spec"], "replicaset")


# --- changes --------------------------------------------------------------------------------------------------------

_MAY_CHANGE = (
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
)
_IMMUTABLE = (
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', "
    "'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
)


def stateful_set_update_errors(new: Json, old: Json) -> Iterator[FieldError]:
    """Yield what an update of a StatefulSet may not say."""
    if new["spec"] == old["spec"]:
        # It was checked when it was stored, and a status is written often.
        return
    yield from stateful_set_errors(new)
    after, before = ({k: v for k, v in one["spec"].items() if k not in _MAY_CHANGE} for one in (new, old))
    if after != before:
        yield forbidden_field("spec", _IMMUTABLE)


def selector_update_errors(new: Json, old: Json) -> Iterator[FieldError]:
    """Yield what an update of a Deployment or ReplicaSet may not say."""
    if new["spec"] == old["spec"]:
        return
    yield from (deployment_errors if new["kind"] == "Deployment" else replica_set_errors)(new)
    if new["spec"].get("selector") != old["spec"].get("selector"):
        yield invalid_value("spec.selector", new["spec"].get("selector"), "field is immutable")


def revision_errors(revision: Json) -> Iterator[FieldError]:
    """Yield what is wrong with a ControllerRevision."""
    if (revision.get("revision") or 0) < 0:
        yield invalid_value("revision", revision["revision"], _NEGATIVE)
    if revision.get("data") is None:
        yield required("data", "data is mandatory")


def revision_update_errors(new: Json, old: Json) -> Iterator[FieldError]:
    """Yield what an update of a ControllerRevision may not change."""
    yield from revision_errors(new)
    if new.get("data") != old.get("data"):
        yield invalid_value("data", new.get("data"), "field is immutable")
