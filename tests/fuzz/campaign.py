"""The fuzz campaign: mutated manifests through check, rules, resolve and build. `make fuzz` runs 100,000.

Case N is made from the dice of seed N alone, so a failure is told by its number, and `--case N` runs it again. No
case may raise, take longer than its time, or be accepted by the check and refused, or broken, by a later step.
"""

import argparse
import json
import random
import resource
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from mutations import mutant

import kdlib
from kdlib import manifests, offline, packages, rules
from kdlib.errors import RefusedError
from kdlib.frozen import canonical
from kdlib.wire import KD_APP, KD_CLUSTER, KD_CONFIG, Ref

HERE = Path(__file__).parent
CORPUS = [path.read_bytes() for path in sorted((HERE / "corpus").iterdir())]
GOOD = {
    kind: next(
        item.value
        for text in CORPUS
        for item in packages.scan(text, "x.json" if text[:1] == b"{" else "x.yaml").documents
        if item.value["kind"] == kind.name
    )
    for kind in (KD_APP, KD_CLUSTER, KD_CONFIG)
}
"""A good object of each kind."""

CASE_SECONDS = 20
"""Longest processor time of one case."""

MEMORY_BYTES = 3 * 1024**3
FORMS = (offline.as_text, offline.as_json, offline.as_sarif, offline.as_github)
NOW = datetime(2030, 1, 1, tzinfo=UTC)


class HangError(Exception):
    """A case took too long."""


class AcceptedError(Exception):
    """A case was accepted, and refused by a later step."""


def bytes_of(case: int) -> bytes:
    """Return the mutated manifest file of a case."""
    return mutant(random.Random(f"kubedirector {case}"), CORPUS)


def run_case(data: bytes, form: int = 0) -> str:
    """Send one file through every step; returns how it ended: refused, accepted, built. Raises for what must not be."""
    name = "case.json" if data[:1] == b"{" else "case.yaml"
    checked = offline.check([], given={name: data})
    text = FORMS[form % len(FORMS)](checked)
    if not text.isascii():
        text.encode()
    for finding in checked.findings:
        if not (finding.what and finding.line > 0 and (finding.remedy or finding.level != "error")):
            raise AcceptedError(f"a finding without words: {finding}")
    values = [document.value for document in packages.scan(data, name).documents]
    review_changes(values)
    if not checked.is_clean():
        return "refused"
    return "built" if [build(cluster, app, config) for cluster, app, config in clusters(values)] else "accepted"


def review_changes(values: list[dict]) -> None:
    """Review each object as a change of a good one, the way back, and its deletion: no answer may be an exception."""
    for value in values:
        kind = next(
            (kind for kind in GOOD if (kind.api_version, kind.name) == (value.get("apiVersion"), value.get("kind"))),
            None,
        )
        for new, old in ((value, GOOD[kind]), (GOOD[kind], value), (None, value)) if kind else ():
            request = rules.Request("UPDATE" if new else "DELETE", kind, "team", "x", new=new, old=old)
            facts = rules.Facts(system_namespace="kubedirector", entropy="0" * 64)
            rules.needs(request, facts)
            rules.review(request, facts)


def clusters(values: list[dict]) -> Iterator[tuple[dict, dict, dict | None]]:
    """Yield each cluster of a file whose app is in it, with the app and the one global configuration."""
    ours = [value for value in values if str(value.get("apiVersion")).startswith("kubedirector.hpe.com/")]
    apps = {value["metadata"].get("name"): value for value in reversed(ours) if value["kind"] == KD_APP.name}
    config = next((value for value in ours if value["kind"] == KD_CONFIG.name), None)
    for value in ours:
        if value["kind"] == KD_CLUSTER.name and value["spec"]["app"] in apps and value["metadata"].get("name"):
            app = apps[value["spec"]["app"]]
            places = [(item.get("metadata") or {}).get("namespace") for item in (value, app)]
            if value["spec"].get("appCatalog") != "local" or None in places or places[0] == places[1]:
                yield value, app, config


