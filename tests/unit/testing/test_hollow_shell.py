"""A hollow container whose commands are run by the machine's own shell."""

from datetime import UTC, datetime
from pathlib import Path

from waiting import until

from kdlib.testing import HollowContainers, LocalShell
from kdlib.wire import ExecRequest

POD = {"metadata": {"namespace": "default", "name": "a", "uid": "u"}}


async def run(containers, script, stdin=b""):
    request = ExecRequest("default", "a", "app", ("sh", "-c", script), stdin=bool(stdin))
    async with containers.exec(request) as session:
        if stdin:
            await session.send(stdin)
            await session.close_stdin()
        said = {channel: data async for channel, data in session}
        return said.get(1, b"").decode(), said.get(2, b"").decode(), await session.exit_code()


async def test_commands_run_in_the_containers_folder_with_their_streams_and_exit_code():
    with LocalShell() as shell:
        containers = HollowContainers(shell)
        containers.begin(POD, "app", "hollow://one", datetime.now(UTC))
        assert await run(containers, 'echo "$GUEST_ROOT" >file; cat; echo bad >&2; exit 4', b"good") == (
            "good",
            "bad\n",
            4,
        )
        assert (await run(containers, "cat file"))[0].strip() == str(shell.root("hollow://one"))


async def test_another_life_begins_with_an_empty_folder():
    with LocalShell() as shell:
        containers = HollowContainers(shell)
        containers.begin(POD, "app", "hollow://one", datetime.now(UTC))
        await run(containers, "touch file")
        containers.begin(POD, "app", "hollow://two", datetime.now(UTC))
        assert await run(containers, "ls") == ("", "", 0)


async def test_nothing_that_a_command_left_behind_outlives_the_shell():
    with LocalShell() as shell:
        containers = HollowContainers(shell)
        containers.begin(POD, "app", "hollow://one", datetime.now(UTC))
        out, _, code = await run(containers, "setsid sleep 600 </dev/null >/dev/null 2>&1 & echo $!; exit 0")
        assert code == 0
        folder = shell.root("hollow://one")
        assert folder.exists()
    assert not folder.exists()
    await until(lambda: not running(out.strip()))


def running(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"sleep")
    except OSError:
        return False


async def test_a_command_that_is_not_there_says_so():
    with LocalShell() as shell:
        containers = HollowContainers(shell)
        containers.begin(POD, "app", "hollow://one", datetime.now(UTC))
        request = ExecRequest("default", "a", "app", ("no-such-command",))
        async with containers.exec(request) as session:
            assert [part async for part in session] == [(2, b"no-such-command: No such file or directory\n")]
            assert await session.exit_code() == 127
