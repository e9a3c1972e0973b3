"""Where every member has directories in memory.

Layer: pure.
"""

__all__ = ["MEMORY_DIRECTORIES", "SHARED_MEMORY"]

MEMORY_DIRECTORIES = ("/tmp", "/run", "/run/lock")  # noqa: S108 - paths in a member, whose volumes nobody shares
"""Directories that are empty in each new pod (4.4.2)."""

SHARED_MEMORY = "/dev/shm"  # noqa: S108 - a path in a member, whose volumes nobody shares
"""Where a role's shared memory is mounted."""
