"""Rules that the API server itself holds: CEL expressions that stand in the CRDs.

They use only what every server from Kubernetes 1.28 on has: no quantities, no formats, no optional values. What a
rule says is fixed. A server quotes the value of a text, so a rule about a secret one stands at the object around it.
See https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-rules.

Layer: pure.
"""

from dataclasses import dataclass

from kdlib.frozen import Json

__all__ = ["RULE_ID", "CelRule", "held"]

RULE_ID = "x-kubedirector-rule"
"""Names the rule in a generated schema; no CRD has it."""


@dataclass(frozen=True, slots=True)
class CelRule:
    """One rule of a schema; `rule` is its id, `what` and `remedy` are those of its problems.

    `path` is the place in the schema of `kind` where the expression stands, as in `spec.roles[].containerSpec`;
    `field_path` names the field below it that is at fault, and `transition` is true where the old object is read.
    """

    rule: str
    expression: str
    what: str
    remedy: str
    field_path: str = ""
    reason: str = "FieldValueInvalid"
    kind: str = ""
    path: str = ""

    @property
    def message(self) -> str:
        """Return what the API server says where the rule is broken."""
        return f"{self.what}; {self.remedy}"

    @property
    def transition(self) -> bool:
        """Tell whether the rule compares with the object as it was."""
        return "oldSelf" in self.expression

    def in_schema(self) -> Json:
        """Return the element of `x-kubernetes-validations`, with the rule's id beside it."""
        found = {"rule": self.expression, "message": self.message, RULE_ID: self.rule}
        if self.field_path:
            found["fieldPath"] = self.field_path
        if self.reason != "FieldValueInvalid":
            found["reason"] = self.reason
        return found


def held(*rules: CelRule) -> Json:
    """Return the schema extension of a part for which the rules hold."""
    return {"x-kubernetes-validations": [rule.in_schema() for rule in rules]}
