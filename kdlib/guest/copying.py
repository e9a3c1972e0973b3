"""How far the init container has come with the first copy onto a member's volume (specification 3.7).

Layer: shell.
"""

import anyio

from kdlib.errors import ApiError, UnreachableError
from kdlib.guest.protocol import CanExec
from kdlib.model import GuestFact, UnderWay, WatchCopy
from kdlib.wire import ExecRequest

__all__ = ["copy_progress", "watch_copy"]

CONTAINER = "init"
LIMIT_SECONDS = 30.0
_MISSING = 3
_MOST_BYTES = 64 * 1024
_LONGEST = 200

_READ = f"""f=/mnt/etc/kubedirector-init-progress-bar.log
[ -f "$f" ] || exit {_MISSING}
exec tail -c 1024 "$f\""""


async def watch_copy(api: CanExec, namespace: str, action: WatchCopy) -> GuestFact:
    """Look once, by one exec; whoever wants to know more calls again.

    Raises: nothing of the world's errors; they are words, as in the original.
    """
    words = await _look(api, ExecRequest(namespace, action.pod, CONTAINER, ("sh", "-c", _READ)))
    return GuestFact(action.pod, action.container, action.key, UnderWay(words=words))


async def _look(api: CanExec, request: ExecRequest) -> str:
    output, is_open = bytearray(), False
    try:
        with anyio.fail_after(LIMIT_SECONDS):
            async with api.exec(request) as connection:
                is_open = True
                async for channel, data in connection:
                    if channel == 1 and len(output) < _MOST_BYTES:
                        output += data
                code = await connection.exit_code()
    except (ApiError, UnreachableError, TimeoutError):
        # A connection that was cut tells nothing: the copy has probably ended.
        return "" if is_open else "init container not ready"
    if code:
        return "progress reporting not available" if code == _MISSING else "not available"
    return copy_progress(output.decode("utf-8", "replace"))


def copy_progress(log: str) -> str:
    """Return the last whole line of rsync's progress, whose lines end in a carriage return."""
    pieces = log.split("\r")
    if len(pieces) < 2:
        return "not started yet"
    return "".join(character if character.isprintable() else "?" for character in pieces[-2].strip())[:_LONGEST]
