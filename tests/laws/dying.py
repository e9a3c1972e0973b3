"""An operator whose process dies at one of its calls, and a fresh one after it."""

import asyncio

__all__ = ["Dying", "killed", "operate"]


class Dying:
    """A Transport whose process dies at one of its calls: just before it takes effect, or just after."""

    def __init__(self, inner, last_call, *, takes_effect):
        self.inner, self.last_call, self.takes_effect = inner, last_call, takes_effect
        self.calls, self.dead = 0, asyncio.Event()

    async def request(self, request):
        is_list = request.method == "GET" and not request.path.endswith("/c1")
        if is_list or "/events" in request.path:
            return await self.inner.request(request)
        last = self.count()
        if last and self.takes_effect:
            await self.inner.request(request)
        if self.dead.is_set():
            await asyncio.Event().wait()
        return await self.inner.request(request)

    def watch(self, request):
        return self.inner.watch(request)

    def exec(self, request):
        return DyingExec(self, request, last=self.count())

    def count(self):
        """Count a call; tell whether it is the last."""
        self.calls += 1
        if self.calls >= self.last_call:
            self.dead.set()
        return self.calls == self.last_call

    async def close(self):
        pass


class DyingExec:
    """An exec that the process does not survive: not begun, or begun with its answer lost."""

    def __init__(self, transport, request, *, last):
        self.transport, self.request, self.last = transport, request, last

    async def __aenter__(self):
        if self.transport.dead.is_set() and not (self.last and self.transport.takes_effect):
            await asyncio.Event().wait()
        self.context = self.transport.inner.exec(self.request)
        self.stream = await self.context.__aenter__()
        return self

    async def __aexit__(self, *error):
        return await self.context.__aexit__(*error)

    async def send(self, data):
        await self.stream.send(data)

    async def close_stdin(self):
        await self.stream.close_stdin()

    async def __aiter__(self):
        async for item in self.stream:
            if self.transport.dead.is_set():
                await asyncio.Event().wait()
            yield item

    async def exit_code(self):
        return await self.stream.exit_code()


async def killed(task):
    task.cancel()
    await asyncio.wait({task})


async def operate(world, transport):
    """Run an operator until it dies, then a fresh one."""
    task = asyncio.create_task(world.controller(transport, grace_seconds=0.0).run())
    try:
        await transport.dead.wait()
        # What takes effect last does so while the process is dying.
        await asyncio.sleep(0.5 if transport.takes_effect else 0)
        await killed(task)
        task = asyncio.create_task(world.controller(world.transport()).run())
        await asyncio.Event().wait()
    finally:
        await killed(task)
