"""The mutation campaign: small faults in the pure half, and whether tests notice. `make mutants` runs it.

mutmut makes the mutants, and finds which tests reach which function. This file draws a sample where one is asked for,
shows each mutant to tests in a fork of one process, runs the tests that noticed one once more without any, leaves out
what `equivalent.yaml` names, and sums up.
"""

import argparse
import contextlib
import fnmatch
import functools
import gc
import io
import itertools
import math
import os
import random
import resource
import shutil
import signal
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import yaml
from mutmut.__main__ import (
    collect_or_load_stats,
    copy_also_copy_files,
    copy_src_dir,
    create_mutants,
    setup_source_paths,
)
from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.runners.harness import PytestRunner
from mutmut.state import state
from mutmut.stats import load_stats, status_by_exit_code
from mutmut.utils.file_utils import walk_mutatable_files
from mutmut.utils.format_utils import mangled_name_from_mutant_name
from mutmut.workers.isolation import get_mutant_runner

EQUIVALENT = Path(__file__).parent / "equivalent.yaml"
LEFT_OUT, NO_TESTS, NO_VERDICT, OUT_OF_TIME = 34, 33, 35, 36
"""mutmut's own codes for what is skipped, reached by no test, suspicious, and out of time."""

OVER_A_LIMIT = {-signal.SIGXCPU, -signal.SIGALRM, -signal.SIGKILL}
CAUGHT = {"killed", "timeout", "segfault"}
"""A mutant that ends the process, or never ends, is noticed as well."""

TESTS_SECONDS = 25.0
"""Of the tests that reach a mutant the fastest are run, as many as take this long together where nothing is wrong."""

LIMIT_SECONDS = 30.0
"""What a mutant may take beyond thrice that, before it counts as noticed by the time that it takes."""

Z_95 = 1.96


NO_MUTANT = "kdlib.none.x_none__mutmut_1"
"""The name of a mutant that is not there: all code is as it was written."""

Plan = tuple[list[str], float]
"""Tests, the fastest first, and the seconds that they take together."""


def files() -> list[SourceFileMutationData]:
    """Return what is known of each mutated file, in the order of their names."""
    found = [SourceFileMutationData(path=path) for path in sorted(walk_mutatable_files())]
    for file in found:
        file.load()
    return found


def room(name: str) -> str:
    """Return the room of the pure half that a mutant lives in."""
    return name.split(".")[1]


def drawn(names: Sequence[str], size: int, seed: str) -> set[str]:
    """Draw a sample that has of each room in proportion to its mutants; the same for the same seed."""
    rooms = defaultdict(list)
    for name in sorted(names):
        rooms[room(name)].append(name)
    dice = random.Random(f"kubedirector {seed}")
    shares = {key: len(members) * size / len(names) for key, members in rooms.items()}
    counts = {key: math.floor(share) for key, share in shares.items()}
    for key in sorted(shares, key=lambda key: counts[key] - shares[key])[: size - sum(counts.values())]:
        counts[key] += 1
    return {name for key in sorted(rooms) for name in dice.sample(rooms[key], counts[key])}


def choose(size: int | None, seed: str, only: str) -> int:
    """Mark which mutants are to run, and return how many: mutmut leaves those alone that have a verdict."""
    known = files()
    names = [name for file in known for name in file.exit_code_by_key if fnmatch.fnmatchcase(name, only)]
    chosen = set(names) if size is None or size >= len(names) else drawn(names, size, seed)
    for file in known:
        file.exit_code_by_key = {name: None if name in chosen else LEFT_OUT for name in file.exit_code_by_key}
        file.save()
    return len(chosen)


def asked(name: str) -> Plan:
    """Return the tests that a mutant is shown to, the fastest first, and the seconds that they take together."""
    seconds = state().duration_by_test
    reaching = sorted(
        state().tests_by_mangled_function_name.get(mangled_name_from_mutant_name(name), ()), key=seconds.get
    )
    sums = list(itertools.accumulate(seconds[test] for test in reaching))
    count = max(1, sum(so_far <= TESTS_SECONDS for so_far in sums))
    return reaching[:count], sums[count - 1] if reaching else 0.0


