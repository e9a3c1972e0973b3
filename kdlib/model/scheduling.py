"""Where the pods of a role run, and how their images are fetched, in the words of core/v1.

See https://kubernetes.io/docs/concepts/scheduling-eviction/.

Layer: pure.
"""

from typing import Literal, TypeAlias

from pydantic import Field

from kdlib.model.affinity import LabelSelector
from kdlib.model.part import SpecPart, told
from kdlib.model.scalars import NonEmpty, SmallPositive, Text, Whole

__all__ = ["ImagePullSecret", "Toleration", "TopologySpreadConstraint"]

_Effect: TypeAlias = Literal["NoSchedule", "PreferNoSchedule", "NoExecute"]
_NodePolicy: TypeAlias = Literal["Honor", "Ignore"]


class Toleration(SpecPart):
    """A taint of nodes that the pods put up with."""

    key: Text | None = Field(
        None,
        description="Key of the taint; absent: every taint, with operator Exists.",
        examples=["dedicated"],
        json_schema_extra=told("CL-X-30"),
    )
    operator: Literal["Exists", "Equal"] | None = Field(
        None,
        description="Exists: whatever the value of the taint is. Equal: the taint has just this value.",
        examples=["Equal"],
        json_schema_extra=told("CL-X-30", default="Equal"),
    )
    value: Text | None = Field(
        None, description="Value of the taint.", examples=["analytics"], json_schema_extra=told("CL-X-30")
    )
    effect: _Effect | None = Field(
        None, description="Effect of the taint.", examples=["NoExecute"], json_schema_extra=told(default="every effect")
    )
    toleration_seconds: Whole | None = Field(
        None,
        description="How long the pods stay on a node that gets the taint; for effect NoExecute alone.",
        examples=[600],
        json_schema_extra=told("CL-X-30", default="for ever"),
    )


class TopologySpreadConstraint(SpecPart):
    """How evenly the pods are spread over zones, nodes or other parts of the world."""

    max_skew: SmallPositive = Field(
        description="Most pods that one place may have more than another.", examples=[1], json_schema_extra=told()
    )
    topology_key: NonEmpty = Field(
        description="Label of nodes; nodes with the same value are one place.",
        examples=["topology.kubernetes.io/zone"],
        json_schema_extra=told("CL-X-32"),
    )
    when_unsatisfiable: Literal["DoNotSchedule", "ScheduleAnyway"] = Field(
        description="What becomes of a pod that cannot be placed so.", examples=["DoNotSchedule"]
    )
    label_selector: LabelSelector | None = Field(
        None,
        description="Labels of the pods that are counted.",
        examples=[{"matchLabels": {"kubedirector.hpe.com/kdcluster": "my-spark"}}],
        json_schema_extra=told("CL-X-32", default="the labels of this role's pods"),
    )
    min_domains: SmallPositive | None = Field(
        None,
        description="Number of places that there should be at least; with DoNotSchedule alone.",
        examples=[2],
        json_schema_extra=told("CL-X-32"),
    )
    node_affinity_policy: _NodePolicy | None = Field(
        None,
        description="Whether nodes that affinity and nodeSelector exclude are counted (Ignore) or not (Honor).",
        examples=["Honor"],
        json_schema_extra=told(default="Honor"),
    )
    node_taints_policy: _NodePolicy | None = Field(
        None,
        description="Whether nodes with taints that the pods do not tolerate are counted (Ignore) or not (Honor).",
        examples=["Ignore"],
        json_schema_extra=told(default="Ignore"),
    )
    match_label_keys: tuple[Text, ...] = Field(
        (),
        description="Labels in which the pods that are counted must be like this one.",
        examples=[["controller-revision-hash"]],
        json_schema_extra=told("CL-X-32"),
    )


class ImagePullSecret(SpecPart):
    """A Secret with the credentials of a container registry."""

    name: NonEmpty = Field(
        description="Name of the Secret, of type kubernetes.io/dockerconfigjson.",
        examples=["registry-login"],
        json_schema_extra=told("CL-X-09", "CL-X-33"),
    )