def build(cluster: dict, app: dict, config: dict | None) -> None:
    """Resolve and build what was accepted, twice: new, and as recorded."""
    root = {**cluster, "metadata": {"namespace": "team", "generation": 1, "uid": "u-1", **cluster["metadata"]}}
    root.pop("status", None)
    # Their values are encrypted at admission; what is stored in clear, resolve refuses by design.
    roles = [{key: item for key, item in role.items() if key != "secretKeys"} for role in root["spec"]["roles"]]
    root["spec"] = {**root["spec"], "roles": roles}
    name = cluster["spec"]["app"]
    local = cluster["spec"].get("appCatalog") != "system"
    place = root["metadata"]["namespace"] if local else "kubedirector"
    placed = {**app, "metadata": {**app["metadata"], "name": name, "namespace": place}}
    related = ((Ref(KD_APP, place, name), placed), (Ref(KD_CONFIG, "kubedirector", "kd-global-config"), config))
    for _ in range(2):
        seen = kdlib.Seen(NOW, root, related=related, entropy="0" * 64)
        try:
            resolved = kdlib.resolve(kdlib.Cluster.of(root), None, seen)
        except RefusedError as error:
            raise AcceptedError(str(error)) from error
        desired = kdlib.build(resolved)
        canonical(list(desired.graph.objects))
        for _, member in desired.listed:
            manifests.configmeta_bytes(desired, member.pod)
        root = {**root, "status": desired.life.status.dumped()}


def over_time(*_: object) -> None:
    """End a case that takes too long."""
    raise HangError(f"took more than {CASE_SECONDS} s")


def attempt(case: int) -> tuple[str, str]:
    """Run one case under its limits; returns how it ended, and a traceback where it failed."""
    signal.setitimer(signal.ITIMER_PROF, CASE_SECONDS)
    try:
        return run_case(bytes_of(case), case), ""
    except (HangError, AcceptedError) as error:
        return type(error).__name__, str(error)
    except Exception:  # noqa: BLE001 - whatever a case raises is what the campaign looks for
        return "traceback", traceback.format_exc()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def main() -> int:
    """Run the cases that the command line names, and print what came of them."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--first", type=int, default=0, help="number of the first case")
    options.add_argument("--cases", type=int, default=100_000, help="number of cases")
    options.add_argument("--case", type=int, help="run this one alone, and show its file")
    options.add_argument("--log", type=Path, help="append the result, as a line of JSON, to this file")
    chosen = options.parse_args()
    signal.signal(signal.SIGPROF, over_time)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, resource.getrlimit(resource.RLIMIT_AS)[1]))
    if chosen.case is not None:
        sys.stdout.write(f"{bytes_of(chosen.case)!r}\n{attempt(chosen.case)}\n")
        return 0
    return campaign(chosen.first, chosen.cases, chosen.log)


def campaign(first: int, count: int, log: Path | None) -> int:
    """Run cases one after another; a failure is printed as it comes."""
    ends: Counter[str] = Counter()
    slowest, began = (0.0, 0), time.process_time()
    for case in range(first, first + count):
        start = time.process_time()
        end, words = attempt(case)
        slowest = max(slowest, (time.process_time() - start, case))
        ends[end] += 1
        if words:
            sys.stdout.write(f"case {case}: {end}: {words}\n")
            sys.stdout.flush()
    result = {
        "first": first,
        "cases": count,
        **ends,
        "seconds": round(time.process_time() - began),
        "slowest": {"case": slowest[1], "seconds": round(slowest[0], 2)},
        "peakMiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    sys.stdout.write(f"{json.dumps(result)}\n")
    if log:
        with log.open("a") as file:
            file.write(f"{json.dumps(result)}\n")
    return 1 if sum(ends[end] for end in ends if end not in {"refused", "accepted", "built"}) else 0


if __name__ == "__main__":
    sys.exit(main())
