"""Packages and injected files are fetched whole or not at all, and a failure names its step (5.6, W-16, W-51, W-52)."""

import asyncio
import shutil
import stat
import sys
from contextlib import asynccontextmanager

import pytest

from kdlib.guest import set_up
from kdlib.model import FileInjection

TOOLS = ("cat", "chmod", "chown", "chgrp", "gzip", "head", "ln", "mkdir", "mv", "rm", "sleep", "tail", "tar")
FETCHERS = ("curl", "wget")


@pytest.fixture
def only(tmp_path):
    """Make a search path on which there are only these programs, and a shell."""

    def make(*programs, **interpreters):
        folder = tmp_path / "programs"
        folder.mkdir()
        for name in ("dash", *programs):
            (folder / name.replace("dash", "sh")).symlink_to(shutil.which(name))
        for name, place in interpreters.items():
            (folder / name).symlink_to(place)
        return str(folder)

    return make


@asynccontextmanager
async def web_server(pages):
    """Serve pages, each a code and a body, on loopback; yields its URL and the paths asked for."""
    asked = []

    async def answer(reader, writer):
        path = (await reader.readline()).split(b" ")[1].decode()
        while (await reader.readline()).strip():
            pass
        asked.append(path)
        code, body = pages.get(path, (404, b"<html>not found</html>"))
        location = f"Location: {body.decode()}\r\n" if code == 302 else ""
        head = f"HTTP/1.1 {code} Answer\r\n{location}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked


@pytest.mark.parametrize("fetcher", FETCHERS)
async def test_a_package_is_fetched_by_http_following_redirects(make_container, make_set_up, pack, only, fetcher):
    box = make_container()
    box.path = only(fetcher, *TOOLS)
    package = pack({"./app/startscript": "#!/bin/sh\n", "./app/more": "x", "./.hidden": "y"})
    async with web_server({"/a.tgz": (302, b"/b.tgz"), "/b.tgz": (200, package)}) as (url, asked):
        fact = await set_up(box, make_set_up(package_url=f"{url}/a.tgz"))
    assert fact.result.exit_code == 0
    assert asked == ["/a.tgz", "/b.tgz"]
    names = {str(path.relative_to(box.root / "opt/guestconfig")) for path in (box.root / "opt/guestconfig").rglob("*")}
    assert names == {
        "app",
        "app/startscript",
        "app/more",
        ".hidden",
        "configure.status",
        "configure.stdout",
        "configure.stderr",
    }


@pytest.mark.parametrize(("fetcher", "code"), [("curl", 404), ("wget", 404), ("curl", 500)])
async def test_w52_an_error_page_is_no_package(make_container, make_set_up, only, fetcher, code):
    box = make_container()
    box.path = only(fetcher, *TOOLS)
    async with web_server({"/a.tgz": (code, b"sorry")}) as (url, _):
        fact = await set_up(box, make_set_up(package_url=f"{url}/a.tgz"))
    assert fact.result.exit_code == 77
    assert fact.result.detail.startswith(f"setup package {url}/a.tgz cannot be fetched: ")
    assert str(code) in fact.result.detail
    assert fact.result.generation == 7


async def test_python_fetches_and_unpacks_where_there_is_no_other_program(make_container, make_set_up, pack, only):
    box = make_container()
    box.path = only(*(tool for tool in TOOLS if tool not in ("tar", "gzip")), python3=sys.executable)
    async with web_server({"/a.tgz": (200, pack({"app/startscript": "#!/bin/sh\n"}))}) as (url, _):
        fact = await set_up(box, make_set_up(package_url=f"{url}/a.tgz"))
        assert fact.result.exit_code == 0
        fact = await set_up(box, make_set_up(2, package_url=f"{url}/none.tgz", from_scratch=True))
    assert fact.result.detail.endswith("HTTP Error 404: Answer")


