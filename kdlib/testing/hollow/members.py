"""Members without processes: answers the guest protocol in memory, for as many members as wanted.

Layer: shell.
"""

from collections.abc import Callable
from typing import TypeAlias

from kdlib.guest import EmulatedRun, Emulation
from kdlib.testing.hollow.containers import HollowContainers
from kdlib.testing.hollow.responder import Answer, ExecCall
from kdlib.wire import ExecRequest

__all__ = ["HollowMembers", "held_configmeta"]

Script: TypeAlias = Callable[[ExecRequest, tuple[str, ...]], EmulatedRun]
"""Runs the start script of a member, and says how that ended."""

_MEMORY = "guest"


class HollowMembers:
    """A responder that is to the operator what members with a start script are; by default it ends at once, well.

    `script` is called for each run of a start script with the exec's request and the script's arguments, such as
    `("--configure",)`. What a member knows ends with its container's life. `execs` counts the execs answered.
    """

    def __init__(self, script: Script | None = None) -> None:
        self._script = script
        self.execs = 0

    async def __call__(self, call: ExecCall) -> Answer:
        """Answer one exec."""
        self.execs += 1
        emulation = call.life.memory.get(_MEMORY)
        if emulation is None:
            emulation = call.life.memory[_MEMORY] = Emulation(script=self._script)
        return Answer(*await emulation(call.request, aiter(call.stdin)))


def held_configmeta(containers: HollowContainers, namespace: str, pod: str, container: str = "app") -> bytes:
    """Return the configmeta.json that a hollow member holds in its present life; empty for none."""
    life = containers.lives(namespace, pod).get(container)
    emulation = life.memory.get(_MEMORY) if life is not None else None
    return emulation.configmeta(namespace, pod) if emulation is not None else b""
