"""The keeper's start: run as a plain script, `python -I -S boot.py DESCRIPTOR PARENT SETTINGS`.

Layer: shell.
"""

import json
import sys


def main() -> None:
    """Make the keeper's modules importable without running the packages above them, and become the keeper.

    The packages above import what the keeper does not need and, without site packages, does not have; skipping them
    also keeps its start short.
    """
    folder = __file__.rpartition("/keeper/")[0]
    for name in ("kdlib.sandbox.node", "kdlib.sandbox", "kdlib"):
        package = type(sys)(name)
        package.__path__ = [folder]
        sys.modules[name] = package
        folder = folder.rpartition("/")[0]

    from kdlib.sandbox.node.keeper.launch import launch

    launch(int(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3]))


if __name__ == "__main__":
    main()
