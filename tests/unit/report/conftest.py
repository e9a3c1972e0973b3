"""Passes to report on: what was seen, where the members stand."""

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from kdlib import model, rules
from kdlib.model import ClusterStatus, Life, MemberStatus, Reserved, Resolved, RoleStatus, Seen, StateDetail
from kdlib.wire import Ref

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
APP = {
    "label": {"name": "Example"},
    "distroID": "example/x",
    "version": "1",
    "configSchemaVersion": 7,
    "defaultImageRepoTag": "x",
    "services": [],
    "roles": [{"id": "a", "cardinality": "0+"}, {"id": "b", "cardinality": "0+"}],
    "config": {"selectedRoles": [], "roleServices": []},
}
LIMITS = {"limits": {"memory": "1Gi", "cpu": "1"}}


@dataclass(frozen=True)
class Pass:
    """What a pass wants, as the report takes it."""

    resolved: Resolved
    life: Life
    kept_fields: tuple[tuple[Ref, tuple[str, ...]], ...] = ()

    @property
    def seen(self) -> Seen:
        return self.resolved.seen


def _root_of(wanted, status=None, **spec):
    roles = [{"id": role, "members": count, "resources": LIMITS} for role, count in wanted.items()]
    root = {
        "apiVersion": "kubedirector.hpe.com/v1beta1",
        "kind": "KubeDirectorCluster",
        "metadata": {"name": "db1", "namespace": "team", "uid": "u1", "generation": 4},
        "spec": {"app": "x", "roles": roles, **spec},
    }
    return {**root, "status": status} if status else root


def _member(pod, state="configured", **detail):
    """Return a member; a configured one has digested generation 2 unless told otherwise."""
    known = {"last_known_container_state": "running", "last_config_data_generation": 2, "last_setup_generation": 2}
    values = {**(known if state == "configured" else {}), **detail}
    return MemberStatus(pod=pod, node_id=1, state=state, state_detail=StateDetail(**values))


@pytest.fixture
def member():
    """Return a function that makes a member's status."""
    return _member


@pytest.fixture
def root_of():
    """Return a function that makes a cluster as it is stored."""
    return _root_of


@pytest.fixture
def make():
    """Return a function that makes a pass: members by role, what was stored before, what the spec says besides."""

    def made(members, *, stored=None, wanted=None, now=NOW, pending=False, **spec):
        counts = wanted if wanted is not None else {role: len(found) for role, found in members.items()}
        root = _root_of(counts, stored, **spec)
        resolved = rules.resolve(model.Cluster.of(root), model.App.of("x", APP), Seen(now, root))
        status = ClusterStatus(
            state=(stored or {}).get("state", ""),
            cluster_service="kdhs-x",
            spec_generation_to_process=2,
            roles=tuple(RoleStatus(id=role, stateful_set=f"s-{role}", members=tuple(m)) for role, m in members.items()),
            reserved=Reserved(app_copy="c"),
        )
        return Pass(resolved, Life(status=status, reservation_pending=pending))

    return made
