"""The world of the laws, for tests of the operator's runtime."""

from world import made, play

__all__ = ["made", "play"]
