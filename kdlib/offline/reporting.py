"""From what is wrong with an object to findings with lines.

Layer: pure.
"""

from kdlib.errors import Problem
from kdlib.offline.finding import Finding, plain_text
from kdlib.offline.subjects import Subject
from kdlib.offline.table import level_of

__all__ = ["about"]


def about(subject: Subject, problem: Problem) -> Finding:
    """Make the finding for a problem of an object; a problem without a rule is one of the schema."""
    rule = problem.rule or "CK-S-03"
    return Finding(
        file=subject.document.path,
        line=subject.document.line_of(problem.path),
        subject=plain_text(str(subject)),
        path=plain_text(problem.path),
        what=plain_text(problem.what),
        remedy=plain_text(problem.remedy),
        level=level_of(rule),
        rule=rule,
    )
