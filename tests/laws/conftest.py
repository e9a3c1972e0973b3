"""The world of the laws, for the laws."""

import importlib.util
from pathlib import Path

_spec = importlib.util.spec_from_file_location("world", Path(__file__).parent / "world.py")
_world = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_world)

play, made = _world.play, _world.made
