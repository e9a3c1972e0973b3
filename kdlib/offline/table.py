"""The rules of a check itself: of files, of YAML, of setup packages, of references; those of objects are `kdlib.rules`.

Layer: pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from kdlib.offline.finding import Level

__all__ = ["OWN_RULES", "OwnRule", "level_of"]


@dataclass(frozen=True, slots=True)
class OwnRule:
    """What a rule is about, and how grave a violation is."""

    title: str
    level: Level = "error"


OWN_RULES: Mapping[str, OwnRule] = {
    "CK-F-01": OwnRule("a path can be read"),
    "CK-F-02": OwnRule("a manifest file is YAML or JSON"),
    "CK-F-03": OwnRule("a manifest file is text in UTF-8"),
    "CK-F-04": OwnRule("a document of a manifest file is an object"),
    "CK-F-05": OwnRule("a file, and all files together, keep the bounds"),
    "CK-F-06": OwnRule("a file or folder that is named holds something to check", "warning"),
    "CK-Y-01": OwnRule("a key occurs once", "warning"),
    "CK-Y-02": OwnRule("a truth is written true or false", "warning"),
    "CK-Y-03": OwnRule("a number reads as it is written", "warning"),
    "CK-Y-04": OwnRule("a value is one that JSON can hold"),
    "CK-Y-05": OwnRule("a tag is one that Kubernetes knows", "warning"),
    "CK-Y-06": OwnRule("a text is whole Unicode", "warning"),
    "CK-Y-07": OwnRule("a text is a text for every reader of YAML", "note"),
    "CK-S-01": OwnRule("an object says its API version and kind"),
    "CK-S-02": OwnRule("an object's metadata are valid"),
    "CK-S-03": OwnRule("an object has the form of its kind's schema"),
    "CK-S-04": OwnRule("a field is one that its kind has", "warning"),
    "CK-S-05": OwnRule("a file mode is the decimal form of an octal number", "warning"),
    "CK-S-06": OwnRule("an object is of a version that is checked", "note"),
    "CK-R-01": OwnRule("what an object refers to is among the files", "note"),
    "CK-R-02": OwnRule("an object is defined once", "warning"),
    "CK-R-03": OwnRule("a connected ConfigMap or Secret is labelled, so that members see it", "warning"),
    "CK-P-01": OwnRule("a setup package is a gzipped tar archive within the bounds"),
    "CK-P-02": OwnRule("a setup package holds exactly one folder"),
    "CK-P-03": OwnRule("the folder of a setup package holds a start script"),
    "CK-P-04": OwnRule("the start script is executable", "warning"),
    "CK-P-05": OwnRule("the start script names its interpreter"),
    "CK-P-06": OwnRule("nothing in a setup package leads out of it"),
    "CK-P-07": OwnRule("the start script handles events that exist", "warning"),
    "CK-P-08": OwnRule("the start script handles the events that its app asks for", "warning"),
    "CK-P-09": OwnRule("a setup package asks for services and roles that its app has", "warning"),
    "CK-P-10": OwnRule("the start script's interpreter is one that the usual images have", "warning"),
}
"""Each rule by its id."""

_OFFLINE_LEVELS: Mapping[str, Level] = {"CL-V-36": "note", "CL-V-37": "note"}
"""Rules that files cannot tell: CL-V-36 compares with what is stored, CL-V-37 needs a key that admission makes."""


def level_of(rule: str) -> Level:
    """Return how grave a violation of the rule is; rules of objects are errors."""
    own = OWN_RULES.get(rule)
    return own.level if own else _OFFLINE_LEVELS.get(rule, "error")
