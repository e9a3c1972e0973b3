"""W-42: a disruption budget comes, changes and goes with what a role asks for, whoever runs. In virtual time."""

from kdlib.wire import KD_CLUSTER, POD_DISRUPTION_BUDGET

ROLE = "kubedirector.hpe.com/role"


def budgets(world):
    return {item["metadata"]["labels"][ROLE]: item for item in world.registry.list(POD_DISRUPTION_BUDGET)}


def ask(world, budget):
    head, tail = world.cluster()["spec"]["roles"]
    roles = [head, {**tail, "podDisruptionBudget": budget}]
    world.registry.patch(KD_CLUSTER, "default", "c1", {"spec": {"roles": roles}})


def bound(world):
    return {key: item for key, item in budgets(world)["tail"]["spec"].items() if key != "selector"}


def test_w42_a_role_has_the_disruption_budget_that_it_asks_for(play, made):
    async def scenario(world):
        async with world.operating() as transport:
            world.create(made.app(), made.cluster())
            await world.until(world.configured(head=1, tail=2))
            assert budgets(world) == {}
            ask(world, {"maxUnavailable": 1})
            await world.until(lambda: budgets(world))
            made_set = world.status()["roles"][1]["statefulSet"]
            budget = budgets(world)["tail"]
            assert (budget["metadata"]["name"], bound(world)) == (made_set, {"maxUnavailable": 1})
            assert budget["spec"]["selector"]["matchLabels"] == budget["metadata"]["labels"]
            (owner,) = budget["metadata"]["ownerReferences"]
            assert owner["uid"] == world.cluster()["metadata"]["uid"]
            ask(world, {"minAvailable": "50%"})
            await world.until(lambda: bound(world) == {"minAvailable": "50%"})
            ask(world, None)
            await world.until(lambda: not budgets(world))
            # Budgets are no part of what a role with members has to keep, nor is anything restarted for them.
            types = {item["type"] for item in world.status()["conditions"]}
            assert not types & {"SpecAccepted", "MembersOutdated"}
            assert not [write for write in transport.writes if write[0] == "DELETE" and "/pods/" in write[1]]

    play(scenario)


def test_a_budget_goes_with_its_role_and_with_its_cluster(play, made):
    async def scenario(world):
        async with world.operating():
            wanted = made.cluster()
            for role in wanted["spec"]["roles"]:
                role["podDisruptionBudget"] = {"maxUnavailable": 0}
            world.create(made.app(), wanted)
            await world.until(world.configured(head=1, tail=2))
            assert set(budgets(world)) == {"head", "tail"}
            roles = world.cluster()["spec"]["roles"][:1]
            world.registry.patch(KD_CLUSTER, "default", "c1", {"spec": {"roles": roles}})
            await world.until(world.configured(head=1))
            await world.until(lambda: set(budgets(world)) == {"head"})
            world.registry.delete(KD_CLUSTER, "default", "c1")
            await world.until(lambda: not world.left() and not budgets(world))

    play(scenario)
