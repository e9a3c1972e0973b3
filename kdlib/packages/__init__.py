"""Setup packages and manifest files: read, packed reproducibly, checked.

Layer: pure.
"""

from kdlib.packages.apps import load_app
from kdlib.packages.archive import START_SCRIPT, PackageEntry, SetupPackage, pack, read, read_folder
from kdlib.packages.documents import MANIFEST_SUFFIXES, MOST_BYTES, Document, Scan, load, loads, scan, steps_of
from kdlib.packages.flaws import MOST_FLAWS, Flaw
from kdlib.packages.lint import package_problems
from kdlib.packages.mentions import EVENTS, Mention, mentions, names_event
from kdlib.packages.tree import MOST_DEPTH, MOST_NODES

__all__ = [
    "EVENTS",
    "MANIFEST_SUFFIXES",
    "MOST_BYTES",
    "MOST_DEPTH",
    "MOST_FLAWS",
    "MOST_NODES",
    "START_SCRIPT",
    "Document",
    "Flaw",
    "Mention",
    "PackageEntry",
    "Scan",
    "SetupPackage",
    "load",
    "load_app",
    "loads",
    "mentions",
    "names_event",
    "pack",
    "package_problems",
    "read",
    "read_folder",
    "scan",
    "steps_of",
]
