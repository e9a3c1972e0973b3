"""Exec over WebSockets, and logs."""

import asyncio
import json

import aiohttp
import pytest

EXEC = "/api/v1/namespaces/default/pods/p/exec"
LOG = "/api/v1/namespaces/default/pods/p/log"
V5, V4 = "v5.channel.k8s.io", "v4.channel.k8s.io"
STREAMS = "command=sh&command=-c&stdin=true&stdout=true&stderr=true"

pytestmark = pytest.mark.usefixtures("pod")


async def received(socket, found=None, *, until=b"never"):
    """Return what comes on each channel until the server closes, or until stdout was that."""
    found = {1: b""} if found is None else found
    while found[1] != until:
        message = await socket.receive()
        if message.type is not aiohttp.WSMsgType.BINARY:
            break
        channel, data = message.data[0], message.data[1:]
        found[channel] = found.get(channel, b"") + data
    return found


@pytest.mark.parametrize("protocol", [V5, V4])
async def test_stdin_stdout_and_stderr_have_channels_and_the_exit_code_comes_last(session, containers, protocol):
    async with session.ws_connect(f"{EXEC}?{STREAMS}", protocols=[protocol]) as socket:
        assert socket.protocol == protocol
        await socket.send_bytes(b"\x00hello ")
        await socket.send_bytes(b"\x00world")
        found = await received(socket, until=b"hello world")
        if protocol == V5:
            await socket.send_bytes(b"\xff\x00")
        else:
            # v4 cannot end stdin; here the command is told by other means.
            await containers.sessions[0].close_stdin()
        found = await received(socket, found)
    assert found[1] == b"hello world"
    assert found[2] == b"bye"
    assert json.loads(found[3]) == {
        "metadata": {},
        "status": "Failure",
        "message": "command terminated with non-zero exit code: exit status 3",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": "3"}]},
    }
    (run,) = containers.sessions
    assert run.order.command == ("sh", "-c")
    assert run.order.container == "app"


async def test_a_command_may_be_a_whole_script(session, containers):
    script = "echo line; " * 20_000
    async with session.ws_connect(f"{EXEC}?command=sh&stdout=true", params={"command": script}, protocols=[V5]):
        assert script in containers.sessions[0].order.command


async def test_a_terminal_is_resized(session, containers):
    async with session.ws_connect(f"{EXEC}?{STREAMS}&tty=true", protocols=[V5]) as socket:
        await socket.send_bytes(b'\x04{"Width": 80, "Height": 24}')
        await socket.send_bytes(b"\x04nonsense")
        await socket.send_bytes(b"\xff\x00")
        await received(socket)
    assert containers.sessions[0].tty
    assert containers.sessions[0].size == (80, 24)


async def test_streams_that_were_not_asked_for_stay_silent(session, containers):
    async with session.ws_connect(f"{EXEC}?command=x&stdout=true", protocols=[V5]) as socket:
        await socket.send_bytes(b"\x00ignored")
        await containers.sessions[0].close_stdin()
        found = await received(socket)
    assert 2 not in found
    assert found[1] == b""


async def test_a_client_that_goes_ends_the_command(session, containers):
    async with session.ws_connect(f"{EXEC}?{STREAMS}", protocols=[V5]) as socket:
        await socket.receive()
    async with asyncio.timeout(5):
        await containers.sessions[0].cut.wait()


@pytest.mark.parametrize(
    ("query", "code", "message"),
    [
        ("command=x", 400, "you must specify at least 1 of stdin, stdout, stderr"),
        ("stdout=true", 400, "you must specify at least 1 argument for the command"),
        ("command=missing&stdout=true", 500, 'container not found ("app")'),
        ("command=x&stdout=true&container=no", 400, "container no is not valid for pod p"),
        ("command=x&stdout=maybe", 400, 'strconv.ParseBool: parsing "maybe": invalid syntax'),
    ],
)
async def test_what_cannot_run_is_refused_before_the_upgrade(session, query, code, message):
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await session.ws_connect(f"{EXEC}?{query}", protocols=[V5])
    assert refused.value.status == code
    headers = {"Connection": "Upgrade", "Upgrade": "websocket"}
    async with session.get(f"{EXEC}?{query}", headers=headers) as answer:
        assert (await answer.json())["message"] == message


async def test_a_request_that_asks_for_no_upgrade_is_told_so(ask):
    answer = await ask("POST", f"{EXEC}?{STREAMS}")
    assert answer.code == 400
    assert answer.body["message"].startswith("unable to upgrade")


async def test_ports_are_forwarded_to_those_who_speak_websocket_alone(ask):
    answer = await ask("POST", "/api/v1/namespaces/default/pods/p/portforward")
    assert answer.code == 400
    assert answer.body["message"].endswith("only WebSocket is spoken here, with SPDY/3.1+portforward.k8s.io")


async def test_other_ways_into_a_pod_are_not_served(ask):
    answer = await ask("GET", "/api/v1/namespaces/default/pods/p/proxy")
    assert (answer.code, answer.body["message"]) == (501, "proxy is not served here")


async def test_a_log_is_text_with_the_options_asked_for(session):
    async with session.get(f"{LOG}?tailLines=5&follow=true") as answer:
        assert answer.content_type == "text/plain"
        assert await answer.text() == "app tail=5 follow=True\nsecond\n"


@pytest.mark.parametrize(
    ("query", "code"), [("previous=true", 400), ("tailLines=-1", 422), ("tailLines=x", 400), ("sinceSeconds=0", 422)]
)
async def test_logs_that_are_not_there_and_wrong_options_are_refused(ask, query, code):
    assert (await ask("GET", f"{LOG}?{query}")).code == code


async def test_a_pod_without_a_node_has_an_empty_log_and_runs_nothing(session, registry):
    spec = {"containers": [{"name": "a", "image": "i"}, {"name": "b", "image": "i"}]}
    registry.create(
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "q", "namespace": "default"}, "spec": spec}
    )
    async with session.get("/api/v1/namespaces/default/pods/q/log?container=a") as answer:
        assert (answer.status, await answer.read()) == (200, b"")
    async with session.get("/api/v1/namespaces/default/pods/q/log") as answer:
        assert (await answer.json())["message"] == (
            "a container name must be specified for pod q, choose one of: [a b]"
        )
    async with session.get("/api/v1/namespaces/default/pods/q/exec?command=x&stdout=true&container=a") as answer:
        assert (await answer.json())["message"] == "pod q does not have a host assigned"
