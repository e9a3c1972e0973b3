"""The daemon's log: one line for each change made, on stderr, for people or as JSON.

Layer: shell.
"""

import logging
import sys

import structlog

__all__ = ["configure_logs", "logging_about"]


def logging_about(kubernetes: str) -> None:
    """Give the lines of this task, and of those that it starts, the field `kubernetes`."""
    structlog.contextvars.bind_contextvars(kubernetes=kubernetes)


def configure_logs(form: str, *, level: str = "INFO") -> None:
    """Send the library's log records, with their fields, through structlog; `form` is console or json.

    A line of JSON has the keys timestamp, level, logger and event, and exception where there is one; then its fields.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso"),
    ]
    if form == "json":
        shared += [structlog.stdlib.add_logger_name, structlog.processors.format_exc_info]
    last: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(sort_keys=True, default=str)
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
