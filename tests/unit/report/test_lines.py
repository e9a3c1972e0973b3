"""Progress in lines for people."""

from kdlib import report


def test_each_member_has_a_line_with_words_until_it_is_done(make, member) -> None:
    desired = make(
        {
            "a": [member("s-a-0"), member("s-a-1", "creating", progress="set-up under way, attempt 1")],
            "b": [member("s-b-0", "config error", config_error_detail="exit status 3")],
        }
    )
    status = report.status(desired.seen, desired)

    assert report.member_lines(status) == (
        ("s-a-0", "a", "configured", ""),
        ("s-a-1", "a", "creating", "set-up under way, attempt 1"),
        ("s-b-0", "b", "config error", "exit status 3"),
    )
    assert report.cluster_line(status).startswith("creating 1/3: 1 of 3 members failed: s-b-0: exit status 3")


def test_a_ready_cluster_has_a_short_line(make, member) -> None:
    desired = make({"a": [member("s-a-0")]})
    assert report.cluster_line(report.status(desired.seen, desired)) == "configured 1/1"


def test_a_cluster_without_status_is_new() -> None:
    assert report.cluster_line({}) == "new"
    assert report.member_lines({}) == ()
