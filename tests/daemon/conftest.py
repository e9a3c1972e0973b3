"""Commands run in the process of the tests: what one configures is undone before the next."""

import logging

import pytest


@pytest.fixture(autouse=True)
def log_as_before():
    """Restore the root logger, which `kdd run` sends to the stderr of its own time."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
