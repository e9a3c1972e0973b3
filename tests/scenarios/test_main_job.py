"""The main job with real processes: a cluster comes up, grows, shrinks, heals and goes; mistakes are told."""

import asyncio
from datetime import UTC, datetime

import pytest

from kdlib import packages

pytestmark = pytest.mark.usefixtures("daemon")


def failed(found):
    conditions = {item["type"]: item for item in (found or {}).get("status", {}).get("conditions", [])}
    return conditions.get("Stalled", {}).get("status") == "True"


def words(found):
    return " ".join(item.get("message", "") for item in found["status"]["conditions"])


async def test_a_cluster_lives_its_whole_life(world, shell, cluster):
    await world.apply(shell / "app.yaml")
    await world.apply(shell / "cluster.yaml")
    found = await world.until_configured(cluster, 3)
    assert set(await world.events_told(cluster)) == {member["pod"] for member in world.members_of(found)}
    assert all(told == ["--configure"] for told in (await world.events_told(cluster)).values())
    head = world.members_of(found, "head")[0]
    assert (await world.run_in(head["pod"], "cat /var/log/shell-fqdn")).startswith(f"{head['pod']}.")

    await world.resize(cluster, "tail", 4)
    found = await world.until_configured(cluster, 5)
    old, new = world.members_of(found)[:3], world.members_of(found)[3:]
    told = await world.events_told(cluster)
    for member in old:
        added = [line for line in told[member["pod"]] if line.startswith("--addnodes --nodegroup 1 --role tail")]
        fqdns = sorted(fqdn for line in added for fqdn in line.split()[-1].split(","))
        assert [fqdn.split(".")[0] for fqdn in fqdns] == sorted(item["pod"] for item in new)
    assert all(told[member["pod"]][0] == "--configure" for member in new)

    await world.resize(cluster, "tail", 1)
    found = await world.until_configured(cluster, 2)
    for lines in (await world.events_told(cluster)).values():
        assert len([line for line in lines if line.startswith("--delnodes --nodegroup 1 --role tail")]) == 1

    await world.api.delete(cluster)
    await world.until(cluster, lambda found: found is None)
    await world.until_nothing_is_left(cluster)


async def test_a_member_whose_container_ends_comes_back_set_up_again(world, shell, cluster):
    await world.apply(shell / "app.yaml")
    await world.apply(shell / "cluster.yaml")
    before = world.members_of(await world.until_configured(cluster, 3), "tail")[0]
    container = before["stateDetail"]["lastConfiguredContainer"]
    await world.end(before["pod"])

    def back(found):
        member = world.members_of(found, "tail")[0]
        return world.is_configured(found, 3) and member["stateDetail"]["lastConfiguredContainer"] != container

    await world.until(cluster, back)
    told = await world.events_told(cluster)
    assert told[before["pod"]] == ["--configure"]
    assert all(lines == ["--configure"] for lines in told.values())


async def test_forty_members_are_configured_within_a_minute(world, shell, cluster):
    await world.apply(shell / "app.yaml")
    await world.apply(shell / "cluster.yaml")
    await world.resize(cluster, "tail", 39)
    await world.until_configured(cluster, 40, seconds=60)


async def test_a_settled_cluster_costs_no_request(world, shell, cluster):
    await world.apply(shell / "app.yaml")
    await world.apply(shell / "cluster.yaml")
    await world.until_configured(cluster, 3)
    quiet = asyncio.get_running_loop().create_future()
    heard = []
    end = world.sandbox.access_log.subscribe(
        lambda access: (
            heard.append(access) if not access.is_watch and access.user_agent.startswith("kubedirector") else None
        )
    )
    # The Events that tell of the last change may still be on their way; what counts is the minute after them.
    asyncio.get_running_loop().call_later(5, heard.clear)
    asyncio.get_running_loop().call_later(65, quiet.set_result, None)
    await quiet
    end()
    assert heard == [], datetime.now(UTC)


async def test_a_cluster_of_an_app_that_is_not_there_says_so_and_goes_on_when_it_comes(world, shell, cluster):
    await world.apply(shell / "cluster.yaml")
    found = await world.until(cluster, failed)
    assert "shell" in words(found)
    assert "app" in words(found)
    assert not any((await world.children(cluster)).values())
    await world.until_told(cluster, "app 'shell' does not exist")
    await world.apply(shell / "app.yaml")
    await world.until_configured(cluster, 3)


