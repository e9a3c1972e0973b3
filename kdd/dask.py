"""The Dask app's probe, run inside a member: counts words on the cluster's workers.

Layer: shell.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from kdd.data import catalog
from kdlib import kube
from kdlib.errors import KubeDirectorError

__all__ = ["Count", "count_words"]


@dataclass(frozen=True)
class Count:
    """What the probe counted, and on which workers."""

    known: int
    """Workers that the scheduler knows."""
    used: tuple[str, ...]
    """Names of the workers that took part."""
    words: int
    top: tuple[tuple[str, int], ...]
    seconds: float


async def count_words(api: kube.Api, namespace: str, pod: str, *, texts: Sequence[str], workers: int) -> Count:
    """Run the probe in a member's container, once so many workers are there."""
    script = (catalog("dask") / "test" / "wordcount.py").read_text(encoding="utf-8")
    command = ("python3", "-c", script, "tcp://127.0.0.1:8786")
    request = kube.ExecRequest(namespace, pod, "app", command, stdin=True)
    output, errors = bytearray(), bytearray()
    async with api.exec(request) as stream:
        await stream.send(orjson.dumps({"texts": list(texts), "workers": workers}) + b"\n")
        async for channel, data in stream:
            (output if channel == 1 else errors).extend(data)
        code = await stream.exit_code()
    if code:
        raise KubeDirectorError(f"the word count in {pod} ended with {code}: {errors.decode(errors='replace')[-2000:]}")
    found = orjson.loads(bytes(output).splitlines()[-1])
    top = tuple((word, times) for word, times in found["top"])
    return Count(found["known"], tuple(found["used"]), found["words"], top, found["seconds"])
