"""CustomResourceDefinitions and the kinds that they make.

Layer: shell.
"""

from kdlib.sandbox.store.crds.registration import CLEANUP_FINALIZER, Registration

__all__ = ["CLEANUP_FINALIZER", "Registration"]
