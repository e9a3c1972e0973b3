"""Scheduling constraints of a role's pods, in the words of core/v1 (specification 1.2.1).

The fields are those that all supported versions of Kubernetes have, and the newer ones of the same parts; others are
pruned, as in the original. See https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/.

Layer: pure.
"""

from typing import Annotated, Literal, TypeAlias

from pydantic import BeforeValidator, Field

from kdlib.model.part import SpecPart
from kdlib.model.scalars import NonEmpty, StringMap, Text, integral

__all__ = ["Affinity", "LabelSelector"]

_Weight: TypeAlias = Annotated[int, Field(strict=True, ge=1, le=100), BeforeValidator(integral)]
_NodeOperator: TypeAlias = Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]
_LabelOperator: TypeAlias = Literal["In", "NotIn", "Exists", "DoesNotExist"]

_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


class _NodeRequirement(SpecPart):
    """What a label or field of a node must be."""

    key: Text = Field(description="Label or field that is compared.", examples=["topology.kubernetes.io/zone"])
    operator: _NodeOperator = Field(description="How it is compared with the values.", examples=["In"])
    values: tuple[Text, ...] = Field(
        (), description="Values that it is compared with; one number for Gt and Lt.", examples=[["zone-a", "zone-b"]]
    )


class _NodeTerm(SpecPart):
    """Requirements that all hold for a node."""

    match_expressions: tuple[_NodeRequirement, ...] = Field((), description="Requirements for labels of the node.")
    match_fields: tuple[_NodeRequirement, ...] = Field(
        (),
        description="Requirements for fields of the node.",
        examples=[[{"key": "metadata.name", "operator": "In", "values": ["node-1"]}]],
    )


class _PreferredNodes(SpecPart):
    """Nodes that are preferred."""

    weight: _Weight = Field(description="How much they are preferred, 1 to 100.", examples=[10])
    preference: _NodeTerm = Field(description="Which nodes are meant.")


class _NodeSelector(SpecPart):
    """Terms of which one holds for a node."""

    node_selector_terms: tuple[_NodeTerm, ...] = Field(description="Terms of which at least one must hold.")


class _NodeAffinity(SpecPart):
    """Which nodes the pods run on."""

    required: _NodeSelector | None = Field(None, alias=_REQUIRED, description="Nodes that the pods must run on.")
    preferred: tuple[_PreferredNodes, ...] = Field((), alias=_PREFERRED, description="Nodes that are preferred.")


class _LabelRequirement(SpecPart):
    """What a label of a pod or namespace must be."""

    key: Text = Field(description="Label that is compared.", examples=["app"])
    operator: _LabelOperator = Field(description="How it is compared with the values.", examples=["In"])
    values: tuple[Text, ...] = Field((), description="Values that it is compared with.", examples=[["web"]])


class LabelSelector(SpecPart):
    """Requirements that all hold for the labels of a pod or namespace."""

    match_labels: StringMap | None = Field(
        None, description="Labels and their values.", examples=[{"kubedirector.hpe.com/role": "worker"}]
    )
    match_expressions: tuple[_LabelRequirement, ...] = Field((), description="Further requirements.")


class _PodTerm(SpecPart):
    """Pods, and the part of the world in which they count as near."""

    topology_key: NonEmpty = Field(
        description="Label of nodes; nodes with the same value are one place.", examples=["kubernetes.io/hostname"]
    )
    label_selector: LabelSelector | None = Field(None, description="Labels of the pods that are meant.")
    namespaces: tuple[Text, ...] = Field((), description="Namespaces of the pods.", examples=[["team"]])
    namespace_selector: LabelSelector | None = Field(
        None,
        description="Labels of the namespaces of the pods; in addition to namespaces.",
        examples=[{"matchLabels": {"team": "blue"}}],
    )
    match_label_keys: tuple[Text, ...] = Field(
        (), description="Labels in which the pods must be like this one.", examples=[["pod-template-hash"]]
    )
    mismatch_label_keys: tuple[Text, ...] = Field(
        (), description="Labels in which the pods must differ from this one.", examples=[["tenant"]]
    )


class _PreferredPods(SpecPart):
    """Pods that are preferred as neighbours, or not."""

    weight: _Weight = Field(description="How much it matters, 1 to 100.", examples=[10])
    pod_affinity_term: _PodTerm = Field(description="Which pods are meant.")


class _PodAffinity(SpecPart):
    """Pods in whose neighbourhood the pods run."""

    required: tuple[_PodTerm, ...] = Field((), alias=_REQUIRED, description="Pods that must be near.")
    preferred: tuple[_PreferredPods, ...] = Field((), alias=_PREFERRED, description="Pods that should be near.")


class _PodAntiAffinity(SpecPart):
    """Pods whose neighbourhood is avoided."""

    required: tuple[_PodTerm, ...] = Field((), alias=_REQUIRED, description="Pods that must not be near.")
    preferred: tuple[_PreferredPods, ...] = Field((), alias=_PREFERRED, description="Pods that should not be near.")


class Affinity(SpecPart):
    """Scheduling constraints of the pods, as in a pod's `spec.affinity`."""

    node_affinity: _NodeAffinity | None = Field(None, description="Which nodes the pods run on.")
    pod_affinity: _PodAffinity | None = Field(None, description="Which pods they run near to.")
    pod_anti_affinity: _PodAntiAffinity | None = Field(None, description="Which pods they keep away from.")
