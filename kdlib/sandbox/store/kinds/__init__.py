"""Built-in kinds: their defaults, their rules, what may not change.

Layer: pure.
"""

from kdlib.sandbox.store.kinds.table import behaviour_of

__all__ = ["behaviour_of"]
