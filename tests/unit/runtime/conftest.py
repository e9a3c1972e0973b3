"""The world of the laws, for tests of the operator's runtime."""

from hiding import app_of, cluster_of, play_hidden
from world import made, play

__all__ = ["app_of", "cluster_of", "made", "play", "play_hidden"]
