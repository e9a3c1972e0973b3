"""The directories on a member's volume (KO-10)."""

import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdlib import model
from kdlib.manifests import persistent_directories

NEW = ("/etc", "/opt/guestconfig", "/var/log/guestconfig", "/usr/local/bin", "/usr/local/lib")
OLD = ("/etc", "/opt", "/usr")


def role_of(directories, layout):
    package = {"none": None, "old": {}, "new": {"useNewSetupLayout": True}}[layout]
    values = {"id": "a", "cardinality": "1", "persistDirs": list(directories)}
    if package is not None:
        values["configPackage"] = {"packageURL": "http://x/y.tgz", **package}
    return model.AppRole.model_validate(values)


@pytest.mark.parametrize(
    ("layout", "asked", "expected"),
    [
        ("none", [], ("/etc",)),
        ("old", [], OLD),
        ("new", [], NEW),
        ("old", ["/srv", "/data"], (*OLD, "/srv", "/data")),
        ("old", ["/srv", "/srv", "//srv"], (*OLD, "/srv")),
        ("old", ["/srv/a/../b"], (*OLD, "/srv/b")),
        ("old", ["/etc"], OLD),
        ("old", ["/etc/x", "/usr/local/lib"], OLD),
        ("old", ["/etcetera"], (*OLD, "/etcetera")),
        ("old", ["/srv/a", "/srv"], (*OLD, "/srv")),
        ("new", ["/opt"], ("/etc", "/var/log/guestconfig", "/usr/local/bin", "/usr/local/lib", "/opt")),
        ("new", ["/usr", "/var/log"], ("/etc", "/opt/guestconfig", "/usr", "/var/log")),
        ("none", ["/."], ("/etc",)),
    ],
)
def test_needed_and_asked_directories_are_joined(layout, asked, expected) -> None:
    assert persistent_directories(role_of(asked, layout)) == expected


NAMES = st.lists(st.sampled_from(["etc", "opt", "usr", "local", "a", "b"]), min_size=1, max_size=3)


@given(st.lists(NAMES.map(lambda parts: "/" + "/".join(parts)), max_size=6), st.sampled_from(["none", "old", "new"]))
def test_no_kept_directory_lies_in_another_and_each_is_covered(asked, layout) -> None:
    kept = persistent_directories(role_of(asked, layout))

    assert len(set(kept)) == len(kept)
    assert not [(one, two) for one in kept for two in kept if one.startswith(f"{two}/")]
    needed = {"none": ("/etc",), "old": OLD, "new": NEW}[layout]
    for path in (*needed, *map(posixpath.normpath, asked)):
        assert [one for one in kept if path == one or path.startswith(f"{one}/")]
