"""Images: names, configs, layers, and building them."""

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kdlib.frozen import dig
from kdlib.sandbox.node import ImageBuildError, ImageError, Images, build_image
from kdlib.sandbox.node.images import full_image_name

in_module = pytest.mark.asyncio(loop_scope="module")


FOREVER = "sleep 1000"


def _image(folder, layer=(), **config):
    for path, text in layer:
        file = folder / "layer" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (folder / "config.json").write_text(json.dumps({"config": config}))
    return folder


@pytest.mark.parametrize(
    ("short", "full"),
    [
        ("app", "docker.io/library/app:latest"),
        ("app:1", "docker.io/library/app:1"),
        ("me/app", "docker.io/me/app:latest"),
        ("reg.io/app:2", "reg.io/app:2"),
        ("localhost:5000/app", "localhost:5000/app:latest"),
        ("app@sha256:00", "docker.io/library/app@sha256:00"),
    ],
)
def test_image_names_are_completed_as_runtimes_do(short, full):
    assert full_image_name(short) == full


def _bin_is_a_link():
    return Path("/bin").is_symlink()


@in_module
async def test_an_image_gives_its_layer_and_defaults(world, tmp_path):
    layer = [
        ("usr/local/bin/hello", "#!/bin/sh\necho hello $1 from $WHO in $(pwd)\nsleep 1000\n"),
        ("opt/app/data", "data"),
        ("etc/app.conf", "conf"),
        ("srv/x/y", "deep"),
    ]
    made = _image(
        tmp_path / "image", layer, Entrypoint=["hello"], Cmd=["world"], Env=["WHO=image"], WorkingDir="/opt/app"
    )
    (made / "layer/usr/local/bin/hello").chmod(0o755)
    world.images.add("greeter", made)
    world.run("one", container={"image": "greeter:latest"})
    world.run("two", container={"image": "greeter", "args": ["you"], "env": [{"name": "WHO", "value": "pod"}]})

    await world.says("one", "hello world from image in /opt/app")
    await world.says("two", "hello you from pod in /opt/app")

    assert (
        await world.output("one", "cat /opt/app/data /etc/app.conf /srv/x/y; ls -d /usr/bin") == "dataconfdeep/usr/bin"
    )
    await world.output("one", "rm -rf /opt/app /usr/local/bin/hello; echo changed > /etc/app.conf")
    assert await world.output("two", "cat /opt/app/data /etc/app.conf") == "dataconf"
    assert (made / "layer/etc/app.conf").read_text() == "conf"
    assert world.container("one")["imageID"].startswith("sandbox://sha256:")
    assert world.container("one")["imageID"] == world.container("two")["imageID"]


def test_a_folder_that_is_no_image_is_refused(tmp_path):
    images = Images()
    with pytest.raises(ImageError, match="is not there"):
        images.add("x", tmp_path / "none")
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ImageError, match="is no JSON"):
        images.add("x", tmp_path)
    (tmp_path / "config.json").write_text('{"config": {"StopSignal": "SIGNOT"}}')
    with pytest.raises(ImageError, match="StopSignal"):
        images.add("x", tmp_path)
    assert images.find("x") is None


def test_a_layer_that_would_hide_the_machines_programs_is_refused(tmp_path):
    made = _image(tmp_path, [("bin/x", "")])

    if Path("/bin").is_symlink():
        with pytest.raises(ImageError, match='move its content to "usr/bin"'):
            Images().add("x", made)


@in_module
async def test_a_container_is_stopped_by_its_images_signal(world, tmp_path):
    world.images.add(
        "stops",
        _image(tmp_path, StopSignal="SIGUSR1", Cmd=["sh", "-c", "trap 'exit 9' USR1; echo ready; sleep 99 & wait"]),
    )
    world.run("stops", container={"image": "stops"})
    await world.says("stops", "ready")
    seen = world.last_seen("stops")

    world.delete("stops")
    await world.gone("stops")

    assert dig(seen, "status", "containerStatuses", 0, "state", "terminated", "exitCode") == 9


async def test_an_image_is_built_once_for_each_content(tmp_path):
    source = tmp_path / "app" / "image"
    source.mkdir(parents=True)
    (source / "config.json").write_text('{"config": {"Cmd": ["x"]}}')
    (source / "file").write_text("1")
    begin = f"echo run >> {tmp_path}/runs; mkdir $LAYER/opt $LAYER/bin; touch $LAYER/bin/moved; "
    script = begin + "cat file > $LAYER/opt/file; $PYTHON -V > $LAYER/version"
    (source / "sandbox.sh").write_text(script)

    first = await build_image(source, tmp_path / "cache")
    again = await build_image(source, tmp_path / "cache")
    (source / "file").write_text("2")
    second = await build_image(source, tmp_path / "cache")

    assert first == again != second
    assert (tmp_path / "runs").read_text() == "run\nrun\n"
    assert [(each / "layer/opt/file").read_text() for each in (first, second)] == ["1", "2"]
    assert [each.name for each in first.rglob("moved")] == ["moved"]
    assert (first / "layer/usr/bin/moved").exists() == _bin_is_a_link()
    assert (first / "layer/version").read_text().startswith("Python 3")
    assert Images(any_image=False).find("x") is None
    assert sorted(each.name for each in (tmp_path / "cache").iterdir()) == sorted([first.name, second.name])


@in_module
async def test_a_failing_build_says_why_and_leaves_nothing(tmp_path):
    (tmp_path / "image").mkdir()
    (tmp_path / "image" / "sandbox.sh").write_text("echo no such luck >&2; exit 5")

    with pytest.raises(ImageBuildError, match="exit code 5: no such luck"):
        await build_image(tmp_path / "image", tmp_path / "cache")

    assert list((tmp_path / "cache").iterdir()) == []


def test_a_killed_build_leaves_no_process(tmp_path):
    (tmp_path / "image").mkdir()
    (tmp_path / "image" / "sandbox.sh").write_text(f"setsid sleep 2718 & echo > {tmp_path}/begun; cat {tmp_path}/fifo")
    os.mkfifo(tmp_path / "fifo")
    program = (
        "import asyncio, pathlib\nfrom kdlib.sandbox.node import build_image\n"
        f"asyncio.run(build_image(pathlib.Path('{tmp_path}/image'), pathlib.Path('{tmp_path}/cache')))"
    )
    with subprocess.Popen([sys.executable, "-c", program]) as child:
        # Opening the pipe waits until the script reads from it.
        with (tmp_path / "fifo").open("w"):
            sleeper = _find("sleep 2718")
            child.send_signal(signal.SIGKILL)
            child.wait()
            poll = select.poll()
            poll.register(sleeper, select.POLLIN)
            assert poll.poll(10_000)
    os.close(sleeper)


def _find(command):
    output = subprocess.run(["pgrep", "-f", f"^{command}$"], capture_output=True, text=True, check=True).stdout
    return os.pidfd_open(int(output.split()[0]))
