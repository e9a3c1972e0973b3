"""eventually(): waits until the world is as wanted, and tells the last difference where it never is.

Layer: shell.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from kdlib.errors import WorldError
from kdlib.frozen import Json
from kdlib.kube import Api, Backoff, Cache, Reflector, ReflectorSettings, Selection
from kdlib.testing.likeness import differences
from kdlib.wire import Ref

__all__ = ["Wanted", "eventually"]

Wanted: TypeAlias = Mapping[str, Any] | Sequence[Mapping[str, Any]] | int | Callable[[Any], object] | None
"""What an object, or the objects of a selection, are to be like."""

_MOST_LINES = 20


async def eventually(
    api: Api, subject: Ref | Selection, wanted: Wanted, *, seconds: float, ends: Iterable[asyncio.Future[None]] = ()
) -> Any:
    """Wait until the subject is as wanted; return the object (None where it is gone), or the selection's objects.

    Raises AssertionError with the last difference after `seconds`, but not before a first look; and at once what one of
    the futures `ends` raises.
    """
    __tracebackhide__ = True
    looking = asyncio.create_task(_Look(api, subject, wanted).until(seconds), name=f"eventually {subject}")
    try:
        await asyncio.wait({looking, *ends}, return_when=asyncio.FIRST_COMPLETED)
        for end in ends:
            if end.done() and not end.cancelled() and not looking.done():
                end.result()
        return await looking
    finally:
        looking.cancel()
        await asyncio.wait({looking})


class _Look:
    """One wait: what was seen last, and how it differs from what is wanted."""

    def __init__(self, api: Api, subject: Ref | Selection, wanted: Wanted) -> None:
        self._api = api
        self._subject = subject
        self._wanted = wanted
        self._cache = Cache()
        self._changed = asyncio.Event()
        self._looked = asyncio.Event()
        self._differences: tuple[str, ...] = ("was not seen yet",)

    async def until(self, seconds: float) -> Any:
        """Wait for what is wanted."""
        __tracebackhide__ = True
        self._cache.subscribe(lambda _: self._changed.set())
        settings = ReflectorSettings(backoff=Backoff(0.1, 1.0))
        following = Reflector(self._api, self._selection, self._cache, settings=settings, told=self._listed)
        task = asyncio.create_task(following.run(), name=f"follows {self._subject}")
        try:
            # A first answer, of whatever kind, is waited for however short the time is: each request has its own limit.
            await self._looked.wait()
            async with asyncio.timeout(seconds):
                await self._cache.synced.wait()
                while not self._holds():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(self._words(seconds)) from None
        finally:
            task.cancel()
            await asyncio.wait({task})
        return self._found

    @property
    def _selection(self) -> Selection:
        match self._subject:
            case Ref(kind, namespace, name):
                return Selection(kind, namespace, fields=f"metadata.name={name}")
            case selection:
                return selection

    @property
    def _found(self) -> Any:
        objects = sorted(self._cache, key=_place)
        return objects if isinstance(self._subject, Selection) else next(iter(objects), None)

    def _holds(self) -> bool:
        self._differences = _compared(self._found, self._wanted)
        return not self._differences

    def _listed(self, error: WorldError | None) -> None:
        self._looked.set()
        if error is not None and not self._cache.synced.is_set():
            self._differences = (f"cannot be seen: {error}",)

    def _words(self, seconds: float) -> str:
        lines = [*self._differences[:_MOST_LINES]]
        more = len(self._differences) - len(lines)
        lines += [f"and {more} more"] if more else []
        return "\n  ".join([f"{self._subject}: not as wanted after {seconds:g} s:", *lines])


def _place(obj: Json) -> tuple[str, str]:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def _compared(found: Any, wanted: Wanted) -> tuple[str, ...]:
    """Return how the object, or the list of objects, differs from what is wanted."""
    if callable(wanted):
        return _judged(wanted, found)
    if wanted is None:
        return () if not found else ("is still there",)
    if isinstance(wanted, int):
        count = len(found) if isinstance(found, list) else int(found is not None)
        return () if count == wanted else (f"there are {count}, wanted {wanted}",)
    return ("is not there",) if found is None else differences(found, wanted)


def _judged(wanted: Callable[[Any], object], found: Any) -> tuple[str, ...]:
    """Ask the test's own function: it returns something true, or says by an assertion what it misses.

    One that finds no field yet is as little satisfied as one that says no.
    """
    name = getattr(wanted, "__name__", str(wanted))
    try:
        return () if wanted(found) else (f"{name}() is not satisfied",)
    except AssertionError as error:
        return (str(error) or f"{name}() is not satisfied",)
    except (KeyError, IndexError, TypeError) as error:
        return (f"{name}() found {type(error).__name__}: {error}",)
