"""Before a container's life: its image, and what exactly will run.

Source: https://kubernetes.io/docs/concepts/containers/images/.

Layer: shell.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from kdlib.frozen import Json
from kdlib.sandbox.node.backoff import Backoff
from kdlib.sandbox.node.environment import ConfigurationError, service_variables, variables
from kdlib.sandbox.node.images import Image
from kdlib.sandbox.node.pod_files import host_name
from kdlib.sandbox.node.programs import program
from kdlib.sandbox.node.room import Room
from kdlib.sandbox.node.volumes import PodVolumes
from kdlib.wire import SERVICE

__all__ = ["Preparation", "Prepared", "last_words_path"]

_FIRST_REFUSAL_SECONDS = 1.0


@dataclass(frozen=True)
class Prepared:
    """A container that can be started: what the keeper is told, under a key of its own."""

    image: Image
    key: str
    arguments: Json


@dataclass(frozen=True)
class Preparation:
    """Prepares lives of one container, and says what it waits for by `wait_for(reason, message)`."""

    room: Room
    volumes: PodVolumes
    container: Json
    wait_for: Callable[[str, str], None]

    async def prepare(self) -> Prepared | None:
        """Wait until the container can be made; None when the pod stops first."""
        image = await self._pull()
        while image is not None:
            try:
                return self._prepared(image)
            except ConfigurationError as error:
                self._warn("Failed", f"Error: {error}")
                self.wait_for("CreateContainerConfigError", str(error))
            if await self.room.pause(self.room.means.pace.retry, until_poked=True):
                return None
        return None

    async def _pull(self) -> Image | None:
        name = self.container.get("image") or ""
        backoff = Backoff(self.room.means.pace).longer()
        while (image := self.room.means.images.find(name)) is None:
            problem = self._refuse(name)
            if await self.room.pause(min(_FIRST_REFUSAL_SECONDS, backoff.seconds)):
                return None
            if self.room.means.images.find(name) is not None:
                continue
            self.room.tell("BackOff", f'Back-off pulling image "{name}"', container=self.container["name"])
            self._warn("Failed", "Error: ImagePullBackOff")
            self.wait_for("ImagePullBackOff", f'Back-off pulling image "{name}": {problem}')
            if await self.room.pause(backoff.seconds):
                return None
            backoff = backoff.longer()
        message = f'Container image "{name}" already present on machine'
        self.room.tell("Pulled", message, container=self.container["name"])
        return image

    def _refuse(self, name: str) -> str:
        if self.container.get("imagePullPolicy") == "Never":
            problem = f'Container image "{name}" is not present with pull policy of Never'
            self._warn("ErrImageNeverPull", problem)
            self.wait_for("ErrImageNeverPull", problem)
            return problem
        problem = f'failed to pull and unpack image "{name}": the sandbox has no registry and no image of this name'
        self.room.tell("Pulling", f'Pulling image "{name}"', container=self.container["name"])
        self._warn("Failed", f'Failed to pull image "{name}": {problem}')
        self._warn("Failed", "Error: ErrImagePull")
        self.wait_for("ErrImagePull", problem)
        return problem

    def _prepared(self, image: Image) -> Prepared:
        room, sources = self.room, self.room.sources()
        services = service_variables(
            room.means.registry.list(SERVICE),
            links=bool(room.pod["spec"].get("enableServiceLinks", True)),
            namespace=room.pod["metadata"]["namespace"],
        )
        values = {"HOSTNAME": host_name(room.pod)} | variables(self.container, sources, services)
        described = program(self.container, room.pod, image, values)
        key = secrets.token_hex(32)
        arguments = {
            **described,
            "key": key,
            "pod": room.key,
            "layers": [str(layer) for layer in image.layers],
            "prefixes": list(room.means.settings.prefixes),
            "mounts": self.volumes.mounts(self.container, described["env"], last_words_path(key)),
        }
        return Prepared(image, key, arguments)

    def _warn(self, reason: str, message: str) -> None:
        self.room.tell(reason, message, container=self.container["name"], warning=True)


def last_words_path(key: str) -> str:
    """Return where, in the pod's folder, a container life's termination message lies."""
    return f"etc/last-words-{key}"
