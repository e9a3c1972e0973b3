"""Members on a real node: made, more, fewer, killed, with volumes that outlive them."""

import pytest
from shell_cluster import members_of

from kdlib.frozen import dig
from kdlib.wire import PERSISTENT_VOLUME_CLAIM, POD, SERVICE, STATEFUL_SET

pytestmark = pytest.mark.lab

CHILDREN = (STATEFUL_SET, SERVICE, POD, PERSISTENT_VOLUME_CLAIM)


async def test_a_cluster_comes_up_grows_shrinks_and_goes(cluster, shell):
    await shell.app()
    await shell.apply()
    found = await shell.configured(3)
    told = await shell.told()
    assert set(told) == {member["pod"] for member in members_of(found)}
    assert all(lines == ["--configure"] for lines in told.values())
    (head,) = members_of(found, "head")
    fqdn = (await shell.run_in(head["pod"], "cat /var/log/shell-fqdn")).strip()
    assert fqdn.split(".")[:3:2] == [head["pod"], cluster.namespace]
    for member in members_of(found, "tail"):
        assert await shell.run_in(member["pod"], f"getent hosts {fqdn}")

    await shell.resize(4)
    found = await shell.configured(5)
    told = await shell.told()
    old, new = members_of(found)[:3], members_of(found)[3:]
    for member in old:
        added = [line.split()[-1] for line in told[member["pod"]] if line.startswith("--addnodes")]
        names = sorted(fqdn.split(".")[0] for line in added for fqdn in line.split(","))
        assert names == sorted(item["pod"] for item in new)
    assert all(told[member["pod"]][0] == "--configure" for member in new)

    await shell.resize(1)
    await shell.configured(2)
    told = await shell.told()
    assert len(told) == 2
    assert all(len([line for line in lines if line.startswith("--delnodes")]) == 1 for lines in told.values())

    await cluster.api.delete(shell.ref)
    await cluster.eventually(shell.ref, None, seconds=60)
    for kind in CHILDREN:
        await cluster.eventually(shell.children(kind), 0, seconds=60)


async def test_a_member_whose_pod_is_killed_comes_back_and_is_set_up_again(shell):
    await shell.app()
    await shell.apply()
    found = await shell.configured(3)
    victim, other = members_of(found, "tail")
    uid = await shell.kill(victim["pod"])
    await shell.replaced(victim["pod"], uid)
    after = await shell.configured(3)
    assert [member["pod"] for member in members_of(after)] == [member["pod"] for member in members_of(found)]
    told = await shell.told()
    assert told[victim["pod"]] == ["--configure"]
    assert told[other["pod"]] == ["--configure"]


async def test_a_member_with_a_volume_keeps_what_it_has_when_its_pod_is_killed(cluster, shell):
    await shell.app()
    await shell.apply(tail={"members": 1, "storage": {"size": "64Mi"}})
    found = await shell.configured(2)
    (tail,) = members_of(found, "tail")
    (claim,) = await cluster.eventually(shell.children(PERSISTENT_VOLUME_CLAIM), 1)
    assert dig(claim, "status", "phase") == "Bound"
    await shell.run_in(tail["pod"], "echo kept > /etc/kept")
    uid = await shell.kill(tail["pod"])
    await shell.replaced(tail["pod"], uid)
    await shell.configured(2)
    assert await shell.run_in(tail["pod"], "cat /etc/kept") == "kept\n"
    (same,) = await cluster.eventually(shell.children(PERSISTENT_VOLUME_CLAIM), 1)
    assert same["metadata"]["uid"] == claim["metadata"]["uid"]


async def test_an_upgrade_gives_each_member_the_other_release(cluster, shell, newer):
    await shell.app()
    await shell.apply()
    before = await shell.configured(3)
    await shell.app("newer", newer, version="2")
    await shell.apply(app="newer")
    after = await shell.configured(3, seconds=150)
    assert [member["pod"] for member in members_of(after)] == [member["pod"] for member in members_of(before)]
    for member in members_of(after):
        assert await shell.run_in(member["pod"], "cat /var/log/shell-version") == "two\n"


@pytest.fixture
def newer(tmp_path, shop):
    """Offer another release of the test app's setup package; return its name."""
    script = tmp_path / "newer" / "shell" / "startscript"
    script.parent.mkdir(parents=True)
    script.write_text('#!/bin/sh\necho "$*" >> /var/log/shell-events.log\necho two > /var/log/shell-version\n')
    script.chmod(0o755)
    shop.offer("newer.tgz", tmp_path / "newer")
    return "newer.tgz"
