"""`kdd run`: the daemon.

Layer: shell.
"""

import asyncio
import contextlib
import signal

from kdd.logs import configure_logs
from kdd.operator import operate
from kdd.settings import Settings

__all__ = ["run"]


async def run(settings: Settings) -> None:
    """Look after all clusters on all contexts until SIGTERM or SIGINT, then finish what is being written."""
    configure_logs(settings.log_format)
    task = asyncio.ensure_future(operate(settings))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task
