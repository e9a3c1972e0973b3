"""What the product says to people is written down, word for word: a text that changes shows in the change."""

import functools
import os
from pathlib import Path

import yaml

WRITING = os.environ.get("GOLDEN") == "write"


@functools.cache
def _written(path: Path) -> dict[str, list[str]]:
    """Return what is written down in a file; what is written anew begins with nothing."""
    return {} if WRITING else yaml.safe_load(path.read_text())


def hold(path: Path, key: str, text: str) -> None:
    """Hold that a text is written down under a key; `GOLDEN=write pytest` of a whole folder writes its file anew."""
    known = _written(path).setdefault(key, [])
    if WRITING and text not in known:
        known.append(text)
        found = {key: sorted(texts) for key, texts in sorted(_written(path).items())}
        path.write_text(yaml.safe_dump(found, width=110, allow_unicode=True))
    assert text in known, f"{key} says {text!r}, which {path} does not know; GOLDEN=write pytest writes it anew"
