"""Build the daemon's image where no container tool is: the Containerfile's steps, run in a clean Debian root.

    python tests/lab/daemon_image.py             # builds it unless it is there already; prints its name
    python tests/lab/daemon_image.py --root      # makes nothing but the clean root
    python tests/lab/daemon_image.py --into CTR  # and imports it: CTR is the socket of a containerd

Wants root, debootstrap, and the ways to a Debian mirror and to a package index that the machine has. What stands for
the image of Python is a root of Debian's smallest variant with Debian's Python; archives are kept in the cache folder
by a digest of all that goes into them.
"""

import argparse
import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from kdd.settings import read_settings

TOP = Path(__file__).parents[2]
SUITE = "bookworm"
PACKAGES = ("ca-certificates", "python-is-python3", "python3", "python3-venv")
UNWANTED = ("var/cache/apt/archives", "var/lib/apt/lists", "var/log", "usr/share/doc", "usr/share/locale")
PASSED_ON = ("PIP_", "SSL_", "HTTP", "NO_PROXY", "http", "no_proxy")
KEPT = 3


class BuildError(Exception):
    """A step of the Containerfile that failed, or that is not known here."""


def ran(*command, **options):
    """Run a command; raises BuildError with the end of what it said."""
    found = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if found.returncode:
        raise BuildError(f"{shlex.join(map(str, command))[:200]}: exit code {found.returncode}\n{found.stdout[-2000:]}")


def steps(text):
    """Return the Containerfile's steps: the word, and the rest with its arguments put in."""
    arguments, found = {}, []
    for line in text.replace("\\\n", "").splitlines():
        word, _, rest = line.strip().partition(" ")
        if not word or word.startswith("#"):
            continue
        if word == "ARG":
            name, _, value = rest.partition("=")
            arguments[name] = value
            continue
        for name, value in arguments.items():
            rest = rest.replace(f"${{{name}}}", value)
        found.append((word, rest))
    return found


def copied(words):
    """Return what a COPY takes, from which stage (None: the clone), and to where."""
    stage = words[0].partition("=")[2] if words[0].startswith("--from=") else None
    *sources, target = words[1:] if stage else words
    return sources, stage, target


def sources(found):
    """Return all files of the clone that are copied, sorted."""
    for word, rest in found:
        if word == "COPY" and copied(rest.split())[1] is None:
            for name in copied(rest.split())[0]:
                place = TOP / name
                yield from sorted(place.rglob("*")) if place.is_dir() else [place]


def digest_of(text):
    """Return what names the image: a digest of all that goes into it."""
    digest = hashlib.sha256(f"{text}{SUITE}{PACKAGES}{Path(__file__).read_text(encoding='utf-8')}".encode())
    for path in sources(steps(text)):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(f"{path.relative_to(TOP)}\0{path.stat().st_mode & 0o111}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def base_root(cache):
    """Return the clean root, made once."""
    root = cache / f"root-{SUITE}-{hashlib.sha256(str(PACKAGES).encode()).hexdigest()[:8]}"
    if not root.exists():
        with tempfile.TemporaryDirectory(dir=cache) as name:
            made = Path(name) / "root"
            ran("debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE, str(made))
            for place in UNWANTED:
                shutil.rmtree(made / place)
                (made / place).mkdir()
            made.rename(root)
    return root


class Stage:
    """One stage of the build: a root of its own, and what the image will say of itself."""

    def __init__(self, root):
        self.root = root
        self.folder = "/"
        self.config = {"Env": ["PATH=/usr/local/bin:/usr/bin:/bin"]}

    def put(self, source, target, *, whole):
        """Copy a file or folder into the stage; `whole`: a folder becomes the target, as COPY does."""
        place = self.root / str(Path(self.folder) / target).lstrip("/")
        if source.is_dir():
            hidden = None if whole else shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, place, symlinks=True, ignore=hidden, dirs_exist_ok=True)
        else:
            place = place / source.name if target.endswith("/") else place
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, place)

    def run(self, command):
        """Run a shell command in the stage, with the machine's ways to other machines."""
        for path in (Path("/etc/resolv.conf"), Path("/etc/ssl/certs/ca-certificates.crt")):
            if path.exists():
                target = self.root / str(path).lstrip("/")
                target.unlink(missing_ok=True)
                shutil.copy(path, target)
        passed = {name: value for name, value in os.environ.items() if name.startswith(PASSED_ON)}
        words = f"cd {shlex.quote(self.folder)} && {command}"
        environment = {**passed, **dict(item.split("=", 1) for item in self.config["Env"]), "HOME": "/root"}
        # The program is looked for with our PATH, the shell's words with the stage's.
        ran(shutil.which("chroot") or "chroot", str(self.root), "/bin/sh", "-ec", words, env=environment)