def learn() -> None:
    """Learn which tests reach which function, and import all tests.

    Tests run in a fork: what they leave in the memory of this process, such as cached results, would hide mutants.
    """
    child = os.fork()
    if not child:
        # What raises or exits goes to the terminal, and ends the child with a code of its own.
        collect_or_load_stats(get_mutant_runner(), apply_config_invalidation=True)
        sys.stdout.flush()
        os._exit(0)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
        sys.exit("the tests fail without any mutant, so nothing can be learned from them")
    load_stats()
    set_mutant_under_test("list_all_tests")
    with contextlib.redirect_stdout(io.StringIO()):
        PytestRunner().list_all_tests()
    set_mutant_under_test("")


def forget() -> None:
    """Forget what code keeps of calls that modules made when they were imported."""
    for name, module in list(sys.modules.items()):
        if name.startswith("kdlib."):
            for value in list(vars(module).values()):
                if isinstance(value, functools._lru_cache_wrapper):
                    value.cache_clear()


def attempt(runner: PytestRunner, name: str, tests: Sequence[str], seconds: float) -> int:
    """Fork, and show a mutant to its tests there; returns the child's process id."""
    child = os.fork()
    if child:
        return child
    code = NO_VERDICT
    try:
        code = shown(runner, name, tests, seconds)
    finally:
        # A fault of the campaign itself must not pass for a test that failed.
        os._exit(code)


def shown(runner: PytestRunner, name: str, tests: Sequence[str], seconds: float) -> int:
    """Bound this process, and run the tests with the mutant; returns pytest's exit code."""
    forget()
    set_mutant_under_test(name)
    limit = math.ceil(3 * seconds + LIMIT_SECONDS)
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
    # What waits for ever uses no processor.
    signal.alarm(10 * limit)
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
        return runner.run_tests(mutant_name=name, tests=tests)


def attempts(jobs: int, mutants: Mapping[str, str], plan: Mapping[str, Plan]) -> Iterator[tuple[str, int]]:
    """Run each plan in a fork of its own with its mutant, the cheap ones first; yields its key and its exit code."""
    runner = PytestRunner()
    children: dict[int, str] = {}
    # What is there already is no garbage, and forks share it as long as nobody touches it.
    gc.collect()
    gc.freeze()

    def ended() -> tuple[str, int]:
        child, status = os.wait()
        code = os.waitstatus_to_exitcode(status)
        return children.pop(child), OUT_OF_TIME if code in OVER_A_LIMIT else code

    for done, key in enumerate(sorted(plan, key=lambda key: plan[key][1])):
        tests, seconds = plan[key]
        if done % 20 == 0:
            sys.stderr.write(f"{done} of {len(plan)}\n")
        if not tests:
            yield key, NO_TESTS
            continue
        if len(children) == jobs:
            yield ended()
        children[attempt(runner, mutants[key], tests, seconds)] = key
    while children:
        yield ended()


def run(jobs: int) -> None:
    """Run every mutant that was chosen and has no verdict, and keep each verdict at once."""
    of = {name: file for file in files() for name, code in file.exit_code_by_key.items() if code is None}
    for name, code in attempts(jobs, {name: name for name in of}, {name: asked(name) for name in of}):
        of[name].exit_code_by_key[name] = code
        of[name].save()


def confirm(jobs: int) -> None:
    """Run the tests that noticed a mutant with none active, each set of them once: those that fail noticed nothing.

    A mutant that they alone told of is left without a verdict.
    """
    noticed: defaultdict[tuple[str, ...], list[tuple[SourceFileMutationData, str]]] = defaultdict(list)
    for file in files():
        for name, code in file.exit_code_by_key.items():
            if status_by_exit_code[code] in CAUGHT:
                noticed[tuple(asked(name)[0])].append((file, name))
    # A set is known by the first mutant that it noticed.
    sets = {found[0][1]: found for found in noticed.values()}
    for key, code in attempts(jobs, dict.fromkeys(sets, NO_MUTANT), {key: asked(key) for key in sets}):
        for file, name in sets[key] if code else ():
            sys.stderr.write(f"its tests fail without it (exit code {code}): {name}\n")
            file.exit_code_by_key[name] = NO_VERDICT
            file.save()


def changed_lines(name: str, path: Path) -> tuple[list[str], list[str]]:
    """Return the lines that a mutant takes away, and those that it puts in their place."""
    lines = get_diff_for_mutant(name, path=path).splitlines()
    was = [line[1:].strip() for line in lines if line.startswith("-") and not line.startswith("---")]
    becomes = [line[1:].strip() for line in lines if line.startswith("+") and not line.startswith("+++")]
    return was, becomes


