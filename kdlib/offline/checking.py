"""check(): the rules over files and folders, without a cluster.

Layer: pure.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from kdlib.errors import Problem
from kdlib.model import api_path
from kdlib.names import GROUP
from kdlib.offline.finding import Checked, Finding, plain_text
from kdlib.offline.judging import judge
from kdlib.offline.references import duplicate_problems, reference_problems
from kdlib.offline.reporting import about
from kdlib.offline.setup_packages import lint
from kdlib.offline.sources import Source, sources
from kdlib.offline.structure import file_mode_problems, metadata_problems, unknown_fields, version_problems
from kdlib.offline.subjects import OUR_KINDS, Objects, Subject, text_at
from kdlib.offline.table import level_of
from kdlib.packages import MOST_BYTES, Document, Flaw, scan
from kdlib.wire import KD_APP

__all__ = ["MOST_FINDINGS", "MOST_TOTAL_BYTES", "MOST_WORK", "check"]

MOST_TOTAL_BYTES = 64 * 1024 * 1024
"""Most bytes of manifests that one check reads."""

MOST_WORK = 3_000_000
"""Most values that one check looks at: those of each object, 500 for the object itself, those of a cluster's app."""

MOST_FINDINGS = 200
"""Most findings of one object that are told; their number is told beyond that."""

_COST = 500
_MODE_FIELDS = ("fileMode", "defaultMode")
_RULE_OF_NUMBERS = "CK-Y-03"


@dataclass
class _Read:
    """What was read so far."""

    findings: list[Finding] = field(default_factory=list)
    subjects: list[Subject] = field(default_factory=list)
    packages: list[Source] = field(default_factory=list)
    files: int = 0
    size: int = 0
    passed_over: int = 0


def check(paths: Iterable[str | Path], *, given: Mapping[str, bytes] | None = None) -> Checked:
    """Check manifests and setup packages offline: the same rules that hold at admission, and more.

    `paths` are files and folders; of a folder, every .yaml, .yml, .json and .tgz file below it, and folders with a
    `startscript`. Objects that refer to one another are taken together, over all files; what is not among them is
    unknown, and told as a note. `given` holds further manifests by the name to show, such as standard input.
    Raises nothing for whatever the files hold: everything that is wrong is a finding. Time and memory are bounded by
    the bounds of files, values, nesting and findings.
    """
    found = _Read()
    for source in sources(paths):
        _take(found, source)
    for name, data in (given or {}).items():
        _take_manifest(found, plain_text(name), data, is_named=True)
    ours = [subject for subject in found.subjects if subject.is_ours]
    objects = Objects(found.subjects)
    for subject in _affordable(ours, objects, found.findings):
        found.findings += _bounded(subject, _of_object(subject, objects))
    found.findings += [about(subject, problem) for subject, problem in duplicate_problems(ours)]
    apps = tuple(objects.of_kind(GROUP, KD_APP.name))
    found.findings += [finding for source in found.packages for finding in lint(source, apps)]
    return Checked.of(
        found.findings,
        files=found.files,
        objects=len(ours),
        packages=len(found.packages),
        passed_over=found.passed_over,
    )


def _take(found: _Read, source: Source | Finding) -> None:
    match source:
        case Finding():
            found.findings.append(source)
        case Source(kind="manifest"):
            data = _bytes(found, source)
            if data is not None:
                _take_manifest(found, source.name, data, is_named=source.is_named)
        case Source():
            found.packages.append(source)


def _bytes(found: _Read, source: Source) -> bytes | None:
    """Return what a file holds; None, and a finding, where it cannot be read or all are too much."""
    if found.size >= MOST_TOTAL_BYTES:
        what = f"all files together have more than {MOST_TOTAL_BYTES} bytes, so this one was not read"
        found.findings.append(_of_file(source.name, Flaw(1, what, "check fewer files at once", "CK-F-05")))
        return None
    try:
        with source.path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        flaw = Flaw(1, f"cannot be read: {error.strerror}", "check the path and its permissions", "CK-F-01")
        found.findings.append(_of_file(source.name, flaw))
        return None
    found.size += len(data)
    return data


