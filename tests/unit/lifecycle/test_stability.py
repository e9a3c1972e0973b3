"""From any state that can be reached, a cluster whose spec stays comes to rest: all configured, all told, silent."""

from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from kdlib import lifecycle

ROLES = ("head", "tail", "bare")
RECONNECT = ("--reconnect",)


def there(versions):
    """Return the connections without those that are not there."""
    return {name: version for name, version in versions.items() if version is not None}


class Walk(RuleBasedStateMachine):
    """Users, faults, Kubernetes, containers and the operator act in any order."""

    make_world = None
    storage = False
    asks = False

    def __init__(self):
        super().__init__()
        events = {"tail": ["configure", "addnodes", "delnodes", "decommission"]} if self.asks else {}
        options = {"bare": ("bare",), "storage": self.storage, "events": events}
        options |= {"start_order": ["tail", "head"]} if self.asks else {}
        self.world = type(self).make_world(dict.fromkeys(ROLES, 1), **options)
        self.retries = 0
        self.changes = 0
        self.node_ids: dict[int, str] = {}
        self.announced: dict[str, bool] = {}

    @rule(role=st.sampled_from(ROLES), count=st.integers(0, 4))
    def scale(self, role, count):
        self.world.wanted[role] = count

    @rule(role=st.sampled_from(ROLES))
    def remove_role(self, role):
        self.world.wanted.pop(role, None)

    @rule(lose_write=st.booleans())
    def operate(self, lose_write):
        self.world.operate(lose_write=lose_write)
        self.note()

    @rule()
    def kubernetes(self):
        self.world.kubernetes()

    @precondition(lambda self: self.world.tasks)
    @rule(data=st.data())
    def work(self, data):
        self.world.work(only=data.draw(st.integers(0, len(self.world.tasks) - 1)))

    @rule()
    def everyone(self):
        self.world.operate()
        self.note()
        self.world.kubernetes()
        self.world.work()

    @rule()
    def crash(self):
        self.world.crash()

    @precondition(lambda self: self.world.pods)
    @rule(data=st.data(), fault=st.sampled_from(["restart", "vanish", "fail", "heal", "cut", "reach", "delay"]))
    def disturb(self, data, fault):
        world, pod = self.world, data.draw(st.sampled_from(sorted(self.world.pods)))
        match fault:
            case "restart":
                world.start(pod)
            case "vanish":
                del world.pods[pod]
            case "fail":
                world.exit_codes[pod] = 1
            case "heal":
                world.exit_codes.pop(pod, None)
            case "cut":
                world.unreachable.add(pod)
            case "reach":
                world.unreachable.discard(pod)
            case "delay":
                world.slow ^= {pod}

    @rule(name=st.sampled_from("xy"), there=st.booleans())
    def connect(self, name, there):
        """Let something that the cluster is connected to come, change or go."""
        self.changes += 1
        self.world.connected = {**self.world.connected, name: str(self.changes) if there else None}

    @rule()
    def lose_the_sets(self):
        self.world.sets = {}

    @rule()
    def ask_for_a_retry(self):
        self.retries += 1
        self.world.annotations["kubedirector.hpe.com/retry"] = str(self.retries)

    @rule()
    def give_up_on_those_that_are_to_go(self):
        self.retries += 1
        self.world.annotations["kubedirector.hpe.com/give-up"] = str(self.retries)

    @rule()
    def wait_for_hours(self):
        self.world.now += timedelta(hours=3)

    def note(self):
        for member in self.world.members():
            assert self.node_ids.setdefault(member.node_id, member.pod) == member.pod
            if member.state not in ("delete pending", "deleting"):
                self.announced[member.pod] = bool(member.state_detail.announced)

    @invariant()
    def node_ids_are_unique_and_staying_ordinals_have_no_gap(self):
        ids = [member.node_id for member in self.world.members()]
        assert len(set(ids)) == len(ids)
        for role in self.world.status.roles:
            pods = [member.pod for member in role.members if self.stays(member)]
            assert pods == [f"{role.stateful_set}-{number}" for number in range(len(pods))]

    def stays(self, member):
        return member.state not in ("delete pending", "deleting") and member.state_detail.decommission is None

    @invariant()
    def nothing_is_started_twice_without_a_request(self):
        for container in self.world.lives:
            times = Counter(container.events)
            assert times.pop(RECONNECT, 0) <= self.changes + self.retries
            assert all(count <= 1 + self.retries for count in times.values()), times

    def teardown(self):
        world = self.world
        world.exit_codes, world.unreachable, world.slow = {}, set(), set()
        world.crash()
        for _ in range(8):
            world.settle()
            self.retries += 1
            world.annotations["kubedirector.hpe.com/retry"] = str(self.retries)
        world.settle()
        self.note()
        wanted = {f"set-{role}-{n}" for role, count in world.wanted.items() for n in range(count)}
        assert world.states() == dict.fromkeys(wanted, "configured")
        assert lifecycle.settled(world.status)
        assert world.life.actions == ()
        assert set(world.pods) == wanted
        assert set(world.volumes) == ({f"p-{pod}" for pod in wanted} if self.storage else set())
        left = {pod for pod, announced in self.announced.items() if announced} - wanted
        for pod, container in world.pods.items():
            if "bare" not in pod:
                assert container.knows >= wanted
                assert not container.knows & left
                assert there(container.connected) == there(world.connected)
        assert {member.state_detail.last_connection_version for member in world.members()} <= {
            world.status.connection_version
        }


@pytest.mark.parametrize("asks", [False, True])
@pytest.mark.parametrize("storage", [False, True])
def test_a_random_walk_ends_in_the_wanted_state(make_world, storage, asks):
    machine = type("WalkHere", (Walk,), {"make_world": make_world, "storage": storage, "asks": asks})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=25,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=True,
        ),
    )
