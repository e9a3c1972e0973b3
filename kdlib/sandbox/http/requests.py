"""One HTTP request, taken apart once: raw path, query, what it accepts, and whether it opens a watch.

Layer: shell.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from urllib.parse import parse_qsl

from aiohttp.web import BaseRequest

from kdlib.sandbox.http import bodies
from kdlib.sandbox.http.negotiation import Form, accepted
from kdlib.sandbox.http.users import User
from kdlib.wire import APPLY, Request

__all__ = ["Call"]

_COLLECTION = re.compile(r"/(?:api/[^/]+|apis/[^/]+/[^/]+)(?:/namespaces/[^/]+)?/[^/]+/?")
_OLD_WATCH = re.compile(r"(/(?:api/[^/]+|apis/[^/]+/[^/]+))/watch((?:/namespaces/[^/]+)?/[^/]+)(?:/([^/]+))?/?")
_MANAGER_LENGTH = 128
_FALSE = ("", "0", "false")
_PRETTY_AGENTS = re.compile(r"(?:curl|Wget|Mozilla)/")


@lru_cache(maxsize=256)
def _first_values(text: str) -> Mapping[str, str]:
    """Return the first value of each parameter of a query; a client's writes have the same one again and again."""
    return dict(reversed(parse_qsl(text, keep_blank_values=True))) if text else {}


@dataclass(frozen=True)
class Call:
    """A request on its way through the front."""

    http: BaseRequest
    user: User
    path: str
    """As it was asked for: still quoted, without query."""
    query: Mapping[str, str]
    """The first value of each parameter."""

    @classmethod
    def of(cls, http: BaseRequest, user: User) -> "Call":
        """Take a request apart."""
        path, _, text = http.path_qs.partition("?")
        query = _first_values(text)
        old = _OLD_WATCH.fullmatch(path) if "/watch/" in path else None
        if old is None:
            return cls(http, user, path, query)
        only = {"fieldSelector": f"metadata.name={old[3]}"} if old[3] else {}
        return cls(http, user, old[1] + old[2], {**query, "watch": "true", **only})

    @cached_property
    def accept(self) -> str:
        """Return the Accept header; empty for none."""
        return self.http.headers.get("Accept", "")

    @cached_property
    def form(self) -> Form:
        """Return the form of answer that is accepted; raises a 406."""
        return accepted(self.accept)

    @cached_property
    def user_agent(self) -> str:
        """Return what the client calls itself."""
        return self.http.headers.get("User-Agent", "")

    @cached_property
    def is_watch(self) -> bool:
        """Tell whether a collection is to be watched."""
        return (
            self.http.method == "GET"
            and self.query.get("watch", "").lower() not in _FALSE
            and _COLLECTION.fullmatch(self.path) is not None
        )

    @cached_property
    def is_pretty(self) -> bool:
        """Tell whether a human reads the answer."""
        pretty = self.query.get("pretty")
        if pretty is not None:
            return pretty.lower() not in _FALSE
        return _PRETTY_AGENTS.match(self.user_agent) is not None

    async def request(self) -> tuple[Request, tuple[str, ...]]:
        """Read and decode the body; return the request, and the paths of fields that stand twice in its body.

        A write without a field manager is the client's own. Raises 413, 415 or 400 for a body that cannot be taken.
        """
        method = self.http.method
        if method in ("GET", "HEAD") or not self.http.can_read_body:
            return Request(method, self.path, self._managed_query), ()
        media = bodies.media_type(self.http)
        data = await bodies.read(self.http)
        find_duplicates = method != "DELETE" and self.query.get("fieldValidation") != "Ignore"
        body, duplicates = bodies.decoded(data, media, find_duplicates=find_duplicates)
        return Request(method, self.path, self._managed_query, body, media), duplicates

    @property
    def _managed_query(self) -> Mapping[str, str]:
        # Server-side apply alone must name its manager; see
        # https://kubernetes.io/docs/reference/using-api/server-side-apply/#managers.
        method, media = self.http.method, self.http.headers.get("Content-Type", "")
        if method not in ("POST", "PUT", "PATCH") or self.query.get("fieldManager") or media.startswith(APPLY):
            return self.query
        program = self.user_agent.partition("/")[0][:_MANAGER_LENGTH]
        return {**self.query, "fieldManager": program} if program.isprintable() and program else self.query
