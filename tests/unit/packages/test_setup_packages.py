"""Setup packages are packed reproducibly, read with bounds, and checked before a member unpacks them."""

import contextlib
import gzip
import io
import os
import random
import tarfile
from pathlib import Path

import pytest
from wording import hold

from kdlib.errors import RefusedError
from kdlib.packages import mentions, pack, package_problems, read, read_folder

WORDS = Path(__file__).parent / "golden" / "words.yaml"


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "demo"
    (folder / "lib").mkdir(parents=True)
    (folder / "startscript").write_text("#!/bin/sh\nexit 0\n")
    (folder / "lib" / "tool").write_text("#!/bin/sh\n")
    (folder / "lib" / "tool").chmod(0o700)
    (folder / "lib" / "data").write_text("x" * 2000)
    (folder / "link").symlink_to("lib/data")
    return folder


def archive(*entries):
    """Make an archive from (name, content or TarInfo type, mode, link target)."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as tar:
        for name, content, mode, *target in entries:
            header = tarfile.TarInfo(name)
            header.mode = mode
            if target:
                header.type, header.linkname = content, target[0]
                tar.addfile(header)
            elif content is None:
                header.type = tarfile.DIRTYPE
                tar.addfile(header)
            else:
                header.size = len(content)
                tar.addfile(header, io.BytesIO(content))
    return data.getvalue()


def texts(data):
    return [str(problem) for problem in package_problems(read(data))]


def test_packing_twice_gives_the_same_bytes(source):
    first = pack(source)
    os.utime(source / "startscript", (0, 0))
    (source / "__pycache__").mkdir()
    (source / "__pycache__" / "x.pyc").write_bytes(b"x")
    assert pack(source) == first


def test_a_packed_folder_is_a_good_package(source):
    data = pack(source)
    package = read(data)
    assert texts(data) == []
    assert [(entry.path, entry.kind, entry.mode) for entry in package.entries] == [
        ("demo", "folder", 0o755),
        ("demo/lib", "folder", 0o755),
        ("demo/lib/data", "file", 0o644),
        ("demo/lib/tool", "file", 0o755),
        ("demo/link", "link", 0o777),
        ("demo/startscript", "file", 0o755),
    ]


def test_nothing_of_the_machine_goes_into_a_package(source):
    with tarfile.open(fileobj=io.BytesIO(pack(source))) as tar:
        assert {(item.uid, item.gid, item.mtime) for item in tar} == {(0, 0, 0)}


def test_a_folder_around_the_package_is_packed_alike(source):
    assert pack(source.parent) == pack(source)


def test_a_folder_without_a_start_script_is_refused(tmp_path):
    with pytest.raises(RefusedError, match="has 0 folders with a startscript"):
        pack(tmp_path)
    with pytest.raises(RefusedError, match="has 0 folders with a startscript"):
        pack(tmp_path / "nothing")


SCRIPT = b"#!/bin/sh\n"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (archive(("a/startscript", SCRIPT, 0o755), ("b/x", b"", 0o644)), "exactly one folder, and holds 'a', 'b'"),
        (archive(("startscript", SCRIPT, 0o755)), "exactly one folder, and holds 'startscript'"),
        (archive(), "holds nothing"),
        (archive(("a", None, 0o755)), "has no 'startscript' in its folder"),
        (archive(("a/b/startscript", SCRIPT, 0o755)), "has no 'startscript' in its folder"),
        (archive(("a/startscript", SCRIPT, 0o644)), "a/startscript: is not executable; run chmod +x"),
        (archive(("a/startscript", None, 0o755)), "a/startscript: is no file"),
        (archive(("a/startscript", b"", 0o755)), "a/startscript: is empty"),
        (archive(("a/startscript", b"echo\n", 0o755)), "does not name its interpreter"),
        (archive(("a/startscript", b"#!/bin/sh\r\n", 0o755)), "has Windows line ends"),
        (archive(("a/startscript", SCRIPT, 0o755), ("a/../../x", b"", 0o644)), "leads out of the package"),
        (archive(("a/startscript", SCRIPT, 0o755), ("a/l", tarfile.SYMTYPE, 0o777, "../../x")), "links to '../../x'"),
        (archive(("a/startscript", SCRIPT, 0o755), ("a/d", tarfile.CHRTYPE, 0o666, "")), "is neither file"),
    ],
    ids=lambda value: value if isinstance(value, str) else "package",
)
def test_what_a_member_could_not_use_is_told(data, words):
    assert any(words in text for text in texts(data)), texts(data)
    for text in texts(data):
        hold(WORDS, "packages", text)


def test_names_with_a_leading_dot_are_read():
    assert texts(archive(("./", None, 0o755), ("./a", None, 0o755), ("./a/startscript", SCRIPT, 0o755))) == []


@pytest.mark.parametrize(
    "data",
    [b"", b"no archive", gzip.compress(b"no tar" * 200), archive(("a/x", b"y" * 9, 0))[:60]],
    ids=["empty", "text", "no tar", "half"],
)
def test_what_is_no_archive_is_refused(data):
    with pytest.raises(RefusedError):
        read(data)


def test_a_package_is_read_from_a_file(source, tmp_path):
    path = tmp_path / "demo.tgz"
    path.write_bytes(pack(source))
    assert read(path) == read(path.read_bytes())
    with pytest.raises(RefusedError) as caught:
        read(tmp_path / "nothing.tgz")
    why = "(the file): cannot be read: No such file or directory; check the path and its permissions"
    assert str(caught.value) == f"{tmp_path / 'nothing.tgz'}: {why}"


def test_an_archive_that_grows_without_bound_is_refused():
    header = tarfile.TarInfo("a/zeros")
    header.size = 2 * 1024**3
    with pytest.raises(RefusedError):
        read(gzip.compress(header.tobuf()))


def test_a_folder_is_read_like_its_archive(source):
    def shape(package):
        return sorted((entry.path, entry.kind, entry.target) for entry in package.entries)

    assert shape(read_folder(source)) == shape(read(pack(source)))
    assert read_folder(source).scripts == read(pack(source)).scripts


def mutants(data):
    """Yield archives with a few bytes changed, cut or doubled, from dice that are always the same."""
    dice = random.Random("setup packages")
    for _ in range(400):
        changed = bytearray(data)
        for _ in range(dice.choice([1, 2, 8])):
            place = dice.randrange(len(changed))
            match dice.randrange(4):
                case 0:
                    changed[place] = dice.randrange(256)
                case 1:
                    del changed[place : place + dice.choice([1, 64, 512])]
                case 2:
                    changed[place:place] = changed[place : place + 512]
                case 3:
                    changed[place : place + 8] = dice.choice([b"\xff" * 8, b"\x00" * 8, b"77777777", b"-1      "])
            changed = changed or bytearray(b"x")
        yield bytes(changed)


def test_mutated_archives_are_read_or_refused(source):
    data = pack(source)
    plain = gzip.decompress(data)
    for changed in [*mutants(data), *(gzip.compress(item, 1) for item in mutants(plain))]:
        with contextlib.suppress(RefusedError):
            list(package_problems(read(changed)))
            mentions(read(changed))


@pytest.mark.parametrize(
    "text", [" " * 250_000, "(" + "\t" * 250_000, "--a|" * 60_000, "-g\n" * 80_000, "--get a\n" * 30_000]
)
def test_no_script_makes_the_search_long(tmp_path, text):
    (tmp_path / "startscript").write_text(f"#!/bin/sh\n{text}")
    assert len(mentions(read_folder(tmp_path))) <= 1000


def test_keys_that_a_script_asks_for_are_listed_with_their_lines(tmp_path):
    (tmp_path / "startscript").write_text(
        "#!/bin/sh\n# configcli --get services.no.1\nconfigcli --get services.web.1.one.fqdns -g services.ssh.1\n"
        'x=$(bdvcli --get="nodegroups.1.roles.two.services.$id")\n(--addnodes) ;;\n'
    )
    found = [(item.line, item.kind, item.name) for item in mentions(read_folder(tmp_path))]
    assert found == [
        (3, "role", "one"),
        (3, "service", "ssh"),
        (3, "service", "web"),
        (4, "role", "two"),
        (5, "event", "addnodes"),
    ]
