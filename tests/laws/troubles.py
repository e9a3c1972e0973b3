"""Troubles that a world has for a while: no answers of the API server, watches cut or behind, execs that fail."""

import asyncio
from contextlib import asynccontextmanager

from world import Recording

from kdlib.errors import UnreachableError, api_error

REFUSALS = {
    "unreachable": None,
    "conflict": (409, "Conflict"),
    "throttled": (429, "TooManyRequests"),
    "broken": (500, "InternalError"),
    "unavailable": (503, "ServiceUnavailable"),
}


class Troubled:
    """A Transport that has troubles until it is mended; it counts what went through."""

    def __init__(self, inner):
        self.inner = inner
        self.sent = 0
        self.mend()

    def mend(self):
        """End all troubles; watches that lag are cut, so that nothing of the lag is left."""
        self.api = self.exec_refusal = None
        self.answers_lost = False
        self.lag_seconds = 0.0
        self.cut()

    def cut(self):
        """Cut every open watch: what happens from now on does not come through it."""
        if hasattr(self, "_cut"):
            self._cut.set()
        self._cut = asyncio.Event()

    async def request(self, request):
        self.sent += 1
        if self.api and self.answers_lost:
            await self.inner.request(request)
        _raise(self.api)
        return await self.inner.request(request)

    @asynccontextmanager
    async def watch(self, request):
        _raise(self.api)
        async with self.inner.watch(request) as events:
            yield self._passing(events, self._cut)

    async def _passing(self, events, cut):
        async for event in events:
            await asyncio.sleep(self.lag_seconds)
            if cut.is_set():
                raise UnreachableError("the watch was cut")
            yield event

    @asynccontextmanager
    async def exec(self, request):
        self.sent += 1
        _raise(self.exec_refusal)
        async with self.inner.exec(request) as stream:
            yield _Stream(stream, self)

    async def close(self):
        await self.inner.close()


class _Stream:
    """An exec whose answer is lost where the trouble began while it ran."""

    def __init__(self, stream, trouble):
        self._stream = stream
        self._trouble = trouble

    async def send(self, data):
        await self._stream.send(data)

    async def close_stdin(self):
        await self._stream.close_stdin()

    async def __aiter__(self):
        async for item in self._stream:
            _raise(self._trouble.exec_refusal)
            yield item

    async def exit_code(self):
        return await self._stream.exit_code()


def _raise(name):
    if name:
        known = REFUSALS[name]
        raise api_error(*known, "trouble") if known else UnreachableError("trouble")


class Late(Recording):
    """A Transport on which each kind's events are late by a time of its own, and lists come in the other order."""

    def __init__(self, inner, delays):
        super().__init__(inner)
        self.delays = delays

    async def request(self, request):
        answer = await super().request(request)
        if request.method == "GET" and "items" in answer:
            return {**answer, "items": list(reversed(answer["items"]))}
        return answer

    def watch(self, request):
        return LateWatch(self.inner.watch(request), self._delay(request.path))

    def _delay(self, path):
        return next((seconds for plural, seconds in self.delays.items() if path.endswith(plural)), 0)


class LateWatch:
    """A watch all of whose events are late, in their order."""

    def __init__(self, context, seconds):
        self.context, self.seconds = context, seconds

    async def __aenter__(self):
        return self._late(await self.context.__aenter__())

    async def __aexit__(self, *error):
        return await self.context.__aexit__(*error)

    async def _late(self, events):
        async for event in events:
            await asyncio.sleep(self.seconds)
            yield event
