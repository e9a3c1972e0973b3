"""The differential fault campaign: every single fault at every point of every scenario, and the same end. `make laws`.

A plan is told as SCENARIO:CHANNEL:NUMBER:KIND, and is played again by `--plan`. What it comes to is compared with
what the scenario comes to without fault.

The campaign plays each scenario once and forks at each point, a process for each fault; so no plan costs what was
before its fault. A plan by itself is played from the beginning, and makes the same run.
"""

import argparse
import asyncio
import gc
import json
import os
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter, defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "waiting"))

from faults.playing import play
from faults.plays import SCENARIOS

from kdlib.testing.faults import FAULTS, Channel, Fault, NoFaults, OneFault

PLAN_SECONDS = 120
"""Longest real time of one plan."""


class Forking(NoFaults):
    """Lets every fault strike at every point, each in a process of its own; the first one goes on without fault."""

    def __init__(self, wanted, folder, jobs):
        super().__init__()
        self.fault = None
        self._wanted, self._folder, self._jobs = wanted, folder, jobs
        self._running = {}

    def _kind(self, point):
        if self.fault is not None:
            return ""
        for kind in FAULTS[point.channel]:
            fault = Fault(point, kind)
            if self._wanted(fault) and self._forked(fault):
                return kind
        return ""

    def _forked(self, fault):
        """Begin a process for the fault; tell whether this is it."""
        self.wait(self._jobs - 1)
        loop = asyncio.get_running_loop()
        # What is there already is neither looked through nor copied again and again by the processes to come.
        gc.freeze()
        process = os.fork()
        if process:
            self._running[process] = fault
            return False
        # A loop runs in the process that began it; this one goes on in the child.
        asyncio._set_running_loop(loop)
        signal.alarm(PLAN_SECONDS)
        self.fault, self._began = fault, time.process_time()
        return True

    def wait(self, most):
        """Wait until at most so many processes run."""
        while len(self._running) > most:
            process, status = os.wait()
            fault = self._running.pop(process)
            if status:
                self.report(fault, [f"ended with status {status} (14: it took more than {PLAN_SECONDS} s)"])

    def report(self, fault, problems):
        """Leave what came of a plan to the first process."""
        seconds = time.process_time() - self._began if self.fault else 0.0
        (self._folder / str(fault)).write_text(json.dumps([seconds, problems]))


def campaign_of(scenario, wanted, jobs):
    """Play every plan of a scenario; return by plan the processor time and what was wrong."""
    calm = play(SCENARIOS[scenario], NoFaults())
    if calm.problems:
        return {f"{scenario}::without fault": (0.0, calm.problems)}
    sys.stdout.flush()
    with tempfile.TemporaryDirectory(prefix="kd-faults-") as name:
        folder = Path(name)
        schedule = Forking(wanted, folder, jobs)
        try:
            problems = play(SCENARIOS[scenario], schedule).against(calm)
        finally:
            if schedule.fault is not None:
                schedule.report(schedule.fault, [traceback.format_exc()] if sys.exc_info()[0] else problems)
                os._exit(0)
        schedule.wait(0)
        found = {path.name: json.loads(path.read_text()) for path in folder.iterdir()}
    return {f"{scenario}:{plan}": found[plan] for plan in sorted(found)}


def plans_of(points):
    """Return every plan of a scenario whose points are known."""
    return [Fault(point, kind) for point in points for kind in FAULTS[point.channel]]


def one(text):
    """Play one plan from the beginning; return what is wrong with it."""
    name, _, fault = text.partition(":")
    scenario, schedule = SCENARIOS[name], OneFault(Fault.parse(fault))
    run = play(scenario, schedule)
    return run.against(play(scenario, NoFaults())) if schedule.struck else [f"{name} has no such point"]


def everything(scenarios, wanted, jobs):
    """Play all plans, tell of those that failed, and of each scenario what it took; return how many failed."""
    failures, began = 0, time.monotonic()
    for scenario in scenarios:
        counts, seconds = Counter(), defaultdict(float)
        for plan, (took, problems) in campaign_of(scenario, wanted, jobs).items():
            channel = plan.split(":")[1]
            counts[channel] += 1
            seconds[channel] += took
            if problems:
                failures += 1
                say(f"FAILED: python tests/laws/faults/campaign.py --plan {plan}", *problems)
        told = (f"{channel} {count} ({seconds[channel]:.1f} s)" for channel, count in sorted(counts.items()))
        say(f"{scenario}: {sum(counts.values())} plans: {', '.join(told)}")
    say(f"{failures} failures in {time.monotonic() - began:.0f} s")
    return failures


def list_points(scenarios):
    """List the points of scenarios."""
    for scenario in scenarios:
        schedule = NoFaults()
        play(SCENARIOS[scenario], schedule)
        say(*(f"{scenario}:{point}  {point.what}" for point in schedule.points))


def say(*lines):
    """Write lines at once."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def main():
    """Do what the command line asks for; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--plan", help="play one plan, such as create:write:3:answer-lost")
    parser.add_argument("--scenario", action="append", choices=sorted(SCENARIOS))
    parser.add_argument("--channel", action="append", choices=sorted(Channel))
    parser.add_argument("--kind", action="append", help="a kind of fault, such as answer-lost")
    parser.add_argument("--points", action="store_true", help="list the points of the scenarios")
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    gc.disable()
    if asked.plan:
        problems = one(asked.plan)
        say(*(problems or ["the end is the same"]))
        return bool(problems)
    scenarios = asked.scenario or list(SCENARIOS)
    if asked.points:
        list_points(scenarios)
        return False

    def wanted(fault):
        of_channel = not asked.channel or fault.point.channel in asked.channel
        return of_channel and (not asked.kind or fault.kind in asked.kind)

    return bool(everything(scenarios, wanted, asked.jobs))


if __name__ == "__main__":
    sys.exit(main())
