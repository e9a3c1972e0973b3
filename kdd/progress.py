"""A cluster's progress, member by member: a live table on a terminal, plain lines elsewhere.

Layer: shell.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from rich.console import Console
from rich.live import Live
from rich.table import Table

from kdlib import kube, report
from kdlib.errors import ExpiredError, UnreachableError
from kdlib.frozen import Json, dig
from kdlib.wire import Ref

__all__ = ["changes", "follow"]

_STYLES = {"configured": "green", "config error": "red", "creating": "yellow", "create pending": "cyan"}


async def changes(api: kube.Api, ref: Ref) -> AsyncGenerator[Json]:
    """Yield the object as it is, and again each time that it changed, until it is gone."""
    selection = kube.Selection(ref.kind, ref.namespace, fields=f"metadata.name={ref.name}")
    while True:
        listing = await api.list(selection)
        if not listing.items:
            return
        yield listing.items[0]
        try:
            async with api.watch(selection, listing.resource_version, lifetime_seconds=300, idle_seconds=330) as events:
                async for event in events:
                    match event.type:
                        case "ADDED" | "MODIFIED":
                            yield event.object
                        case "DELETED":
                            return
                        case "ERROR":
                            break
        except (ExpiredError, UnreachableError):
            continue


async def follow(api: kube.Api, ref: Ref, console: Console, *, until: Callable[[Json], bool]) -> Json:
    """Show the cluster's members until the object satisfies `until`; return it ({} if it is gone before)."""
    shown: dict[str, str] = {}
    with Live(console=console, auto_refresh=False, transient=False) as live:
        async with aclosing(changes(api, ref)) as objects:
            async for found in objects:
                if console.is_terminal:
                    live.update(_table(found), refresh=True)
                else:
                    _print_news(console, found, shown)
                if until(found):
                    return found
    return {}


def _table(found: Json) -> Table:
    table = Table(box=None, pad_edge=False, title_justify="left", title=report.cluster_line(found.get("status") or {}))
    for heading in ("ROLE", "MEMBER", "STATE", ""):
        table.add_column(heading)
    for line in report.member_lines(found.get("status") or {}):
        table.add_row(line.role, line.pod, f"[{_STYLES.get(line.state, 'default')}]{line.state}", line.words)
    return table


def _print_news(console: Console, found: Json, shown: dict[str, str]) -> None:
    """Print one line for each member whose state changed since the last call, and one for the cluster's state."""
    for line in report.member_lines(found.get("status") or {}):
        if shown.get(line.pod) != line.state:
            shown[line.pod] = line.state
            console.print(f"  {line.role:<12} {line.pod:<16} {line.state}  {line.words}".rstrip(), highlight=False)
    state = dig(found, "status", "state", default="")
    if state and shown.get("") != state:
        shown[""] = state
        console.print(f"  cluster {found['metadata']['name']}: {state}", highlight=False)
