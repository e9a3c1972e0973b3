"""Asking a webhook over HTTPS.

Layer: shell.
"""

import asyncio
import ssl
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import orjson

from kdlib.frozen import Json
from kdlib.sandbox.store.webhooks.review import WebhookError

__all__ = ["Call", "Caller", "Endpoint", "Resolver", "call_over_https", "endpoint_of"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a webhook answers: its URL, the name that its certificate must bear, and who signed that."""

    url: str
    server_name: str = ""
    authority: bytes = b""
    """Certificates in PEM; empty for those that the system trusts."""


@dataclass(frozen=True, slots=True)
class Call:
    """One review for one endpoint."""

    endpoint: Endpoint
    review: Json
    timeout_seconds: float


Caller = Callable[[Call], Awaitable[Any]]
"""Sends a review and returns the decoded answer; raises WebhookError."""

Resolver = Callable[[str, str, int], tuple[str, int] | None]
"""Where a Service's port (namespace, name, port) is reached from this process; None for nowhere."""


async def call_over_https(call: Call) -> Any:
    """Send a review over HTTPS; raises WebhookError when no good answer comes in time."""
    shown = f'Post "{call.endpoint.url}?timeout={call.timeout_seconds:g}s"'
    try:
        status, body = await _in_time(call)
    except TimeoutError as error:
        raise WebhookError(f"{shown}: context deadline exceeded") from error
    except (aiohttp.ClientError, OSError, ssl.SSLError) as error:
        raise WebhookError(f"{shown}: {error}") from error
    if status >= 400:
        said = body.decode(errors="replace").strip()[:200]
        raise WebhookError(f'an error on the server ("{said}") has prevented the request from succeeding')
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise WebhookError(f"the answer is no JSON: {error}") from error


async def _in_time(call: Call) -> tuple[int, bytes]:
    """Return the answer's status and body; raises TimeoutError."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout()) as session:
        asking = asyncio.create_task(_ask(session, call))
        try:
            done, _ = await asyncio.wait({asking}, timeout=call.timeout_seconds)
        finally:
            # In this order: closing the session drops the connection, whereas a request that is only
            # cancelled takes leave of a peer that does not answer, and keeps its socket until it does.
            await session.close()
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
        if not done:
            raise TimeoutError
        return asking.result()


async def _ask(session: aiohttp.ClientSession, call: Call) -> tuple[int, bytes]:
    async with session.post(
        call.endpoint.url,
        params={"timeout": f"{call.timeout_seconds:g}s"},
        data=orjson.dumps(call.review),
        headers={"Content-Type": "application/json", "Accept": "application/json"},
        ssl=_trust(call.endpoint),
        server_hostname=call.endpoint.server_name or None,
    ) as answer:
        return answer.status, await answer.read()


def _trust(endpoint: Endpoint) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cadata=endpoint.authority.decode() if endpoint.authority else None)
    except (ssl.SSLError, UnicodeDecodeError, ValueError) as error:
        raise WebhookError(f"unable to load root certificates: {error}") from error


def endpoint_of(client: Json, resolve: Resolver) -> Endpoint:
    """Return where a `clientConfig` leads; raises WebhookError where its Service is nowhere to be found."""
    try:
        authority = b64decode(client.get("caBundle") or "")
    except (Base64Error, ValueError) as error:
        raise WebhookError(f"unable to load root certificates: {error}") from error
    service = client.get("service")
    if service is None:
        url = str(client.get("url") or "")
        return Endpoint(url, urlsplit(url).hostname or "", authority)
    namespace, name, port = service["namespace"], service["name"], int(service.get("port") or 443)
    host = f"{name}.{namespace}.svc"
    path = "/" + str(service.get("path") or "").lstrip("/")
    found = resolve(namespace, name, port)
    if found is None:
        where = f'Post "https://{host}:{port}{path}"'
        raise WebhookError(f'{where}: service "{name}" not found')
    return Endpoint(f"https://{found[0]}:{found[1]}{path}", host, authority)
