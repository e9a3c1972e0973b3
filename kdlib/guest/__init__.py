"""The inside of members: set-up, events, and the programs that run there; and members without processes.

Layer: shell.
"""

from kdlib.guest.copying import copy_progress, watch_copy
from kdlib.guest.emulation import EmulatedRun, Emulation, emulated
from kdlib.guest.programs import guest_script, programs
from kdlib.guest.protocol import CanExec, Progress, notify, set_up
from kdlib.guest.work import Limits, NotifyWork, ScriptLimit, SetUpWork, notify_work, set_up_work

__all__ = [
    "CanExec",
    "EmulatedRun",
    "Emulation",
    "Limits",
    "NotifyWork",
    "Progress",
    "ScriptLimit",
    "SetUpWork",
    "copy_progress",
    "emulated",
    "guest_script",
    "notify",
    "notify_work",
    "programs",
    "set_up",
    "set_up_work",
    "watch_copy",
]
