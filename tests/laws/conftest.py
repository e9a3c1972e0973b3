"""The world of the laws, for the laws; `--long` holds them at full length."""

from world import made, play

__all__ = ["made", "play"]


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="hold the laws at full length (make laws)")


def pytest_configure(config):
    config.addinivalue_line("markers", "long: takes minutes (make laws)")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--long", default=False):
        return
    long = [item for item in items if item.get_closest_marker("long")]
    config.hook.pytest_deselected(items=long)
    items[:] = [item for item in items if item not in long]