def _take_manifest(found: _Read, name: str, data: bytes, *, is_named: bool) -> None:
    found.files += 1
    read = scan(data, name)
    for flaw in read.flaws:
        if flaw.rule == "CK-F-04":
            found.passed_over += 1
        else:
            found.findings.append(_of_file(name, flaw))
    subjects = [Subject(document) for document in read.documents]
    found.subjects += map(_kept, subjects)
    found.passed_over += sum(not subject.is_ours for subject in subjects)
    unread = any(flaw.rule != "CK-F-04" for flaw in read.flaws)
    if is_named and not unread and not any(subject.kind for subject in subjects):
        flaw = Flaw(1, "holds no object of Kubernetes", "name files with apps, clusters or setup packages", "CK-F-06")
        found.findings.append(_of_file(name, flaw))


def _kept(subject: Subject) -> Subject:
    """Return what is kept of an object: of one that is not ours, its value alone."""
    return subject if subject.is_ours else Subject(Document("", subject.document.line, subject.value))


def _of_file(name: str, flaw: Flaw) -> Finding:
    return Finding(
        name, flaw.line, "", "", plain_text(flaw.what), plain_text(flaw.remedy), level_of(flaw.rule), flaw.rule
    )


def _affordable(subjects: list[Subject], objects: Objects, findings: list[Finding]) -> Iterator[Subject]:
    """Yield objects as long as the work for them keeps its bound; tell at the first that does not."""
    work = 0
    for subject in subjects:
        apps = objects.named(GROUP, KD_APP.name, text_at(subject.value, "spec", "app"))
        work += _COST + sum(item.size for item in (subject, *apps[:1]))
        if work > MOST_WORK:
            problem = Problem("", "this object and those after it were not checked", "check fewer at once", "CK-F-05")
            findings.append(about(subject, problem))
            return
        yield subject


def _of_object(subject: Subject, objects: Objects) -> Iterator[Finding]:
    """Yield everything that is wrong with an object and with its text; a trap that explains an error goes into it."""
    flaws = {plain_text(api_path(flaw.steps)): flaw for flaw in subject.document.flaws}
    for problem in _problems(subject, objects):
        finding = about(subject, problem)
        trap = flaws.pop(finding.path, None) if finding.level == "error" else None
        # Where only a text will do, no other reading of the word is a remedy.
        remedy = "put quotes around it" if finding.what == "must be a string" else trap.remedy if trap else ""
        yield replace(finding, remedy=plain_text(f"{trap.what}: {remedy}")) if trap else finding
    for path, flaw in flaws.items():
        if not (flaw.rule == _RULE_OF_NUMBERS and path.endswith(_MODE_FIELDS)):
            yield _of_flaw(subject, path, flaw)


def _problems(subject: Subject, objects: Objects) -> Iterator[Problem]:
    versions = list(version_problems(subject))
    yield from versions
    if versions and not (versions[0].path == "apiVersion" and subject.kind in OUR_KINDS):
        return
    judged = judge(subject, objects)
    told = {problem.path for problem in judged}
    yield from judged
    yield from (problem for problem in metadata_problems(subject) if problem.path not in told)
    yield from reference_problems(subject, objects)
    yield from file_mode_problems(subject)
    yield from unknown_fields(subject)


def _of_flaw(subject: Subject, path: str, flaw: Flaw) -> Finding:
    problem = Problem(path, flaw.what, flaw.remedy, flaw.rule)
    return replace(about(subject, problem), line=flaw.line)


def _bounded(subject: Subject, findings: Iterator[Finding]) -> Iterator[Finding]:
    yield from islice(findings, MOST_FINDINGS)
    rest = sum(1 for _ in findings)
    if rest:
        problem = Problem("", f"{rest} further findings are not told", "correct these first", "CK-F-05")
        yield about(subject, problem)