def set_words(config, rest):
    """Put an ENV step's variables into a config: a name that is there already is replaced."""
    held = dict(item.split("=", 1) for item in config["Env"])
    for item in shlex.split(rest):
        name, _, value = item.partition("=")
        held[name] = value.replace("$PATH", held["PATH"])
    config["Env"] = [f"{name}={value}" for name, value in held.items()]


def built(found, base, work):
    """Run all steps; return the last stage, whose root has only what it adds to the base."""
    stages, stage, last = {}, None, len([word for word, _ in found if word == "FROM"])
    for word, rest in found:
        match word:
            case "FROM":
                name = rest.split()[-1]
                stage = stages[name] = Stage(work / f"stage-{len(stages)}")
                if len(stages) == last:
                    stage.root.mkdir()
                else:
                    ran("cp", "-a", str(base), str(stage.root))
            case "WORKDIR":
                stage.folder = rest
            case "COPY":
                names, other, target = copied(rest.split())
                top = stages[other].root if other else TOP
                for name in names:
                    stage.put(top / name.lstrip("/"), target, whole=other is not None)
            case "RUN" if len(stages) < last:
                stage.run(rest)
            case "ENV":
                set_words(stage.config, rest)
            case "USER":
                stage.config["User"] = rest
            case "EXPOSE":
                stage.config["ExposedPorts"] = {f"{port}/tcp": {} for port in rest.split()}
            case "ENTRYPOINT" | "CMD":
                stage.config["Entrypoint" if word == "ENTRYPOINT" else "Cmd"] = json.loads(rest)
            case _:
                raise BuildError(f"this step of the Containerfile is not known here: {word} {rest}")
    return stage


def archive(stage, base, name, target):
    """Write a docker archive of two layers: the base, and what the last stage adds."""
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        work, layers, digests = Path(folder), [], []
        for number, root in enumerate((base, stage.root)):
            layer = work / f"layer-{number}.tar"
            ran("tar", "-C", str(root), "--numeric-owner", "--owner=0", "--group=0", "-cf", str(layer), ".")
            with layer.open("rb") as opened:
                digests.append("sha256:" + hashlib.file_digest(opened, "sha256").hexdigest())
            layers.append(layer.name)
        rootfs = {"type": "layers", "diff_ids": digests}
        config = {"architecture": "amd64", "os": "linux", "rootfs": rootfs, "config": stage.config}
        (work / "config.json").write_text(json.dumps(config))
        manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": layers}]
        (work / "manifest.json").write_text(json.dumps(manifest))
        with tarfile.open(work / "image.tar", "w") as image:
            for file in ("manifest.json", "config.json", *layers):
                image.add(work / file, file)
        (work / "image.tar").rename(target)


def image(cache):
    """Return the image's name and its archive, which is built unless it is there."""
    text = (TOP / "Containerfile").read_text(encoding="utf-8")
    digest = digest_of(text)
    name, target = f"kubedirector:{digest}", cache / f"image-{digest}.tar"
    if not target.exists():
        with tempfile.TemporaryDirectory(dir=cache) as work:
            base = base_root(cache)
            archive(built(steps(text), base, Path(work)), base, name, target)
    target.touch()
    for old in sorted(cache.glob("image-*.tar"), key=lambda path: path.stat().st_mtime)[:-KEPT]:
        old.unlink()
    return name, target


def main():
    """Build, and import where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--into", metavar="SOCKET", help="import it into the containerd that listens there")
    parser.add_argument("--root", action="store_true", help="make nothing but the clean root")
    options = parser.parse_args()
    cache = read_settings().cache / "lab"
    cache.mkdir(parents=True, exist_ok=True)
    try:
        if options.root:
            base_root(cache)
            return
        name, target = image(cache)
        if options.into:
            ran("ctr", "-a", options.into, "-n", "k8s.io", "images", "import", str(target))
    except BuildError as error:
        sys.exit(f"the daemon's image: {error}")
    sys.stdout.write(f"{name}\n")


if __name__ == "__main__":
    main()
