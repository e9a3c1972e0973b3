"""The world of the laws, for tests of the operator's runtime."""

import importlib.util
from pathlib import Path

_spec = importlib.util.spec_from_file_location("world", Path(__file__).parents[2] / "laws" / "world.py")
_world = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_world)

play, made = _world.play, _world.made
