"""`kdd run`: the daemon.

Layer: shell.
"""

import asyncio
import contextlib
import logging
import signal

from kdd.logs import configure_logs
from kdd.memory import give_memory_back
from kdd.operate import operate
from kdd.settings import Settings

__all__ = ["run"]

_log = logging.getLogger(__name__)
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


async def run(settings: Settings) -> None:
    """Look after all clusters until SIGTERM or SIGINT, then finish what is under way, in its time.

    A second signal ends the process at once, and so does the end of `settings.grace_seconds`.
    """
    configure_logs(settings.log_format, level=settings.log_level)
    give_memory_back()
    task = asyncio.ensure_future(operate(settings))
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, _stop, task, settings.grace_seconds)
    with contextlib.suppress(asyncio.CancelledError):
        await task


def _stop(task: asyncio.Future[None], grace_seconds: float) -> None:
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_DFL)
    _log.info("stops; what is under way has %g s to its end", grace_seconds)
    task.cancel()
    loop.call_later(grace_seconds, _end, grace_seconds)


def _end(grace_seconds: float) -> None:
    _log.warning(
        "what was under way did not end within %g s and is cut; it goes on with the next daemon", grace_seconds
    )
    signal.raise_signal(signal.SIGTERM)
