"""What is to be done inside members, composed from actions.

Layer: shell.
"""

from kdlib.kube import Api
from kdlib.manifests import Desired
from kdlib.reconcile.work import Work

__all__ = ["works_of"]


def works_of(api: Api, desired: Desired) -> tuple[Work, ...]:
    """Return the work for each action of a pass."""
    return ()
