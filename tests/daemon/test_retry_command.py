"""`kdd retry` and `kdd rotate-tokens` ask by an annotation with a new value, where there is something to ask for."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from typer.testing import CliRunner

from kdd.main import app

PATH = "/apis/kubedirector.hpe.com/v1beta1/namespaces/team/kubedirectorclusters/c"


def member(pod, **detail):
    return {"pod": pod, "nodeID": 1, "service": "n/a", "state": "delete pending", "stateDetail": detail}


def told(**more):
    return {"decommission": {"since": "2026-01-01T00:00:00Z", "attempt": 1, **more}}


@asynccontextmanager
async def serving(members, patches):
    async def answer(request):
        if request.path != PATH:
            return web.json_response({"kind": "Status", "code": 404, "reason": "NotFound"}, status=404)
        if request.method == "PATCH":
            patches.append(json.loads(await request.text())["metadata"]["annotations"])
        metadata = {"name": "c", "namespace": "team", "uid": "u", "resourceVersion": "1"}
        status = {"roles": [{"id": "a", "members": members}]}
        kind = {"apiVersion": "kubedirector.hpe.com/v1beta1", "kind": "KubeDirectorCluster"}
        return web.json_response({**kind, "metadata": metadata, "spec": {"app": "x", "roles": []}, "status": status})

    server = web.Application()
    server.router.add_route("*", "/{tail:.*}", answer)
    runner = web.AppRunner(server, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.fixture
def ask(tmp_path):
    """Run `kdd retry`, or another command; return exit code, output and what was annotated.

    The cluster has these members.
    """

    async def asked(members, *arguments, command="retry"):
        patches = []
        async with serving(members, patches) as address:
            config = {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "x",
                "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
                "clusters": [{"name": "x", "cluster": {"server": address}}],
                "users": [{"name": "x", "user": {}}],
            }
            (tmp_path / "config").write_text(json.dumps(config))
            words = [command, "c", *arguments, "-n", "team", "--kubeconfig", str(tmp_path / "config")]
            result = await asyncio.to_thread(CliRunner().invoke, app, words)
        return result.exit_code, result.output, [key for patch in patches for key in patch]

    return asked


async def test_members_that_do_not_let_go_are_asked_again_or_given_up(ask):
    members = [member("s-0", **told(exitCode=3)), member("s-1", **told())]
    for arguments, key in (
        ((), "retry"),
        (("s-0",), "retry-s-0"),
        (("--give-up",), "give-up"),
        (("s-1", "--give-up"), "give-up-s-1"),
    ):
        code, _, keys = await ask(members, *arguments)
        assert (code, keys) == (0, [f"kubedirector.hpe.com/{key}"])


async def test_where_nobody_is_to_go_there_is_nothing_to_give_up(ask):
    for members in ([], [member("s-0")], [member("s-0", **told(over=True))]):
        code, output, keys = await ask(members, "--give-up")
        assert (code, keys) == (2, [])
        assert "--give-up: no member of it waits for its decommission; there is nothing to give up" in output


async def test_where_nothing_failed_there_is_nothing_to_retry(ask):
    code, output, keys = await ask([member("s-0", **told())])
    assert (code, keys, "there is nothing to retry" in output) == (2, [], True)


async def test_a_member_whose_name_fits_into_no_annotation_is_told_so_with_a_way_out(ask):
    """A pod of the naming scheme CrNameRole may have 56 characters, the name of an annotation 63."""
    pod = f"{'a' * 51}-1000"
    code, output, keys = await ask([member(pod, **told())], pod, "--give-up")
    assert (code, keys, output.count("\n")) == (2, [], 1)
    assert f"MEMBER: {pod!r} is too long for the name of an annotation; leave it out" in output


async def test_new_tokens_are_asked_for_where_there_are_some_hidden_or_not(ask):
    """What the status has of a hidden token is a digest; the command needs no right to read the Secret."""
    members = [{**member("s-0"), "authToken": "0" * 32}, member("s-1", authTokenDigest="9f2c4e11a0"), member("s-2")]
    for arguments, key in (((), "rotate-tokens"), (("s-0",), "rotate-tokens-s-0"), (("s-1",), "rotate-tokens-s-1")):
        code, _, keys = await ask(members, *arguments, command="rotate-tokens")
        assert (code, keys) == (0, [f"kubedirector.hpe.com/{key}"])
    for found, arguments in ((members, ("s-2",)), (members[2:], ())):
        code, output, keys = await ask(found, *arguments, command="rotate-tokens")
        assert (code, keys, "tokens are for services whose endpoint has hasAuthToken" in output) == (2, [], True)
