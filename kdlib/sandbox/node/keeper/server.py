"""The keeper's loop: takes requests, starts processes, tells of their ends.

A request is `{"id": n, "op": name, ...}`; its answer has the `id` and `result`, or `error` and `errno`.
The end of a process is the event `{"event": "exit", "key": key, "status": wait status}`. Every operation ends at once:
what may take long (assembling a container's files) is done by the process that becomes the container.

Layer: shell.
"""

import errno
import os
import select
import signal
import socket
from collections.abc import Callable
from contextlib import suppress

from kdlib.sandbox.node.keeper import kernel, netlink
from kdlib.sandbox.node.keeper.channel import Message, encode_refusal, receive, send
from kdlib.sandbox.node.keeper.network import Spaces, close_spaces, make_socket, open_pod_spaces, open_spaces
from kdlib.sandbox.node.keeper.program import become
from kdlib.sandbox.node.keeper.tree import remove

__all__ = ["Server"]


class Server:
    """The node's namespaces, pods and processes."""

    def __init__(self, link: socket.socket, filled: int) -> None:
        self._link = link
        self._filled = filled
        self._own = open_spaces()
        self._pods: dict[str, Spaces] = {}
        self._processes: dict[str, int] = {}
        self._keys: dict[int, str] = {}
        self._containers: dict[str, str] = {}
        """Which pod a container's first process belongs to."""
        self._operations: dict[str, Callable[[Message, list[int]], tuple[object, list[int]]]] = {
            "address": self._address,
            "claim": self._claim,
            "claim_drop": self._claim_drop,
            "exec": self._exec,
            "pod": self._pod,
            "pod_drop": self._pod_drop,
            "run": self._run,
            "signal": self._signal,
            "socket": self._socket,
            "volume": self._volume,
        }

    def serve(self) -> None:
        """Serve until the link ends."""
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        poll = select.poll()
        poll.register(self._link, select.POLLIN)
        poll.register(reader, select.POLLIN)
        while True:
            ready = dict(poll.poll())
            if reader in ready:
                os.read(reader, 4096)
                self._reap()
            if self._link.fileno() in ready:
                received = receive(self._link)
                if received is None:
                    return
                self._answer(*received)

    def _answer(self, request: Message, descriptors: list[int]) -> None:
        answer: Message = {"id": request["id"]}
        given: list[int] = []
        try:
            answer["result"], given = self._operations[request["op"]](request, descriptors)
        except OSError as error:
            answer |= encode_refusal(error)
        finally:
            _close(descriptors)
        send(self._link, answer, given)
        _close(given)

    def _reap(self) -> None:
        while True:
            try:
                process, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not process:
                return
            key = self._keys.pop(process, None)
            if key is not None:
                del self._processes[key]
                self._containers.pop(key, None)
                send(self._link, {"event": "exit", "key": key, "status": status})

    def _socket(self, request: Message, _: list[int]) -> tuple[object, list[int]]:
        kind = socket.SOCK_DGRAM if request["datagrams"] else socket.SOCK_STREAM
        spaces = self._pods[request["pod"]] if request["pod"] else {}
        return None, [make_socket(self._own, spaces, kind | socket.SOCK_NONBLOCK).detach()]

    def _address(self, request: Message, _: list[int]) -> tuple[object, list[int]]:
        change = netlink.add_address if request["add"] else netlink.delete_address
        with suppress(FileExistsError):
            change("lo", request["address"], 32)
        return None, []

    def _pod(self, request: Message, _: list[int]) -> tuple[object, list[int]]:
        pod = request["pod"]
        folder = f"/pods/{pod}"
        os.mkdir(folder)
        kernel.mount("tmpfs", folder, "tmpfs", flags=kernel.MS_NOSUID | kernel.MS_NODEV, data="mode=755")
        for name in ("etc", "shm", "volumes"):
            os.mkdir(f"{folder}/{name}")
        os.chmod(f"{folder}/shm", 0o1777)
        try:
            self._pods[pod] = open_pod_spaces(self._own, request)
        except OSError:
            kernel.unmount(folder)
            os.rmdir(folder)
            raise
        return None, [os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)]

    def _pod_drop(self, request: Message, _: list[int]) -> tuple[object, list[int]]:
        pod = request["pod"]
        for key, owner in self._containers.items():
            if owner == pod:
                os.kill(self._processes[key], signal.SIGKILL)
        spaces = self._pods.pop(pod, None)
        if spaces is not None:
            close_spaces(spaces)
            kernel.unmount(f"/pods/{pod}")
            os.rmdir(f"/pods/{pod}")
        return None, []

    def _volume(self, request: Message, _: list[int]) -> tuple[object, list[int]]:
        """Make an empty folder of a pod, in memory of its own where a size is given."""
        folder = f"/pods/{request['pod']}/volumes/{request['name']}"
        os.makedirs(folder, exist_ok=True)
        if request["bytes"]:
            flags = kernel.MS_NOSUID | kernel.MS_NODEV
            kernel.mount("tmpfs", folder, "tmpfs", flags=flags, data=f"mode=755,size={request['bytes']}")
        os.chmod(folder, request["mode"])
        return folder, []

    def _claim(self, request: Message, _: list[int]) -> tuple[object, list[int]]:
        """Make a claim's folder, or its file of `bytes` for block mode, unless it is there."""
        path = f"/claims/{request['name']}"
        if request["block"]:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o660)
            os.truncate(descriptor, max(request["bytes"], os.fstat(descriptor).st_size))
            os.close(descriptor)
        elif not os.path.isdir(path):
            os.mkdir(path)
            os.chmod(path, 0o777)
        return path, []

    def _claim_drop(self, request: Message, _: list[int]) -> tuple[object, list[int]]:
        """Remove a claim's content, in a child, since it may be large."""
        if os.fork() == 0:
            try:
                remove(f"/claims/{request['name']}")
            finally:
                os._exit(0)
        return None, []

    def _signal(self, request: Message, _: list[int]) -> tuple[object, list[int]]:
        process = self._processes.get(request["key"])
        if process is not None:
            os.kill(process, request["signal"])
        return process is not None, []

    def _run(self, request: Message, descriptors: list[int]) -> tuple[object, list[int]]:
        """Start a container: descriptors are the report's socket and up to three streams."""
        self._start(request, descriptors, self._pods[request["pod"]])
        self._containers[request["key"]] = request["pod"]
        return None, []

    def _exec(self, request: Message, descriptors: list[int]) -> tuple[object, list[int]]:
        """Start a process in a running container: descriptors as with `run`."""
        first = self._processes.get(request["container"])
        if first is None:
            raise ProcessLookupError(errno.ESRCH, "container not running")
        spaces = open_spaces(str(first))
        try:
            self._start(request, descriptors, spaces)
        finally:
            close_spaces(spaces)
        return None, []

    def _start(self, request: Message, descriptors: list[int], spaces: Spaces) -> None:
        # A new PID namespace, like an entered one, holds the children made from now on, not the caller.
        if kernel.NEW_PID in spaces:
            kernel.setns(spaces[kernel.NEW_PID], kernel.NEW_PID)
        else:
            kernel.unshare(kernel.NEW_PID)
        try:
            process = os.fork()
        except OSError:
            kernel.setns(self._own[kernel.NEW_PID], kernel.NEW_PID)
            raise
        if process == 0:
            # Reading waits for the end of the pipe, which comes when the tree that containers stand on is complete.
            os.read(self._filled, 1)
            become(request, descriptors, spaces)
        kernel.setns(self._own[kernel.NEW_PID], kernel.NEW_PID)
        self._processes[request["key"]] = process
        self._keys[process] = request["key"]


def _close(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
