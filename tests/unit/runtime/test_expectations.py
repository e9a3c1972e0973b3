"""Expectations: a pass waits until the caches show what was written, but not for ever."""

from kdlib.kube import Cache
from kdlib.reconcile import Ended, Written
from kdlib.runtime import Expectations
from kdlib.wire import CONFIG_MAP, POD, SERVICE, Ref

A, B = Ref(POD, "ns", "a"), Ref(SERVICE, "ns", "b")


def obj(name, version, uid="u"):
    return {"metadata": {"namespace": "ns", "name": name, "uid": uid, "resourceVersion": version}}


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def made():
    clock, pods, services = Clock(), Cache(), Cache()
    return Expectations({POD: pods, SERVICE: services}, limit_seconds=10.0, time=clock), clock, pods, services


def test_a_key_waits_until_every_write_was_seen():
    expectations, _, pods, services = made()
    expectations.expect("k", [Written(A, "u", "5"), Written(B, "u", "7")])
    assert expectations.remaining_seconds("k") == 10.0
    pods.put(obj("a", "5"))
    assert expectations.remaining_seconds("k") == 10.0
    services.put(obj("b", "9"))
    assert expectations.remaining_seconds("k") == 0.0
    assert expectations.remaining_seconds("other") == 0.0


def test_a_write_that_the_cache_showed_already_is_not_awaited():
    expectations, _, pods, _ = made()
    pods.put(obj("a", "5"))
    expectations.expect("k", [Written(A, "u", "5")])
    assert expectations.remaining_seconds("k") == 0.0


def test_a_deletion_is_awaited_until_the_object_goes():
    expectations, _, pods, _ = made()
    pods.put(obj("a", "5"))
    expectations.expect("k", [Ended(A, "u")])
    assert expectations.remaining_seconds("k") == 10.0
    pods.drop(obj("a", "6"))
    assert expectations.remaining_seconds("k") == 0.0


def test_what_never_comes_is_given_up_after_the_limit():
    expectations, clock, _, _ = made()
    expectations.expect("k", [Written(A, "u", "5")])
    clock.now += 4
    assert expectations.remaining_seconds("k") == 6.0
    clock.now += 6
    assert expectations.remaining_seconds("k") == 0.0


def test_expectations_of_several_passes_add_up():
    expectations, _, pods, services = made()
    expectations.expect("k", [Written(A, "u", "5")])
    expectations.expect("k", [Written(B, "u", "6")])
    services.put(obj("b", "6"))
    assert expectations.remaining_seconds("k") > 0
    pods.put(obj("a", "5"))
    assert expectations.remaining_seconds("k") == 0.0


def test_a_kind_that_is_not_followed_is_not_awaited():
    expectations, _, _, _ = made()
    expectations.expect("k", [Written(Ref(CONFIG_MAP, "ns", "c"), "u", "5")])
    assert expectations.remaining_seconds("k") == 0.0


def test_a_forgotten_key_waits_for_nothing():
    expectations, _, _, _ = made()
    expectations.expect("k", [Written(A, "u", "5")])
    expectations.forget("k")
    assert expectations.remaining_seconds("k") == 0.0
