"""How a process that a sandbox has for itself looks for garbage.

Layer: shell.
"""

import gc

__all__ = ["collect_seldom"]

_FULL_AFTER = 1000
"""Collections of the middle generation before everything is searched; the interpreter's own value is 10."""


def collect_seldom() -> None:
    """Have this process search all of its memory for cycles but seldom; to be called once the sandbox has started.

    What is stored holds no cycles and goes as soon as nobody needs it, so a search finds nothing in it. Over the
    objects of a few thousand workloads it stops the server for tenths of a second, and takes an eighth of its time.
    Affects the whole process: whoever embeds a sandbox in a program of his own decides for himself.
    """
    gc.freeze()
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, _FULL_AFTER)
