"""Holder: keeps a finalizer on objects of one kind for as long as others use them, so that they do not vanish.

See https://kubernetes.io/docs/concepts/overview/working-with-objects/finalizers/.

Layer: shell.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from kdlib.frozen import Json
from kdlib.kube import Api, Cache, Change, identity, pruned
from kdlib.reconcile import add_finalizer, has_finalizer, is_going, remove_finalizer
from kdlib.runtime.containment import contained_now
from kdlib.runtime.own_writes import OwnWrites
from kdlib.runtime.rounds import Rounds, RoundSettings
from kdlib.wire import Kind, Ref

__all__ = ["Holder", "Usage"]

_log = logging.getLogger(__name__)

Present = Callable[[Ref], bool]
"""Tells whether an object of the held kind is there."""


@dataclass(frozen=True)
class Usage:
    """What it means that an object is used. All callables are pure, and get any JSON, however wrong.

    `named_by` lists what a user may use, and `beside` what else may be used or not because an object of the held kind
    comes or goes; `is_used` decides for one object, given all users. `kept` is what these read of a user.
    """

    held: Kind
    users: Kind
    finalizer: str
    named_by: Callable[[Json], Iterable[Ref]]
    is_used: Callable[[Ref, Sequence[Json], Present], bool]
    beside: Callable[[Ref], Iterable[Ref]] = field(default=lambda _: ())
    kept: Callable[[Json], Json] = field(default=pruned)


class Holder:
    """Holds what is used, and lets go of it when nobody uses it any more.

    Guarantees: a finalizer is taken off only after the storage, not a cache, showed no user; without changes nothing is
    sent but the watches; replicas side by side come to the same end.
    Cancellation: at any time; what is held stays held.
    """

    def __init__(self, api: Api, usage: Usage, *, settings: RoundSettings | None = None) -> None:
        self._api = api
        self._usage = usage
        self._held = Cache()
        self._users = Cache(transform=usage.kept, indexes={"named": self._named})
        self._rounds = Rounds(api, usage.held, self._hold_or_let_go, settings=settings)
        self._writes = OwnWrites(self._held)
        self._held.subscribe(self._held_changed)
        self._users.subscribe(self._user_changed)

    async def run(self) -> None:
        """Hold until cancelled."""
        await self._rounds.run((self._usage.held, self._held), (self._usage.users, self._users))

    async def _hold_or_let_go(self, ref: Ref) -> None:
        obj = self._held.get(ref.namespace, ref.name)
        if obj is None:
            self._writes.forget(ref)
            return
        if self._writes.are_awaited(ref):
            return
        finalizer, is_held = self._usage.finalizer, has_finalizer(obj, self._usage.finalizer)
        is_used = self._usage.is_used(ref, self._users.find("named", _term(ref)), self._is_present)
        if is_used and not is_held and not is_going(obj):
            self._note(ref, await add_finalizer(self._api, ref, obj, finalizer))
            _log.info("%s: held, since it is in use", ref)
        elif is_held and not is_used and not await self._is_used_in_storage(ref):
            self._note(ref, await remove_finalizer(self._api, ref, obj, finalizer))
            _log.info("%s: let go, since nothing uses it", ref)

    async def _is_used_in_storage(self, ref: Ref) -> bool:
        users = (await self._api.list(self._usage.users)).items
        held = (await self._api.list(self._usage.held)).items
        present = {identity(item) for item in held}
        return self._usage.is_used(ref, users, lambda other: (other.namespace, other.name) in present)

    def _is_present(self, ref: Ref) -> bool:
        return self._held.get(ref.namespace, ref.name) is not None

    def _note(self, ref: Ref, after: Json | None) -> None:
        if after is not None:
            self._writes.note(ref, str(after["metadata"]["uid"]), str(after["metadata"]["resourceVersion"]))

    def _held_changed(self, change: Change) -> None:
        key = identity(change.after or change.before or {})
        if key is None:
            return
        self._soon(Ref(self._usage.held, *key))
        if change.before is None or change.after is None:
            for ref in self._usage.beside(Ref(self._usage.held, *key)):
                self._soon(ref)

    def _user_changed(self, change: Change) -> None:
        for user in (change.before, change.after):
            for ref in self._refs(user) if user else ():
                self._soon(ref)

    def _named(self, user: Json) -> Iterable[str]:
        return {_term(ref) for ref in self._refs(user)}

    def _refs(self, user: Json) -> tuple[Ref, ...]:
        return contained_now(
            f"{self._usage.users.name} {identity(user)}", lambda: tuple(self._usage.named_by(user)), ()
        )

    def _soon(self, ref: Ref) -> None:
        self._rounds.soon((ref.namespace, ref.name))


def _term(ref: Ref) -> str:
    return f"{ref.namespace}/{ref.name}"