async def test_without_any_program_to_fetch_or_unpack_it_is_said_so(make_container, make_package, make_set_up, only):
    box = make_container()
    box.path = only(*(tool for tool in TOOLS if tool not in ("tar", "gzip")))
    fact = await set_up(box, make_set_up(package_url="http://127.0.0.1:1/a.tgz"))
    assert fact.result.detail.endswith("cannot be fetched: the image has neither curl nor wget nor python")
    make_package(box)
    fact = await set_up(box, make_set_up(2, from_scratch=True))
    assert fact.result.detail.endswith("cannot be unpacked: the image has neither tar and gzip nor python")


@pytest.mark.parametrize(
    ("files", "why"),
    [
        (None, "setup package file:///opt/app.tgz cannot be fetched: no such file"),
        (b"no archive", "setup package file:///opt/app.tgz cannot be unpacked: "),
        ({"startscript": ""}, "the setup package has no folder with a startscript: file:///opt/app.tgz"),
        ({"app/other": ""}, "the setup package has no folder with a startscript: file:///opt/app.tgz"),
        (
            {"a/startscript": "", "b/startscript": ""},
            "the setup package has more than one folder with a startscript: file:///opt/app.tgz",
        ),
    ],
)
async def test_a_bad_package_is_named_and_leaves_what_was_there(make_container, make_set_up, pack, files, why):
    box = make_container()
    (box.root / "opt/guestconfig/old").mkdir(parents=True)
    if files is not None:
        (box.root / "opt/app.tgz").write_bytes(files if isinstance(files, bytes) else pack(files))
    fact = await set_up(box, make_set_up())
    assert fact.result.exit_code == 77
    assert fact.result.detail.startswith(why)
    assert (box.root / "opt/guestconfig/old").is_dir()


async def test_a_package_replaces_what_was_there(make_container, make_package, make_set_up):
    box = make_container()
    make_package(box)
    for name in ("old/startscript", ".hidden/file", "..odd"):
        path = box.root / "opt/guestconfig" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    assert (await set_up(box, make_set_up())).result.exit_code == 0
    names = {path.name for path in (box.root / "opt/guestconfig").iterdir()}
    assert names == {"app", "configure.status", "configure.stdout", "configure.stderr"}


def injection(url, folder, **permissions):
    return FileInjection.model_validate(
        {"srcURL": url, "destDir": folder, **({"permissions": permissions} if permissions else {})}
    )


@pytest.mark.parametrize("shell", ["dash", "bash"])
async def test_files_are_injected_with_mode_and_owner(make_container, make_package, make_set_up, shell):
    box = make_container(shell)
    make_package(box)
    async with web_server({"/a/f.txt?x=1": (200, b"one"), "/g": (200, b"two")}) as (url, asked):
        files = (
            injection(f"{url}/a/f.txt?x=1", "/data/new folder", fileMode=416, fileOwner="0", fileGroup="0"),
            injection(f"{url}/g", "/data/$(touch x)"),
        )
        fact = await set_up(box, make_set_up(file_injections=files))
        await set_up(box, make_set_up(file_injections=files))
    assert fact.result.exit_code == 0
    assert asked == ["/a/f.txt?x=1", "/g"]
    first = box.root / "data/new folder/f.txt?x=1"
    assert first.read_text() == "one"
    assert stat.S_IMODE(first.stat().st_mode) == 0o640
    assert box.text("data/$(touch x)/g") == "two"


@pytest.mark.parametrize(
    ("path", "permissions", "why"),
    [
        ("/none", {}, "cannot be fetched"),
        ("/f", {"fileMode": 420, "fileOwner": "nobody-of-this-name"}, "chown nobody-of-this-name failed"),
        ("/f", {"fileGroup": "no-such-group"}, "chgrp no-such-group failed"),
    ],
)
async def test_w51_a_failing_injection_ends_the_set_up(
    make_container, make_package, make_set_up, path, permissions, why
):
    box = make_container()
    make_package(box)
    async with web_server({"/f": (200, b"one"), "/g": (200, b"two")}) as (url, asked):
        files = (injection(f"{url}{path}", "/data", **permissions), injection(f"{url}/g", "/data"))
        fact = await set_up(box, make_set_up(file_injections=files))
    assert fact.result.exit_code == 78
    assert fact.result.detail.startswith(f"file injections: {url}{path}")
    assert why in fact.result.detail
    assert asked == [path]
    assert box.events() == []
