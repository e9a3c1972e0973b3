# ruff: noqa: INP001 - a program beside the files that it writes, not a package
"""Write the generated schemas beside this file: `python schemas/generate.py`.

Layer: shell.
"""

from pathlib import Path

from kdlib.model import schemas


def main() -> None:
    """Write each file whose text has changed."""
    folder = Path(__file__).parent
    for name, text in schemas().items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
