"""Playing one scenario under a schedule of faults, and what came of it."""

import asyncio
import json
from dataclasses import dataclass, field

from faults.ends import broken_laws, difference, doubled, snapshot
from faults.stage import played

__all__ = ["Run", "play"]

LONGEST_SECONDS = 1500.0
"""Virtual seconds until the end of a step has to be there, whatever happened."""

SETTLE_SECONDS = 200.0
"""Virtual seconds from then on until everything has come to rest: more than the longest fault lasts."""

QUIET_SECONDS = 600.0
"""Virtual seconds in which an operator with nothing to do sends nothing."""


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


def play(scenario, schedule):
    """Play a scenario under a schedule of faults."""
    run = Run()
    schedule.begun = not scenario.prologue

    async def act(stage):
        async with stage.operated():
            try:
                await steps(stage, scenario, schedule, run)
            except TimeoutError as error:
                run.problems.append(str(error))
            else:
                run.problems += broken_laws(stage)
                run.problems += [text async for text in unrest(stage)]
        return run

    return played(act, schedule)


async def steps(stage, scenario, schedule, run):
    """Play prologue and steps; snapshots of what is there after each step go into the run."""
    for step in scenario.prologue:
        await brought_about(stage, step)
    schedule.begun = True
    for step in scenario.steps:
        first_run = len(stage.members.runs)
        await brought_about(stage, step)
        run.snapshots.append(snapshot(stage, first_run))
        run.problems += doubled(stage, first_run)
    schedule.begun = False


async def brought_about(stage, step):
    """Do a step; return when its end is there and all has come to rest. Raises TimeoutError where it never is."""
    acted = step.act(stage)
    if asyncio.iscoroutine(acted):
        await acted
    until = stage.world.time.seconds + LONGEST_SECONDS
    while not step.end(stage):
        if stage.world.time.seconds > until:
            raise TimeoutError(f"the end of the step is never there: {json.dumps(stage.statuses())[:2000]}")
        await asyncio.sleep(0.5)
    await asyncio.sleep(SETTLE_SECONDS)
    if not step.end(stage):
        raise TimeoutError(f"the end of the step did not last: {json.dumps(stage.statuses())[:2000]}")


async def unrest(stage):
    """Yield what an operator with nothing to do does all the same, the one at work and a fresh one."""
    sent = stage.sent
    await asyncio.sleep(QUIET_SECONDS)
    if stage.sent != sent:
        last = [str(item)[:300] for item in (*stage.transports[-1].requests, *stage.transports[-1].execs)]
        yield f"{stage.sent - sent} requests in {QUIET_SECONDS:g} s of quiet, such as {last[-1]}"
    before = json.dumps(stage.statuses())
    fresh = await stage.replace_operator()
    await asyncio.sleep(60)
    wrote = [f"{item.method} {item.path}" for item in fresh.requests if item.method != "GET"]
    if wrote or fresh.execs:
        yield f"a fresh operator, with nothing to do, sends {wrote + fresh.execs}"
    if json.dumps(stage.statuses()) != before:
        yield "a fresh operator writes another status"
