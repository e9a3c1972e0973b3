# ruff: noqa: INP001 - a program beside the files that it writes, not a package
"""Write what is generated from the models and the rules: `python schemas/generate.py`.

CRDs and JSON Schemas go beside this file; the reference pages of the four kinds, of the rules, of the life of a member
and of the daemon's settings, metrics and rights into docs/reference; roles, and CRDs once more, into deploy.

Layer: shell.
"""

from pathlib import Path

from kdd.reference import metrics_page, settings_page
from kdd.rights_files import rights_files, rights_page
from kdlib.lifecycle import life_page
from kdlib.model import editor_schemas, reference, schemas
from kdlib.report import reasons_page
from kdlib.rules import rules_page

SCHEMAS = Path(__file__).parent
PAGES = SCHEMAS.parent / "docs" / "reference"
DEPLOY = SCHEMAS.parent / "deploy"


def generated() -> dict[Path, str]:
    """Return the text of each file."""
    texts = {SCHEMAS / name: text for name, text in (schemas() | editor_schemas()).items()}
    pages = {"rules.md": rules_page(), "member-life.md": life_page(), "reasons.md": reasons_page()}
    pages |= {**reference(), "settings.md": settings_page(), "metrics.md": metrics_page()}
    pages["rights.md"] = rights_page()
    # kustomize and Helm read no file outside of their folders.
    for folder in ("crds", "chart/crds"):
        texts |= {DEPLOY / folder / name: text for name, text in schemas().items()}
    texts |= {DEPLOY / name: text for name, text in rights_files().items()}
    return texts | {PAGES / name: text for name, text in pages.items()}


def main() -> None:
    """Write each file whose text has changed."""
    for path, text in generated().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
