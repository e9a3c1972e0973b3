"""What is wrong with a setup package, by itself and beside the apps that use it.

Layer: pure.
"""

import difflib
from collections.abc import Iterator

from kdlib.errors import Problem, RefusedError
from kdlib.model import App, AppRole, ConfigPackage, parse_app
from kdlib.offline.finding import Finding, plain_text
from kdlib.offline.sources import Source
from kdlib.offline.subjects import Subject
from kdlib.offline.table import level_of
from kdlib.packages import EVENTS, Mention, SetupPackage, mentions, names_event, package_problems, read, read_folder

__all__ = ["lint"]


def lint(source: Source, apps: tuple[Subject, ...]) -> Iterator[Finding]:
    """Yield everything wrong with a package; passes over the archive of a Helm chart."""
    try:
        package = read_folder(source.path.resolve()) if source.kind == "folder" else read(source.path)
    except RefusedError as error:
        yield from (_finding(source, 1, problem) for problem in error.problems)
        return
    if not _is_chart(package):
        yield from (_finding(source, line, problem) for line, problem in _problems(source, package, apps))


def _is_chart(package: SetupPackage) -> bool:
    names = {"/".join(entry.path.split("/")[1:]) for entry in package.entries}
    return "Chart.yaml" in names and not package.start_scripts


def _problems(source: Source, package: SetupPackage, apps: tuple[Subject, ...]) -> Iterator[tuple[int, Problem]]:
    """Yield what is wrong, each with its line in the file that its path names."""
    yield from ((1, problem) for problem in package_problems(package))
    named = mentions(package)
    yield from known_events(named)
    for app in _users(source, package, apps):
        yield from ((1, problem) for problem in handled_events(package, app))
        yield from known_names(named, app)


def _finding(source: Source, line: int, problem: Problem) -> Finding:
    return Finding(
        source.name,
        line,
        "setup package",
        plain_text(problem.path),
        plain_text(problem.what),
        plain_text(problem.remedy),
        level_of(problem.rule),
        problem.rule,
    )


def known_events(named: tuple[Mention, ...]) -> Iterator[tuple[int, Problem]]:
    """CK-P-07: an option that is nearly the name of an event is meant to be one."""
    for mention in named:
        close = difflib.get_close_matches(mention.name, EVENTS, n=1, cutoff=0.8)
        if mention.kind == "event" and mention.name not in EVENTS and close:
            what = f"handles --{mention.name}, which is no event"
            yield mention.line, Problem(mention.path, what, f"write --{close[0]}", "CK-P-07")


def _users(source: Source, package: SetupPackage, apps: tuple[Subject, ...]) -> Iterator[App]:
    """Yield the apps whose packages have this one's name."""
    name = source.path.name if source.kind == "archive" else f"{package.folders[0]}.tgz" if package.folders else ""
    for subject in apps:
        try:
            app = parse_app(subject.value)
        except RefusedError:
            continue
        if any(_has_name(_package_of(app, role), name) for role in app.spec.roles):
            yield app


def _package_of(app: App, role: AppRole) -> ConfigPackage | None:
    return role.config_package if "config_package" in role.model_fields_set else app.spec.default_config_package


def _has_name(package: ConfigPackage | None, name: str) -> bool:
    return package is not None and package.package_url.rpartition("/")[2] == name


def handled_events(package: SetupPackage, app: App) -> Iterator[Problem]:
    """CK-P-08: the scripts handle the events that the app asks for; one that names no event handles all alike."""
    lists = [role.event_list or app.spec.default_event_list or () for role in app.spec.roles]
    asked = {event for events in lists for event in events}
    handled = {event for event in EVENTS if names_event(package, event)}
    if not handled or not package.start_scripts:
        return
    for event in sorted(asked - handled):
        what = f"does not handle --{event}, which app {app.name!r} has in an event list"
        yield Problem(package.start_scripts[0].path, what, "handle it, or take it from the list", "CK-P-08")


def known_names(named: tuple[Mention, ...], app: App) -> Iterator[tuple[int, Problem]]:
    """CK-P-09: the scripts ask for services and roles that the app has."""
    known = {"service": [item.id for item in app.spec.services], "role": [item.id for item in app.spec.roles]}
    for mention in named:
        names = known.get(mention.kind)
        if names is not None and mention.name not in names:
            listed = ", ".join(map(repr, names)) or "none"
            what = f"asks for {mention.kind} {mention.name!r}, which app {app.name!r} does not have"
            yield mention.line, Problem(mention.path, what, f"the app has {listed}", "CK-P-09")
