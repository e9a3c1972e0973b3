"""One look into a container: the handlers of probes and of lifecycle hooks.

Source: https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/.

Layer: shell.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from kdlib.errors import KubeDirectorError
from kdlib.frozen import Json
from kdlib.sandbox.node.dialling import Network

__all__ = ["CheckError", "Checker"]

_MOST_BODY = 10 * 1024

Exec = Callable[[list[str]], Awaitable[tuple[int, str]]]
"""Runs a command in the container; returns its exit code and output."""


class CheckError(KubeDirectorError):
    """A check did not succeed; the message says what came instead."""


@dataclass(frozen=True)
class Checker:
    """Carries out handlers against one life of one container."""

    network: Network
    execute: Exec
    address: str
    container: Json

    async def check(self, handler: Json, seconds: float | None) -> None:
        """Carry out a handler within the time; raises CheckError."""
        try:
            async with asyncio.timeout(seconds):
                await self._check(handler)
        except TimeoutError as error:
            if "exec" in handler:
                raise CheckError(f'command timed out: "{" ".join(handler["exec"]["command"])}" timed out') from error
            raise CheckError("context deadline exceeded (Client.Timeout exceeded while awaiting headers)") from error
        except OSError as error:
            raise CheckError(str(error.strerror or error).lower()) from error

    async def _check(self, handler: Json) -> None:
        match handler:
            case {"exec": {"command": list(command)}}:
                code, output = await self.execute(command)
                if code != 0:
                    raise CheckError(output.strip() or f"command ended with exit code {code}")
            case {"httpGet": dict(wanted)}:
                await self._get(wanted)
            case {"tcpSocket": dict(wanted)}:
                (await self._dial(wanted)).close()
            case {"sleep": {"seconds": seconds}}:
                await asyncio.sleep(float(seconds))
            case _:
                raise CheckError(f"handler {sorted(handler)} is not supported by the sandbox")

    async def _dial(self, wanted: Json) -> asyncio.StreamWriter:
        host, port = wanted.get("host") or self.address, self._port(wanted["port"])
        try:
            made = await self.network.dial(host, port)
        except OSError as error:
            raise CheckError(f"dial tcp {host}:{port}: connect: {str(error.strerror).lower()}") from error
        _, writer = await asyncio.open_connection(sock=made)
        return writer

    async def _get(self, wanted: Json) -> None:
        host, port = wanted.get("host") or self.address, self._port(wanted["port"])
        made = await self.network.dial(host, port)
        secure = str(wanted.get("scheme") or "HTTP").upper() == "HTTPS"
        context = _trusting() if secure else None
        reader, writer = await asyncio.open_connection(sock=made, ssl=context, server_hostname=host if secure else None)
        try:
            writer.write(_request(wanted, f"{host}:{port}"))
            line = await reader.readline()
            code = int(line.split()[1]) if line.startswith(b"HTTP/") else 0
            if not 200 <= code < 400:
                raise CheckError(f"HTTP probe failed with statuscode: {code}")
        except (IndexError, ValueError) as error:
            raise CheckError("malformed HTTP response") from error
        finally:
            writer.close()

    def _port(self, wanted: int | str) -> int:
        ports = self.container.get("ports") or []
        named = next((each["containerPort"] for each in ports if each.get("name") == wanted), wanted)
        try:
            return int(named)
        except ValueError as error:
            raise CheckError(f"couldn't find port: {wanted}") from error


def _request(wanted: Json, host: str) -> bytes:
    headers = {"Host": host, "User-Agent": "kube-probe/1.36", "Accept": "*/*", "Connection": "close"}
    headers |= {each["name"]: each["value"] for each in wanted.get("httpHeaders") or ()}
    path = wanted.get("path") or "/"
    lines = [f"GET {path if path.startswith('/') else '/' + path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def _trusting() -> ssl.SSLContext:
    """Return a context that takes any certificate, as a kubelet's probes do."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
