"""References: who refers to what."""

from kdlib.runtime.references import References
from kdlib.wire import KD_APP, KD_CONFIG, Ref

APP, CONFIG = Ref(KD_APP, "ns", "app"), Ref(KD_CONFIG, "kd", "kd-global-config")
A, B = ("ns", "a"), ("ns", "b")


def test_a_target_finds_all_its_sources_and_forgets_those_that_turned_away():
    references = References()
    references.set(A, [APP, CONFIG, APP])
    references.set(B, [APP])
    assert references.to(APP) == (A, B)
    references.set(A, [CONFIG])
    assert (references.to(APP), references.to(CONFIG)) == ((B,), (A,))
    references.set(B, ())
    assert references.to(APP) == ()


def test_what_nobody_refers_to_any_more_is_known_as_such():
    references = References()
    references.set(A, [APP, CONFIG])
    assert (APP in references, references.of(A), references.of(B)) == (True, (APP, CONFIG), ())
    references.set(A, [CONFIG])
    assert (APP in references, CONFIG in references) == (False, True)
