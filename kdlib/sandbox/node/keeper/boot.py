"""The keeper's start: run as a plain script, `python -I -S boot.py keeper PARENT DESCRIPTOR SETTINGS`.

`boot.py confined PARENT PROGRAM ARGUMENT...` runs a program, too, that leaves no process behind.

Layer: shell.
"""

import json
import sys


def main() -> None:
    """Make the keeper's modules importable without running the packages above them, and become what is asked for.

    The packages above import what the keeper does not need and, without site packages, does not have; skipping them
    also keeps its start short.
    """
    folder = __file__.rpartition("/keeper/")[0]
    for name in ("kdlib.sandbox.node", "kdlib.sandbox", "kdlib"):
        package = type(sys)(name)
        package.__path__ = [folder]
        sys.modules[name] = package
        folder = folder.rpartition("/")[0]

    parent = int(sys.argv[2])
    if sys.argv[1] == "keeper":
        from kdlib.sandbox.node.keeper.launch import launch

        launch(int(sys.argv[3]), parent, json.loads(sys.argv[4]))
    else:
        from kdlib.sandbox.node.keeper.confinement import run_confined

        sys.exit(run_confined(sys.argv[3:], parent))


if __name__ == "__main__":
    main()
