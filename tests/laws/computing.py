"""What the pure half makes of a Seen, as bytes; as a program, for Seens that are pickled on its standard input."""

import pickle
import sys
from dataclasses import replace

from kdlib import report
from kdlib.errors import RefusedError
from kdlib.frozen import canonical
from kdlib.manifests import build
from kdlib.model import Cluster
from kdlib.rules import resolve


def computed(seen):
    """Return objects, actions and status that come of a Seen; the refusal's status where it cannot be done."""
    try:
        desired = build(resolve(Cluster.of(seen.root), None, seen))
    except RefusedError as error:
        return canonical(report.refused(seen, error))
    status = report.status(seen, desired)
    graph = [
        desired.graph.objects,
        [str(ref) for ref in (*desired.graph.first, *desired.graph.kept, *desired.graph.renewed)],
    ]
    return canonical([*graph, [repr(action) for action in desired.life.actions], status])


def turned(seen):
    """Return the same Seen with all that has no order in the other order: maps, children, references, facts."""
    return replace(
        seen,
        root=_turned(seen.root),
        children=tuple(_turned(child) for child in reversed(seen.children)),
        related=tuple((ref, _turned(found)) for ref, found in reversed(seen.related)),
        facts=tuple(reversed(seen.facts)),
    )


def _turned(value):
    match value:
        case dict():
            return {key: _turned(value[key]) for key in reversed(value)}
        case list():
            return [_turned(item) for item in value]
    return value


if __name__ == "__main__":
    for each in pickle.load(sys.stdin.buffer):
        sys.stdout.buffer.write(computed(each) + b"\n")
