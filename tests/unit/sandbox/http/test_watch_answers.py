"""What a watch answers a client that is not there any more."""

import asyncio

import aiohttp
import pytest
from aiohttp import web

from kdlib.sandbox.http.watches import stream


async def _no_events():
    for batch in ():
        yield batch


async def test_a_client_that_left_before_its_watch_began_is_no_error():
    ended = []

    async def handle(request):
        request.transport.close()
        ended.append(await stream(request, web.StreamResponse(), _no_events(), lambda _: b""))
        return ended[0]

    runner = web.ServerRunner(web.Server(handle))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    try:
        async with asyncio.timeout(10), aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ServerDisconnectedError):
                await session.get(url)
    finally:
        await runner.cleanup()
    # The client tries a second time.
    assert len(ended) == 2
