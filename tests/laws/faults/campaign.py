"""The differential fault campaign: every single fault at every point of every scenario, and the same end. `make laws`.

A plan is told as SCENARIO:CHANNEL:NUMBER:KIND, and is played again by `--plan`. What it comes to is compared with
what the scenario comes to without fault.

The campaign plays each scenario once and forks at each point, a process for each fault; so no plan costs what was
before its fault. A plan by itself is played from the beginning, and makes the same run.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from ends import broken_laws, difference, snapshot  # noqa: E402 - after the path
from plays import SCENARIOS  # noqa: E402
from stage import played  # noqa: E402

from kdlib.testing.faults import FAULTS, Channel, Fault, NoFaults, OneFault, Point  # noqa: E402

LONGEST_SECONDS = 1500.0
"""Virtual seconds until the end of a step has to be there, whatever happened."""

SETTLE_SECONDS = 200.0
"""Virtual seconds from then on until everything has come to rest: more than the longest fault lasts."""

QUIET_SECONDS = 600.0
PLAN_SECONDS = 120
"""Longest real time of one plan."""


@dataclass
class Run:
    """What came of one plan: what was there after each step, and what was wrong besides."""

    snapshots: list = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def against(self, other: "Run") -> list[str]:
        """Return everything that is wrong with this run, other things than in the one without fault included."""
        told = list(self.problems)
        for number, (expected, found) in enumerate(zip(other.snapshots, self.snapshots, strict=False), 1):
            if expected != found:
                told.append(f"after step {number} there is something else:\n{difference(expected, found)}")
                break
        return told


def play(name, schedule):
    """Play a scenario under a schedule of faults."""
    scenario = SCENARIOS[name]

    async def act(stage):
        run = Run()
        async with stage.operated():
            try:
                for step in scenario.prologue:
                    await brought_about(stage, step)
                schedule.begun = True
                for step in scenario.steps:
                    first_run = len(stage.members.runs)
                    await brought_about(stage, step)
                    run.snapshots.append(snapshot(stage, first_run))
            except TimeoutError as error:
                run.problems.append(str(error))
                return run
            schedule.begun = False
            run.problems += broken_laws(stage, attempts=scenario.attempts)
            run.problems += [text async for text in unrest(stage)]
        return run

    schedule.begun = not scenario.prologue
    return played(act, schedule)


async def brought_about(stage, step):
    """Do a step; return when its end is there and everything has come to rest. Raises TimeoutError where it never is."""
    acted = step.act(stage)
    if asyncio.iscoroutine(acted):
        await acted
    until = stage.world.time.seconds + LONGEST_SECONDS
    while not step.end(stage):
        if stage.world.time.seconds > until:
            raise TimeoutError(f"the end of the step is never there: {json.dumps(stage.world.status())[:2000]}")
        await asyncio.sleep(0.5)
    await asyncio.sleep(SETTLE_SECONDS)
    if not step.end(stage):
        raise TimeoutError(f"the end of the step did not last: {json.dumps(stage.world.status())[:2000]}")


async def unrest(stage):
    """Yield what an operator with nothing to do does all the same, the one at work and a fresh one."""
    sent = stage.sent
    await asyncio.sleep(QUIET_SECONDS)
    if stage.sent != sent:
        last = [str(item)[:300] for item in (*stage.transports[-1].requests, *stage.transports[-1].execs)]
        yield f"{stage.sent - sent} requests in {QUIET_SECONDS:g} s of quiet, such as {last[-1]}"
    before = json.dumps(stage.snapshot_of_statuses())
    fresh = await stage.replace_operator()
    await asyncio.sleep(60)
    wrote = [f"{item.method} {item.path}" for item in fresh.requests if item.method != "GET"]
    if wrote or fresh.execs:
        yield f"a fresh operator, with nothing to do, sends {wrote + fresh.execs}"
    if json.dumps(stage.snapshot_of_statuses()) != before:
        yield "a fresh operator writes another status"


class Forking(NoFaults):
    """Lets every fault strike at every point, each in a process of its own; the first one goes on without fault."""

    def __init__(self, scenario, wanted, folder, jobs):
        super().__init__()
        self.fault = None
        self._scenario, self._wanted, self._folder, self._jobs = scenario, wanted, folder, jobs
        self._running = {}

    def _kind(self, point):
        if self.fault is not None:
            return ""
        for kind in FAULTS[point.channel]:
            fault = Fault(point, kind)
            if not self._wanted(fault):
                continue
            self.wait(self._jobs - 1)
            loop = asyncio.get_running_loop()
            process = os.fork()
            if process == 0:
                # A loop runs in the process that began it; this one goes on in the child.
                asyncio._set_running_loop(loop)
                signal.alarm(PLAN_SECONDS)
                self.fault, self.began = fault, time.process_time()
                return kind
            self._running[process] = fault
        return ""

    def wait(self, most):
        """Wait until at most so many processes run."""
        while len(self._running) > most:
            process, status = os.wait()
            fault = self._running.pop(process)
            if status:
                text = f"the plan ended with status {status} (14: it took more than {PLAN_SECONDS} s)"
                (self._folder / str(fault)).write_text(json.dumps([0.0, [text]]))


def campaign_of(scenario, wanted, jobs):
    """Play every plan of a scenario; return its points, and by plan the processor time and what was wrong."""
    calm = play(scenario, NoFaults())
    if calm.problems:
        return {f"{scenario} without fault": (0.0, calm.problems)}
    sys.stdout.flush()
    with tempfile.TemporaryDirectory(prefix="kd-faults-") as name:
        folder = Path(name)
        schedule = Forking(scenario, wanted, folder, jobs)
        try:
            run = play(scenario, schedule)
            problems = run.against(calm)
        except Exception:
            problems = [traceback.format_exc()]
        if schedule.fault is not None:
            seconds = time.process_time() - schedule.began
            (folder / str(schedule.fault)).write_text(json.dumps([seconds, problems]))
            os._exit(0)
        schedule.wait(0)
        found = {str(path.name): json.loads(path.read_text()) for path in folder.iterdir()}
        assert not problems, problems
    return {f"{scenario}:{fault}": found[fault] for fault in sorted(found)}


def plans_of(scenario, points):
    """Return every plan of a scenario whose points are known."""
    return [Fault(point, kind) for point in points for kind in FAULTS[point.channel]]


def one(text):
    """Play one plan from the beginning; return what is wrong with it."""
    scenario, _, fault = text.partition(":")
    schedule = OneFault(Fault.parse(fault))
    run = play(scenario, schedule)
    calm = play(scenario, NoFaults())
    return run.against(calm) if schedule.struck else [f"{scenario} has no such point"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--plan", help="play one plan, such as create:write:3:answer-lost")
    parser.add_argument("--scenario", action="append", choices=sorted(SCENARIOS))
    parser.add_argument("--channel", action="append", choices=sorted(Channel))
    parser.add_argument("--kind", action="append")
    parser.add_argument("--points", action="store_true", help="list the points of the scenarios")
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    if asked.plan:
        problems = one(asked.plan)
        print("\n".join(problems) or "the end is the same")
        return bool(problems)
    return points(asked) if asked.points else everything(asked)


def points(asked):
    for scenario in asked.scenario or SCENARIOS:
        schedule = NoFaults()
        play(scenario, schedule)
        for point in schedule.points:
            print(f"{scenario}:{point}  {point.what}")
    return 0


def everything(asked):
    failures, began = 0, time.monotonic()
    for scenario in asked.scenario or SCENARIOS:
        found = campaign_of(scenario, lambda fault: wanted(asked, fault), asked.jobs)
        counts, seconds = Counter(), defaultdict(float)
        for plan, (took, problems) in found.items():
            kind = plan.split(":")[1]
            counts[kind] += 1
            seconds[kind] += took
            if problems:
                failures += 1
                print(f"FAILED: python tests/laws/faults/campaign.py --plan {plan}", *problems, sep="\n")
        for channel, count in counts.items():
            print(f"{scenario} {channel}: {count} plans, {seconds[channel]:.1f} s of processor time")
    print(f"{failures} failures, {time.monotonic() - began:.0f} s")
    return bool(failures)


def wanted(asked, fault):
    return (not asked.channel or fault.point.channel in asked.channel) and (not asked.kind or fault.kind in asked.kind)


if __name__ == "__main__":
    sys.exit(main())
