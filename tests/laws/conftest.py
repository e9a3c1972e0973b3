"""The world of the laws, for the laws."""

from world import made, play

__all__ = ["made", "play"]
