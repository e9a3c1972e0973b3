"""One context of a kubeconfig as a document of its own, which needs no other file beside it.

Layer: shell.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from kdlib.frozen import Json, copied
from kdlib.sandbox import write_private

__all__ = ["minified", "write_for"]

_FILES = ("certificate-authority", "client-certificate", "client-key", "tokenFile")


def minified(paths: str, context: str | None) -> Json:
    """Return one context of a kubeconfig, by default the current one; paths in it are made absolute.

    `paths` are files joined as in KUBECONFIG; what is said first counts. Assumes that `kdlib.kube.connect` took them.
    """
    files = [file for path in paths.split(os.pathsep) if path and (file := Path(path).expanduser()).exists()]
    documents = [(file.absolute().parent, yaml.safe_load(file.read_text())) for file in files]
    name = context or next(str(found["current-context"]) for _, found in documents if found.get("current-context"))
    used = _entry(documents, "contexts", name)
    cluster, user = used["context"]["cluster"], used["context"].get("user")
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "contexts": [used],
        "clusters": [_entry(documents, "clusters", cluster)],
        "users": [_entry(documents, "users", user)] if user else [],
    }


def write_for(document: Json, namespace: str, path: Path) -> None:
    """Write a kubeconfig whose context has a default namespace; its owner alone can read it."""
    found = copied(document)
    for item in found["contexts"]:
        item["context"]["namespace"] = namespace
    write_private(path, yaml.safe_dump(found))


def _entry(documents: Iterable[tuple[Path, Any]], section: str, name: str) -> Json:
    for folder, document in documents:
        for item in document.get(section) or []:
            if item["name"] == name:
                return {"name": name, section.removesuffix("s"): _absolute(item[section.removesuffix("s")], folder)}
    raise KeyError(f"{section}: {name}")


def _absolute(entry: Json, folder: Path) -> Json:
    files = {key: str(folder / entry[key]) for key in _FILES if entry.get(key)}
    plugin = entry.get("exec") or {}
    command = str(plugin.get("command", ""))
    # A command with a slash is meant relative to its file, one without is looked for in PATH.
    moved = {"exec": {**plugin, "command": str(folder / command)}} if "/" in command else {}
    return {**entry, **files, **moved}
