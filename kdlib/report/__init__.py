"""Status, conditions and Events from what was seen and done; progress in words.

Layer: pure.
"""

from kdlib.report.conditions import CONDITION_TYPES, condition
from kdlib.report.config_status import config_status
from kdlib.report.events import events, farewell
from kdlib.report.explanation import Explanation, Wait, explanation
from kdlib.report.lines import MemberLine, cluster_line, member_lines
from kdlib.report.page import reasons_page
from kdlib.report.reasons import EVENT_REASONS, REASONS, EventReason, Reason
from kdlib.report.restoring import as_backed_up_before, not_backed_up, restored_events, restoring, resumed_event
from kdlib.report.rollup import rollup
from kdlib.report.status import Advanced, behind_namesake, refused, status

__all__ = [
    "CONDITION_TYPES",
    "EVENT_REASONS",
    "REASONS",
    "Advanced",
    "EventReason",
    "Explanation",
    "MemberLine",
    "Reason",
    "Wait",
    "as_backed_up_before",
    "behind_namesake",
    "cluster_line",
    "condition",
    "config_status",
    "events",
    "explanation",
    "farewell",
    "member_lines",
    "not_backed_up",
    "reasons_page",
    "refused",
    "restored_events",
    "restoring",
    "resumed_event",
    "rollup",
    "status",
]
