"""What a transition changes in a member's status.

Layer: pure.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from kdlib.lifecycle.circumstances import Circumstances, change_name, has_package, has_work, subscribed
from kdlib.lifecycle.log_tail import log_tail
from kdlib.lifecycle.repeating import next_try, written
from kdlib.lifecycle.restarts import restart_handled
from kdlib.lifecycle.retries import GIVE_UP, handled
from kdlib.lifecycle.table import Effect, Row
from kdlib.model import Decommission, Finished, MemberStatus, PendingNotify, StateDetail

__all__ = ["taken"]

DEFAULT_LOG_LENGTH = 256

_NO_TAILS: Mapping[str, None] = MappingProxyType(
    {"start_script_stdout_message": None, "start_script_stderr_message": None}
)
_WELL: Mapping[str, None] = MappingProxyType({"config_error_detail": None, "from_scratch": None, **_NO_TAILS})
"""What is so once all went well: unlike the original, the words of an earlier failure do not outlive it (5.8)."""


def taken(member: MemberStatus, row: Row, around: Circumstances) -> MemberStatus | None:
    """Return the member after the transition, None where it leaves the status."""
    if row.state is None:
        return None
    detail = member.state_detail
    for effect in row.effects:
        detail = _EFFECTS[effect](member.changed(state_detail=detail), around)
    changed: MemberStatus = member.changed(state=row.state, state_detail=detail)
    return changed


def _forget(member: MemberStatus, around: Circumstances) -> StateDetail:
    """Drop what was lost with the container; a persistent volume keeps it (RC-11).

    A pod that is not to be seen may come back with the same container, so it has lost nothing yet.
    """
    detail = member.state_detail
    known = ("", detail.last_configured_container, detail.configuring_container)
    if member.pvc or around.sighting(member).container in known:
        return detail
    return _without_set_up(detail, last_config_data_generation=None)


def _without_set_up(detail: StateDetail, **values: object) -> StateDetail:
    changed: StateDetail = detail.changed(
        last_setup_generation=None, configured_generation=None, pending_notify_cmds=None, **values
    )
    return changed


def _reserve(member: MemberStatus, around: Circumstances) -> StateDetail:
    container = around.sighting(member).container
    if member.state_detail.configuring_container == container:
        return member.state_detail
    return _reserve_further(member, around)


def _reserve_further(member: MemberStatus, around: Circumstances) -> StateDetail:
    detail = member.state_detail
    is_anew = has_work(around.role) and (bool(detail.from_scratch) or around.is_otherwise(member))
    if detail.config_error_detail is not None or is_anew:
        detail = _without_set_up(detail)
    if detail.attempt is None:
        # Whoever is new has just been started.
        asked = restart_handled(around.annotations, around.role.id, member.pod, None)
        detail = detail.changed(restart_handled=asked)
    reserved: StateDetail = detail.changed(
        set_up_from=around.form,
        from_scratch=is_anew or None,
        configuring_container=around.sighting(member).container,
        attempt=(detail.attempt or 0) + 1,
        configuring_generation=around.generation,
        retry_handled=handled(around.annotations, member.pod, detail.retry_handled),
    )
    return reserved


def _set_up(member: MemberStatus, around: Circumstances) -> StateDetail:
    detail, fact = member.state_detail, _set_up_result(member, around)
    if not has_package(around.role):
        without: StateDetail = detail.changed(**_WELL)
        return without
    known = _counted(fact, around)
    # Where the container cannot say which configmeta of ours it has, it is brought the present one, and counts as
    # knowing what was so when the attempt was reserved.
    generation = known or detail.configuring_generation or around.generation
    # Changes that this set-up's configmeta already told of are moot.
    queue = tuple(entry for entry in detail.pending_notify_cmds or () if (entry.generation or 0) > generation)
    recorded: StateDetail = detail.changed(
        **_WELL,
        last_config_data_generation=known,
        last_setup_generation=generation if subscribed(around.role, "configure") else None,
        configured_generation=generation,
        pending_notify_cmds=queue or None,
    )
    return recorded


def _counted(fact: Finished, around: Circumstances) -> int:
    """Return the generation of the configmeta written, 0 where it is none that this status has counted."""
    return fact.generation if fact.generation <= around.generation else 0


def _taken_up(member: MemberStatus, around: Circumstances) -> StateDetail:
    detail, fact = member.state_detail, _set_up_result(member, around)
    changed: StateDetail = detail.changed(**_WELL, last_config_data_generation=_counted(fact, around))
    return changed


def _failure(member: MemberStatus, around: Circumstances) -> StateDetail:
    detail, fact = member.state_detail, _set_up_result(member, around)
    values: dict[str, object] = {
        "config_error_detail": fact.detail or f"the start script's configure ended with exit status {fact.exit_code}",
        "retry_handled": handled(around.annotations, member.pod, detail.retry_handled),
    }
    if _counted(fact, around) and has_package(around.role):
        values["last_config_data_generation"] = fact.generation
    changed: StateDetail = detail.changed(**values, **_tails(fact, around))
    return changed


def _tails(fact: Finished, around: Circumstances) -> Mapping[str, str | None]:
    """Return the ends of what the start script wrote, as much as the app wants in the status (5.8)."""
    limit = around.role.app.max_log_size_dump
    limit = DEFAULT_LOG_LENGTH if limit is None else limit
    if not limit:
        return _NO_TAILS
    return {
        "start_script_stdout_message": log_tail(fact.stdout_tail, limit) or None,
        "start_script_stderr_message": log_tail(fact.stderr_tail, limit) or None,
    }


def _set_up_result(member: MemberStatus, around: Circumstances) -> Finished:
    return around.finished_set_up(member) or Finished(exit_code=0)


def _finish(member: MemberStatus, _: Circumstances) -> StateDetail:
    detail = member.state_detail
    changed: StateDetail = detail.changed(
        last_configured_container=detail.configuring_container, configuring_container=None
    )
    return changed


def _announced(member: MemberStatus, _: Circumstances) -> StateDetail:
    changed: StateDetail = member.state_detail.changed(announced=True)
    return changed


def _unchanged(member: MemberStatus, _: Circumstances) -> StateDetail:
    return member.state_detail


def _refreshed(member: MemberStatus, around: Circumstances) -> StateDetail:
    changed: StateDetail = member.state_detail.changed(last_config_data_generation=around.generation)
    return changed


def _notified(member: MemberStatus, around: Circumstances) -> StateDetail:
    """Record the configmeta that came with the change at the head of the queue, unless a later one came since."""
    detail = member.state_detail
    head = (detail.pending_notify_cmds or ())[0]
    fact = around.finished_notify(member, change_name(head))
    written, held = _counted(fact, around) if fact else 0, detail.last_config_data_generation or 0
    changed: StateDetail = detail.changed(
        last_config_data_generation=written if held > around.generation else max(written, held)
    )
    return changed


def _popped(member: MemberStatus, _: Circumstances) -> StateDetail:
    queue = (member.state_detail.pending_notify_cmds or ())[1:]
    changed: StateDetail = member.state_detail.changed(pending_notify_cmds=queue or None, **_NO_TAILS)
    return changed


def _marked(member: MemberStatus, around: Circumstances) -> StateDetail:
    """Keep the failed change at the head of the queue, so that later ones do not overtake it (W-25)."""
    detail = member.state_detail
    head, *rest = detail.pending_notify_cmds or ()
    fact = around.finished_notify(member, change_name(head)) or Finished(1)
    changed: StateDetail = detail.changed(
        pending_notify_cmds=(_failed_entry(head, fact, around), *rest),
        retry_handled=handled(around.annotations, member.pod, detail.retry_handled),
        **_tails(fact, around),
    )
    return changed


def _failed_entry(entry: PendingNotify, fact: Finished, around: Circumstances) -> PendingNotify:
    again = next_try(entry, around.role.app, around.resolved.seen.now)
    changed: PendingNotify = entry.changed(exit_code=fact.exit_code, error=fact.detail or None, next_try=again)
    return changed


def _requeued(member: MemberStatus, around: Circumstances) -> StateDetail:
    """Reserve a further try that a person asked for; those made by themselves are counted anew after it."""
    detail = member.state_detail
    changed: StateDetail = detail.changed(
        pending_notify_cmds=_again(detail, retries=None),
        retry_handled=handled(around.annotations, member.pod, detail.retry_handled),
    )
    return changed


def _repeated(member: MemberStatus, _: Circumstances) -> StateDetail:
    detail = member.state_detail
    head = (detail.pending_notify_cmds or ())[0]
    changed: StateDetail = detail.changed(pending_notify_cmds=_again(detail, retries=(head.retries or 0) + 1))
    return changed


def _again(detail: StateDetail, *, retries: int | None) -> tuple[PendingNotify, ...]:
    head, *rest = detail.pending_notify_cmds or ()
    again = head.changed(exit_code=None, error=None, next_try=None, retries=retries, attempt=(head.attempt or 1) + 1)
    return (again, *rest)


def _departing(member: MemberStatus, around: Circumstances) -> StateDetail:
    """Record since when the member is to go; one that failed before its container was lost is asked afresh."""
    detail = member.state_detail
    told = detail.decommission
    if told is not None and told.exit_code is None:
        return detail
    fresh = Decommission(
        since=written(around.resolved.seen.now),
        attempt=told.attempt + 1 if told else 1,
        give_up_handled=handled(around.annotations, member.pod, told.give_up_handled if told else None, GIVE_UP),
    )
    changed: StateDetail = detail.changed(decommission=fresh)
    return changed


def _not_let_go(member: MemberStatus, around: Circumstances) -> StateDetail:
    detail, told = member.state_detail, member.state_detail.decommission
    if told is None:
        return detail
    fact = around.finished_notify(member, told.change) or Finished(1)
    changed: StateDetail = detail.changed(
        decommission=told.changed(exit_code=fact.exit_code, error=fact.detail or None),
        retry_handled=handled(around.annotations, member.pod, detail.retry_handled),
        **_tails(fact, around),
    )
    return changed


def _asked_again(member: MemberStatus, around: Circumstances) -> StateDetail:
    detail, told = member.state_detail, member.state_detail.decommission
    if told is None:
        return detail
    now = written(around.resolved.seen.now)
    changed: StateDetail = detail.changed(
        decommission=told.changed(since=now, attempt=told.attempt + 1, exit_code=None, error=None),
        retry_handled=handled(around.annotations, member.pod, detail.retry_handled),
    )
    return changed


def _let_go(member: MemberStatus, around: Circumstances) -> StateDetail:
    detail, told = member.state_detail, member.state_detail.decommission
    if told is None:
        return detail
    fact = around.finished_notify(member, told.change) if told.exit_code is None else None
    well = fact is not None and fact.exit_code == 0
    changed: StateDetail = detail.changed(decommission=told.changed(over=True, given_up=None if well else True))
    return changed


_EFFECTS: Mapping[Effect, Callable[[MemberStatus, Circumstances], StateDetail]] = MappingProxyType(
    {
        Effect.FORGET: _forget,
        Effect.RESERVE: _reserve,
        Effect.RESERVE_FURTHER: _reserve_further,
        Effect.RECORD_SET_UP: _set_up,
        Effect.RECORD_TAKEN_UP: _taken_up,
        Effect.RECORD_FAILURE: _failure,
        Effect.FINISH: _finish,
        Effect.ANNOUNCE: _announced,
        Effect.DEPART: _departing,
        Effect.REFUSE: _not_let_go,
        Effect.ASK_AGAIN: _asked_again,
        Effect.LET_GO: _let_go,
        Effect.RENOUNCE: _unchanged,
        Effect.RECORD_REFRESH: _refreshed,
        Effect.RECORD_NOTIFIED: _notified,
        Effect.POP: _popped,
        Effect.MARK_FAILED: _marked,
        Effect.REQUEUE: _requeued,
        Effect.REPEAT: _repeated,
    }
)