def is_equivalent(name: str, path: Path, entries: Sequence[dict[str, str]]) -> bool:
    """Say whether the list names a mutant: by its function, and by the line as it was and as it becomes."""
    function = name.partition("__mutmut_")[0]
    candidates = [entry for entry in entries if entry["function"] == function]
    if not candidates:
        return False
    was, becomes = changed_lines(name, path)
    return any([entry["was"]] == was and [entry["becomes"]] == becomes for entry in candidates)


def verdicts() -> Iterator[tuple[str, str, Path]]:
    """Name each mutant that was chosen, what came of it, and its file."""
    entries = yaml.safe_load(EQUIVALENT.read_text())
    for file in files():
        for name, code in file.exit_code_by_key.items():
            if code == LEFT_OUT:
                continue
            status = status_by_exit_code[code]
            listed = status not in CAUGHT and is_equivalent(name, Path(file.path), entries)
            yield name, "equivalent" if listed else status, Path(file.path)


def interval(caught: int, count: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a proportion."""
    share, square = caught / count, Z_95**2
    middle = (share + square / (2 * count)) / (1 + square / count)
    half = Z_95 * math.sqrt(share * (1 - share) / count + square / (4 * count**2)) / (1 + square / count)
    return middle - half, middle + half


def row(title: str, of: Counter[str]) -> str:
    """Return one line of the table."""
    counted = sum(of.values()) - of["equivalent"]
    caught = sum(of[status] for status in CAUGHT)
    others = counted - caught - of["survived"] - of["no tests"]
    score = f"{caught / counted:.1%}" if counted else "-"
    cells = [of["killed"], of["timeout"] + of["segfault"], of["survived"], of["no tests"], others, of["equivalent"]]
    return " | ".join([f"| {title}", str(sum(of.values())), *map(str, cells), f"{score} |"])


def report(*, every: bool) -> None:
    """Print the mutants that were not caught, and the table."""
    rooms: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for name, status, path in verdicts():
        rooms[room(name)][status] += 1
        if status not in CAUGHT and (every or status != "equivalent"):
            was, becomes = changed_lines(name, path)
            lines = "".join(f"\n  - {line}" for line in was) + "".join(f"\n  + {line}" for line in becomes)
            sys.stdout.write(f"{status}: {name}{lines}\n")
    whole = sum(rooms.values(), Counter[str]())
    sys.stdout.write("\n| room | mutants | killed | out of time | survived | no tests | other | equivalent | score |\n")
    sys.stdout.write("|---|---|---|---|---|---|---|---|---|\n")
    for key in sorted(rooms):
        sys.stdout.write(f"{row(key, rooms[key])}\n")
    sys.stdout.write(f"{row('**all**', whole)}\n")
    caught = sum(whole[status] for status in CAUGHT)
    low, high = interval(caught, sum(whole.values()) - whole["equivalent"])
    sys.stdout.write(f"\n95 % interval if this was a sample: {low:.1%} to {high:.1%}\n")


def main() -> int:
    """Make the mutants, run those that the command line asks for, and tell what came of them."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--sample", type=int, help="how many mutants to draw; all of them without")
    options.add_argument("--seed", default="1", help="what the sample is drawn with")
    options.add_argument("--only", default="*", help="pattern of the mutants' names, such as 'kdlib.wire.*'")
    options.add_argument("--jobs", type=int, default=2, help="how many mutants run at once")
    options.add_argument("--resume", action="store_true", help="go on with a run that was interrupted")
    options.add_argument("--report", action="store_true", help="only tell what came of the last run")
    options.add_argument("--anew", action="store_true", help="ask anew which tests reach which function")
    chosen = options.parse_args()
    if chosen.report:
        report(every=True)
        return 0
    folder = Path("mutants")
    if chosen.anew:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(exist_ok=True)
    set_mutant_under_test("")
    copy_src_dir()
    copy_also_copy_files()
    create_mutants(chosen.jobs)
    if not chosen.resume:
        sys.stdout.write(f"{choose(chosen.sample, chosen.seed, chosen.only)} mutants\n")
        sys.stdout.flush()
    setup_source_paths()
    learn()
    run(chosen.jobs)
    confirm(chosen.jobs)
    report(every=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
