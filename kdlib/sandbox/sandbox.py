"""The embedded cluster put together: store, controllers, HTTPS front, and the node if there is to be one.

Layer: shell.
"""

import contextlib
import secrets
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from kdlib.sandbox.controllers import Controllers
from kdlib.sandbox.http import AccessLog, Authority, Front, User, kubeconfig_text, write_private
from kdlib.sandbox.loopback import held_loopback
from kdlib.sandbox.node import Images, Node
from kdlib.sandbox.store import Journal, LocalTransport, Registry
from kdlib.sandbox.streams import Containers
from kdlib.wire import Transport

__all__ = ["Sandbox", "SandboxOptions"]

_NAME = "sandbox"
_ADMIN = User("sandbox-admin", ("system:masters",))


@dataclass(frozen=True)
class SandboxOptions:
    """How the embedded cluster is to be."""

    host: str = ""
    """Loopback address of the API server and of node ports; empty for the first that no other sandbox has."""
    port: int = 0
    """Port of the API server; 0 for any that is free."""
    node: bool = True
    """Whether pods run. Without a node they stay pending, unless a test plays their part."""
    containers: Containers | None = None
    """Who answers execs and logs instead of a node, such as a hollow one; `node` is to be False then."""
    images: Mapping[str, Path] = field(default_factory=dict)
    """Known images: name to the folder of their configuration and layer."""
    any_image: bool = False
    """Whether an unknown image is the base alone, and not an error."""
    claims: Path | None = None
    """Folder below which claims keep their content; without one it is below `data`, or in memory."""
    data: Path | None = None
    """Folder that keeps the cluster's state from one run to the next; without one it is in memory."""
    expose: Sequence[Path] = ()
    """Folders of this machine that containers see besides its programs; they cannot change them."""
    tokens: Mapping[str, User] = field(default_factory=dict)
    """Bearer tokens that are accepted besides the client's certificate, and whose they are."""


class Sandbox:
    """One embedded cluster, from `start` to `close`; an async context manager does both.

    Guarantees: after `start` a client with the kubeconfig is served; after `close` no process, socket or file is left.
    Assumes: one event loop, on which everything happens.
    """

    def __init__(self, options: SandboxOptions | None = None) -> None:
        self.options = options or SandboxOptions()
        data = self.options.data
        self._journal = Journal.open(data) if data is not None else None
        self.registry = Registry(lambda: datetime.now(UTC), lambda: str(uuid.uuid4()), journal=self._journal)
        self.access_log = AccessLog()
        self.authority = Authority(_NAME)
        self.url = ""
        self.host = ""
        """Loopback address of the API server and of node ports, once started."""
        self.node: Node | None = None
        """The node, while there is one."""
        self._tokens = dict(self.options.tokens)
        self._cleanup = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def start(self) -> Self:
        """Bring everything up; raises what the first part that cannot start raises, with nothing left running."""
        async with contextlib.AsyncExitStack() as stack:
            await self._start(stack)
            self._cleanup = stack.pop_all()
        return self

    async def close(self) -> None:
        """Take everything down, the node first."""
        await self._cleanup.aclose()

    @property
    def kubeconfig(self) -> str:
        """Return the text of a kubeconfig with the credentials of an administrator."""
        client = self.authority.issue(_ADMIN.name, _ADMIN.groups)
        return kubeconfig_text(_NAME, self.url, authority=self.authority.certificate, client=client)

    def write_kubeconfig(self, path: Path) -> None:
        """Write the kubeconfig, readable by its owner alone."""
        write_private(path, self.kubeconfig)

    @property
    def transport(self) -> Transport:
        """Return a transport that reaches the store in process, as an administrator."""
        containers = self.options.containers or self.node
        return LocalTransport(self.registry, _ADMIN, None if containers is None else containers.exec)

    async def _start(self, stack: contextlib.AsyncExitStack) -> None:
        options = self.options
        if self._journal is not None:
            stack.callback(self._journal.close)
        self.host = stack.enter_context(held_loopback(options.host))
        node = self._make_node() if options.node else None
        front = Front(
            self.registry,
            self.authority,
            containers=options.containers or node,
            access_log=self.access_log,
            tokens=self._tokens,
        )
        await front.start(self.host, options.port)
        stack.push_async_callback(front.close)
        self.url = front.url
        controllers = Controllers(
            self.registry,
            certificate=self.authority.certificate,
            host=self.host,
            port=int(self.url.rpartition(":")[2]),
        )
        await controllers.start()
        stack.push_async_callback(controllers.close)
        if node is not None:
            await node.start()
            stack.push_async_callback(node.close)
        self.node = node

    def _make_node(self) -> Node:
        options = self.options
        images = Images(any_image=options.any_image)
        for name, path in sorted(options.images.items()):
            images.add(name, path)
        return Node(
            self.registry,
            images=images,
            loopback=self.host,
            claims=options.claims or self._own_claims(),
            expose=options.expose,
            token=self._account_token,
        )

    def _own_claims(self) -> Path | None:
        if self.options.data is None:
            return None
        folder = self.options.data / "claims"
        folder.mkdir(exist_ok=True)
        return folder.resolve()

    def _account_token(self, namespace: str, account: str) -> str:
        """Give out a token by which the front knows a service account again."""
        token = secrets.token_urlsafe()
        groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}")
        self._tokens[token] = User(f"system:serviceaccount:{namespace}:{account}", groups)
        return token
