"""A kind cluster that all processes of one test run share; made and removed by the command `kind`.

Source: https://kind.sigs.k8s.io/docs/user/quick-start/.

Layer: shell.
"""

import fcntl
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kdlib.errors import KubeDirectorError

__all__ = ["KindCluster", "KindError"]

_READY_SECONDS = 300
_MOST_SECONDS = 900
_TAIL_LINES = 5


class KindError(KubeDirectorError):
    """The command `kind` is not there, or did not do what was asked; the message ends with what it said."""


@dataclass(frozen=True)
class KindCluster:
    """One kind cluster; `folder` is where the processes of a run meet, and belongs to this run alone.

    A cluster that is kept has a fixed name: the next run takes it up again.
    """

    name: str
    folder: Path
    images: Sequence[str] = ()
    keep: bool = False

    @property
    def kubeconfig(self) -> Path:
        """Return the file that the credentials are in, once the cluster is open."""
        return self.folder / "kubeconfig"

    def open(self) -> Path:
        """Make the cluster, unless another process of the run did; return the kubeconfig.

        Raises KindError, in each process of the run, where it cannot be made.
        """
        with self._alone():
            if self._failed.exists():
                raise KindError(self._failed.read_text())
            if not self.kubeconfig.exists():
                self._make()
        return self.kubeconfig

    def close(self) -> None:
        """Remove the cluster, if one was begun and it is not to be kept; once no other process needs it."""
        if self._begun.exists() and not self.keep:
            _kind("delete", "cluster", "--name", self.name)

    def _make(self) -> None:
        try:
            self._create()
            for image in self.images:
                _kind("load", "docker-image", image, "--name", self.name)
        except KindError as error:
            self._failed.write_text(str(error))
            raise

    def _create(self) -> None:
        # Whoever is interrupted from here on leaves something to remove.
        self._begun.touch()
        try:
            self._found_or_made()
        except KindError:
            # What kind could not bring up it has taken down itself.
            self._begun.unlink()
            raise

    def _found_or_made(self) -> None:
        there = self.keep and self.name in _kind("get", "clusters").split()
        options = ("--name", self.name, "--kubeconfig", str(self.kubeconfig))
        if there:
            _kind("export", "kubeconfig", *options)
        else:
            _kind("create", "cluster", *options, "--wait", f"{_READY_SECONDS}s")

    @property
    def _begun(self) -> Path:
        return self.folder / "begun"

    @property
    def _failed(self) -> Path:
        return self.folder / "failed"

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Let other processes of the run wait."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _kind(*arguments: str) -> str:
    """Run the command; return what it printed."""
    words = " ".join(("kind", *arguments[:2]))
    try:
        done = subprocess.run(
            ["kind", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=_MOST_SECONDS,
        )
    except FileNotFoundError:
        remedy = "install it from https://kind.sigs.k8s.io, or choose another back end by --kube"
        raise KindError(f"there is no command `kind`: {remedy}") from None
    except subprocess.TimeoutExpired:
        raise KindError(f"`{words}` did not end within {_MOST_SECONDS} s") from None
    if done.returncode:
        tail = "; ".join(done.stderr.strip().splitlines()[-_TAIL_LINES:])
        raise KindError(f"`{words}` ended with exit code {done.returncode}: {tail}")
    return done.stdout
