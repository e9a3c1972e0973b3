"""`make deploy` with a stand-in for kubectl: what real servers do in an odd moment, in their words."""

import os
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
REFUSED = (
    "Error from server (InternalError): error when creating: Internal error occurred: failed calling webhook "
    '"configs.kubedirector.hpe.com": failed to call webhook: Post "https://kubedirector-webhook": connection refused'
)
KUBECTL = """#!/bin/sh
case $1 in create) ;; *) exit 0 ;; esac
echo "$*" >> {log}
[ "$(grep -c . {log})" -gt {refusals} ] || {{ echo '{words}' >&2; exit 1; }}
"""


@pytest.fixture
def deploy(tmp_path):
    """Return how to deploy where the first creations are refused; gives the outcome, and the creations tried."""

    def run(refusals, words, **environment):
        kubectl, log = tmp_path / "kubectl", tmp_path / "created"
        kubectl.write_text(KUBECTL.format(log=log, refusals=refusals, words=words))
        kubectl.chmod(0o755)
        found = subprocess.run(
            [TOP / "deploy" / "kubedirector", "deploy"],
            env={**os.environ, "KUBECTL": str(kubectl), **environment},
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return found, log.read_text().splitlines()

    return run


def test_a_webhook_that_cannot_be_reached_yet_is_waited_for(deploy):
    """The daemon is ready a moment before each node's ways to its Service are."""
    found, tried = deploy(1, REFUSED)
    assert found.returncode == 0, found.stderr
    assert tried[0] == tried[1]
    assert len(set(tried)) == 1 + len(list(TOP.glob("catalog/*/app.yaml")))


def test_a_webhook_that_is_never_reached_ends_it_in_its_words(deploy):
    found, _ = deploy(1000, REFUSED, PATIENCE_SECONDS="1")
    assert found.returncode == 2
    assert "failed calling webhook" in found.stderr


def test_an_object_that_is_refused_for_good_ends_it_at_once(deploy):
    found, tried = deploy(1000, "Error from server (Forbidden): it is forbidden")
    assert found.returncode == 2
    assert found.stderr == "make deploy: kubectl create: Error from server (Forbidden): it is forbidden\n"
    assert len(tried) == 1
