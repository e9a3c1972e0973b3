"""The log of passes: one line for each change made, with fields that tell cluster, object and pass.

Layer: shell.
"""

import logging
from collections.abc import Iterable

from kdlib.errors import Problem
from kdlib.frozen import Json, dig
from kdlib.kube import Api

__all__ = ["fields_of", "tell_refusal", "tell_step"]

_log = logging.getLogger(__name__)


def fields_of(api: Api, root: Json) -> dict[str, str]:
    """Return the fields of a line about a root: Kubernetes cluster, object, and a correlation.

    The correlation is the resource version of the root that the pass read: all that one pass did has the same one,
    what runs inside members on its behalf included.
    """
    metadata = root["metadata"]
    return {
        "kubernetes": api.name,
        "cluster": f"{metadata.get('namespace', '')}/{metadata['name']}",
        "correlation": str(dig(root, "metadata", "resourceVersion", default="")),
    }


def tell_refusal(fields: dict[str, str], problems: Iterable[Problem]) -> None:
    """Log that the root's spec cannot be done: one line for each problem."""
    for problem in problems:
        _log.warning("refused: %s", problem, extra={**fields, "rule": problem.rule} if problem.rule else fields)


def tell_step(fields: dict[str, str], step: object, failure: str = "") -> None:
    """Log a step of a plan that was done, or why it was not."""
    if failure:
        _log.warning("%s failed: %s", step, failure, extra=fields)
    else:
        _log.info("%s", step, extra=fields)
