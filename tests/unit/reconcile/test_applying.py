"""carry_out(): a wave is finished whole, refused objects starve nobody, and the end of members is conditional."""

import asyncio

from kdlib.errors import NotFoundError, UnreachableError, api_error
from kdlib.graph import Adopt, Apply, Delete, Plan, Why
from kdlib.kube import Api
from kdlib.reconcile import Ended, Written
from kdlib.reconcile.applying import carry_out
from kdlib.wire import CONFIG_MAP, SERVICE, STATEFUL_SET, Ref

QUOTA = api_error(403, "Forbidden", "exceeded quota")
STALE = api_error(409, "Conflict", "the object has been modified")


def ref(name, kind=SERVICE):
    return Ref(kind, "ns", name)


def obj(name, kind=SERVICE, **metadata):
    return {
        "apiVersion": kind.api_version,
        "kind": kind.name,
        "metadata": {"namespace": "ns", "name": name, **metadata},
    }


def apply(name, why=Why.MISSING, kind=SERVICE, **options):
    return Apply(ref(name, kind), obj(name, kind), why, **options)


class Server:
    """Answers every write well, but those to the names in `failing`."""

    def __init__(self, **failing):
        self.failing, self.sent, self.now, self.most = failing, [], 0, 0

    async def request(self, request):
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        self.now -= 1
        name = request.path.rpartition("/")[2]
        self.sent.append((request.method, name, dict(request.query), request.body))
        if name in self.failing:
            raise self.failing[name]
        return {"metadata": {"name": name, "uid": f"uid-{name}", "resourceVersion": "7"}}

    @property
    def names(self):
        return [name for _, name, _, _ in self.sent]


async def done(server, *waves, observed=(), blocked=()):
    return await carry_out(Api(server), Plan(tuple(waves), tuple(blocked)), observed)


async def test_waves_follow_one_another_and_what_was_written_is_told():
    server = Server()
    applied = await done(server, (apply("a"),), (apply("b"), apply("c")))
    assert server.names[0] == "a"
    assert sorted(server.names[1:]) == ["b", "c"]
    assert applied.facts == tuple(Written(ref(name), f"uid-{name}", "7") for name in "abc")
    assert applied.outcome.applied == (ref("a"), ref("b"), ref("c"))
    assert applied.outcome.failures == ()


async def test_a_refused_object_starves_neither_its_siblings_nor_later_waves():
    server = Server(b=QUOTA, c=UnreachableError("cut"))
    applied = await done(server, (apply("a"), apply("b"), apply("c")), (apply("d"),))
    assert sorted(server.names) == ["a", "b", "c", "d"]
    assert applied.outcome.applied == (ref("a"), ref("d"))
    assert applied.outcome.failures == ((ref("b"), "exceeded quota"), (ref("c"), "cut"))
    assert applied.errors == (QUOTA, server.failing["c"])


async def test_after_a_failure_nothing_irreversible_is_done():
    server = Server(a=QUOTA)
    shrink = apply("s", Why.CHANGED, STATEFUL_SET, irreversible=True)
    applied = await done(server, (apply("a"),), (shrink, apply("b")), (Delete(ref("d"), "u", "1"),))
    assert sorted(server.names) == ["a", "b"]
    assert len(applied.errors) == 1


async def test_what_is_missing_is_applied_without_force_and_the_rest_by_force():
    server = Server()
    await done(server, (apply("a", Why.MISSING), apply("b", Why.CHANGED), apply("c", Why.DRIFTED)))
    assert {name: query["force"] for _, name, query, _ in server.sent} == {"a": "false", "b": "true", "c": "true"}


async def test_members_end_only_in_the_very_state_that_was_seen():
    server = Server()
    shrink = apply("s", Why.CHANGED, STATEFUL_SET, irreversible=True)
    seen = [obj("s", SERVICE, uid="other", resourceVersion="1"), obj("s", STATEFUL_SET, uid="u", resourceVersion="42")]
    await done(server, (shrink,), (Delete(ref("d"), "u-d", "43"),), observed=seen)
    assert server.sent[0][3]["metadata"] == {"namespace": "ns", "name": "s", "uid": "u", "resourceVersion": "42"}
    assert server.sent[1][3]["preconditions"] == {"uid": "u-d", "resourceVersion": "43"}


async def test_a_state_that_has_changed_meanwhile_is_no_failure_but_is_tried_again():
    server = Server(s=STALE, d=STALE, m=STALE)
    shrink = apply("s", Why.CHANGED, STATEFUL_SET, irreversible=True)
    seen = [obj("s", STATEFUL_SET, uid="u", resourceVersion="42")]
    applied = await done(server, (Adopt(ref("m"), {}),), observed=seen)
    assert (applied.outcome.failures, applied.errors) == ((), (STALE,))
    applied = await done(server, (shrink,), observed=seen)
    assert (applied.outcome.failures, applied.errors) == ((), (STALE,))
    applied = await done(server, (Delete(ref("d"), "u", "1"),), observed=seen)
    assert (applied.outcome.failures, applied.errors) == ((), (STALE,))


async def test_a_conflict_over_fields_is_a_failure():
    server = Server(a=STALE)
    applied = await done(server, (apply("a"),))
    assert applied.outcome.failures == ((ref("a"), "the object has been modified"),)


async def test_a_deletion_that_somebody_else_did_is_done():
    server = Server(d=NotFoundError({"code": 404}))
    applied = await done(server, (Delete(ref("d"), "u", "1"),))
    assert applied.facts == (Ended(ref("d"), "u"),)
    assert applied.outcome.deleted == (ref("d"),)
    assert applied.errors == ()


async def test_what_somebody_else_controls_is_told():
    applied = await done(Server(), (apply("a"),), blocked=[(ref("x"), "is controlled by Fish 'nemo'")])
    assert applied.outcome.failures == ((ref("x"), "is controlled by Fish 'nemo'"),)
    assert applied.errors == ()


async def test_at_most_sixteen_requests_are_under_way():
    server = Server()
    await done(server, tuple(apply(f"x{index}", kind=CONFIG_MAP) for index in range(60)))
    assert len(server.sent) == 60
    assert server.most == 16
