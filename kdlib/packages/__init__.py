"""Setup packages and manifest files: read, packed reproducibly, checked.

Layer: pure.
"""

from kdlib.packages.apps import load_app
from kdlib.packages.archive import START_SCRIPT, PackageEntry, SetupPackage, pack, read
from kdlib.packages.documents import MOST_BYTES, Document, load, loads
from kdlib.packages.lint import package_problems

__all__ = [
    "MOST_BYTES",
    "START_SCRIPT",
    "Document",
    "PackageEntry",
    "SetupPackage",
    "load",
    "load_app",
    "loads",
    "pack",
    "package_problems",
    "read",
]
