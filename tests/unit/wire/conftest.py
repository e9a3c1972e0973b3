"""The table of built-in kinds, read once for the tests of this room."""

import pytest

from kdlib.wire import Schemas, builtin_schemas


@pytest.fixture(scope="session")
def schemas() -> Schemas:
    """Return the table that comes with the library."""
    return builtin_schemas()
