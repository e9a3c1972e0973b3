"""The daemon's log as JSON: the same keys in each line, and in all that is about a Kubernetes cluster its name."""

import asyncio
import io
import json
import logging
import sys

import pytest
from waiting import until

from kdd.crew import site
from kdd.logs import configure_logs
from kdd.meter import UNMETERED
from kdd.standing import Standings
from kdlib.kube import Api
from kdlib.runtime import Crew, run_fleet
from kdlib.sandbox import Registry
from kdlib.sandbox.store import LocalTransport
from kdlib.testing import VirtualTime


@pytest.fixture
def lines(monkeypatch):
    """Return how to read what was logged as JSON since."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    configure_logs("json")
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_object_with_known_keys_and_the_fields_of_its_record(lines):
    logging.getLogger("kdlib.x").info("applied %s", "Service a/b", extra={"cluster": "a/c", "correlation": "7"})
    (line,) = lines()
    assert line.pop("timestamp").endswith("Z")
    fields = {"cluster": "a/c", "correlation": "7"}
    assert line == {"event": "applied Service a/b", "level": "info", "logger": "kdlib.x", **fields}


def test_an_exception_is_part_of_its_line(lines):
    try:
        {}["no such thing"]
    except KeyError:
        logging.getLogger("kdlib.x").exception("unexpected")
    (line,) = lines()
    assert (line["level"], line["event"]) == ("error", "unexpected")
    assert line["exception"].splitlines()[-1] == "KeyError: 'no such thing'"


def test_debug_lines_are_left_out_unless_asked_for(lines):
    logging.getLogger("kdlib.x").debug("small talk")
    assert lines() == []


async def test_each_line_about_a_kubernetes_cluster_names_it_and_no_other(lines):
    standings = Standings()

    class Talker:
        def __init__(self, api):
            self._api = api

        async def run(self):
            async with asyncio.TaskGroup() as group:
                group.create_task(self._talk())
            await asyncio.Event().wait()

        async def _talk(self):
            logging.getLogger("kdlib.x").info("works for %s", self._api.name)

    class Connection:
        def __init__(self, name):
            self._api = Api(LocalTransport(Registry(VirtualTime().now, str)), name=name)

        async def __aenter__(self):
            return self._api

        async def __aexit__(self, *_):
            pass

    sites = [site(name, lambda name=name: Connection(name), standings, UNMETERED) for name in ("east", "west")]
    task = asyncio.ensure_future(run_fleet(sites, Crew(lambda api: (Talker(api),))))
    await until(lambda: len(lines()) >= 2)
    task.cancel()
    await asyncio.wait({task})
    logging.getLogger("kdlib.x").info("about none")
    told = {line["event"]: line.get("kubernetes") for line in lines()}
    assert told == {"works for east": "east", "works for west": "west", "about none": None}