@pytest.mark.parametrize(
    ("roles", "says"),
    [
        ([("head", 1), ("nose", 1)], "nose"),
        ([("head", 2)], "head"),
        ([("tail", 1)], "head"),
    ],
    ids=["an unknown role", "a member count outside the cardinality", "a missing required role"],
)
async def test_a_wrong_cluster_makes_nothing_and_is_mended_by_correcting_it(world, shell, cluster, roles, says):
    await world.apply(shell / "app.yaml")
    resources = {"requests": {"memory": "16Mi", "cpu": "10m"}, "limits": {"memory": "64Mi", "cpu": "100m"}}
    wrong = [{"id": name, "members": members, "resources": resources} for name, members in roles]
    await world.apply(shell / "cluster.yaml", roles=wrong)
    found = await world.until(cluster, failed)
    assert says in words(found)
    assert "spec.roles" in words(found)
    assert not any((await world.children(cluster)).values())
    await world.until_told(cluster, says)
    await world.apply(shell / "cluster.yaml")
    await world.until_configured(cluster, 3)


def all_failed(world):
    return lambda found: {item["state"] for item in world.members_of(found)} == {"config error"}


async def test_a_setup_package_that_cannot_be_fetched_is_named(world, shell, cluster):
    await world.apply(
        shell / "app.yaml", defaultConfigPackage={"packageURL": "file:///opt/test/none.tgz", "useNewSetupLayout": True}
    )
    await world.apply(shell / "cluster.yaml")
    found = await world.until(cluster, all_failed(world))
    detail = world.members_of(found)[0]["stateDetail"]["configErrorDetail"]
    assert "/opt/test/none.tgz" in detail


async def test_a_failing_start_script_is_told_and_retried_on_request(world, shell, cluster):
    await world.apply(shell / "app.yaml")
    resources = {"requests": {"memory": "16Mi", "cpu": "10m"}, "limits": {"memory": "64Mi", "cpu": "100m"}}
    failing = [{"id": "head", "resources": resources, "env": [{"name": "SHELL_FAIL", "value": "1"}]}]
    await world.apply(shell / "cluster.yaml", roles=failing)
    found = await world.until(cluster, all_failed(world))
    member = world.members_of(found)[0]
    assert "7" in member["stateDetail"]["configErrorDetail"]
    assert "asked to fail by SHELL_FAIL" in member["stateDetail"]["startScriptStderrMessage"]
    ready = next(item for item in found["status"]["conditions"] if item["type"] == "Ready")
    assert ready["status"] == "False"
    await world.run_in(member["pod"], "sed -i 's/^.*SHELL_FAIL.*exit 7.*$//' /opt/guestconfig/*/startscript")
    annotation = {"metadata": {"annotations": {"kubedirector.hpe.com/retry": "once more"}}}
    await world.api.merge_patch(cluster, annotation)
    after = await world.until(
        cluster,
        lambda found: world.members_of(found)[0]["stateDetail"].get("attempt") == 2 and not moving(world, found),
    )
    assert len((await world.events_told(cluster))[member["pod"]]) == 2, after


async def test_a_corrected_role_goes_on_without_anybody_deleting_anything(world, shell, cluster):
    await world.apply(shell / "app.yaml")
    spec = packages.load(shell / "cluster.yaml")[0].value["spec"]
    head, tail = spec["roles"]
    failing = {**tail, "env": [{"name": "SHELL_FAIL", "value": "1"}]}
    await world.apply(shell / "cluster.yaml", roles=[head, failing])
    await world.until(
        cluster, lambda found: sorted(world.states(found)) == ["config error", "config error", "configured"]
    )
    (before,) = world.members_of(await world.api.get(cluster), "head")
    await world.apply(shell / "cluster.yaml")
    found = await world.until_configured(cluster, 3)
    (after,) = world.members_of(found, "head")
    key = "lastConfiguredContainer"
    assert after["stateDetail"][key] == before["stateDetail"][key]


async def test_a_corrected_app_reaches_the_role_that_waits_for_it(world, shell, cluster):
    spec = packages.load(shell / "app.yaml")[0].value["spec"]
    head, tail = spec["roles"]
    await world.apply(shell / "app.yaml", roles=[head, {**tail, "imageRepoTag": "nobody/has:this"}])
    await world.apply(shell / "cluster.yaml")
    found = await world.until(cluster, lambda found: failed(found) and world.states(found).count("configured") == 1)
    assert "nobody/has:this" in words(found)
    await world.apply(shell / "app.yaml")
    await world.until_configured(cluster, 3)


def moving(world, found):
    return any(item["state"] not in ("configured", "config error") for item in world.members_of(found))


async def test_an_unreadable_cluster_stops_only_itself(world, shell, cluster):
    await world.apply(shell / "app.yaml")
    broken = {"apiVersion": "kubedirector.hpe.com/v1beta1", "kind": "KubeDirectorCluster"}
    broken |= {"metadata": {"name": "broken", "namespace": "default"}, "spec": {"app": "shell", "roles": []}}
    await world.api.apply(broken, field_manager="test")
    await world.apply(shell / "cluster.yaml")
    await world.until_configured(cluster, 3)
