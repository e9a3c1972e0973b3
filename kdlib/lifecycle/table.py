"""The state machine of a member as a table of data: (state, cause) to (state, effects).

Layer: pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from kdlib.model import MemberState

__all__ = ["TABLE", "Cause", "Effect", "Row", "diagram", "life_page"]


class Cause(StrEnum):
    """Why a member goes from one state to another."""

    CONTAINER_RUNS = "its container runs and all know of it"
    CAME_BACK = "the container that was set up is seen again"
    CAME_BACK_FAILED = "the container that failed is seen again"
    CONTAINER_GONE = "its container is another one, or gone"
    NOTHING_TO_SET_UP = "its role has nothing to set up"
    SET_UP = "set-up ended well"
    TAKEN_UP = "set-up was done in an earlier container life"
    FAILED = "set-up failed"
    RETRY_ASKED = "a retry was asked for"
    REFRESHED = "it holds the present configmeta"
    NOTIFIED = "it was told of a change"
    NOTIFY_FAILED = "its start script refused a change"
    RETRY_DUE = "it is time for a further try"
    UNWANTED = "not wanted, and nobody was told of it"
    UNWANTED_KNOWN = "not wanted, and others were told of it"
    TOLD_TO_GO = "not wanted, and its role asks it first"
    DECOMMISSIONED = "its start script let go"
    DECOMMISSION_FAILED = "its start script did not let go"
    GIVEN_UP = "nobody waits for it any more"
    RENOUNCED = "the others are being told"
    CLEANED = "pod, Service and claims are gone"


class Effect(StrEnum):
    """What a transition changes in the member's status besides its state."""

    FORGET = "forget what the lost container held"
    RESERVE = "reserve an attempt"
    RESERVE_FURTHER = "reserve a further attempt"
    RECORD_SET_UP = "record what the container holds now"
    RECORD_TAKEN_UP = "record the configmeta written"
    RECORD_FAILURE = "record error and log tails"
    FINISH = "record the container as handled"
    ANNOUNCE = "queue addnodes for those that do not know"
    DEPART = "record since when it is to go"
    REFUSE = "record that it did not let go"
    ASK_AGAIN = "reserve a further try of its decommission"
    LET_GO = "end its decommission, if it was asked"
    RENOUNCE = "queue delnodes for the others"
    RECORD_REFRESH = "record the configmeta written"
    RECORD_NOTIFIED = "record the configmeta that came with the change"
    POP = "take the change off the queue"
    MARK_FAILED = "mark the change as failed"
    REQUEUE = "reserve a further try of the change"
    REPEAT = "reserve a further try of the change, and count it"


@dataclass(frozen=True, slots=True)
class Row:
    """Where a transition leads, None for out of the status, and its effects in order."""

    state: MemberState | None
    effects: tuple[Effect, ...] = ()


_FINAL = (Effect.FINISH, Effect.ANNOUNCE)
_GONE = (Effect.LET_GO, Effect.RENOUNCE)

TABLE: Mapping[tuple[MemberState, Cause], Row] = MappingProxyType(
    {
        (MemberState.CREATE_PENDING, Cause.CONTAINER_RUNS): Row(MemberState.CREATING, (Effect.FORGET, Effect.RESERVE)),
        (MemberState.CREATE_PENDING, Cause.CAME_BACK): Row(MemberState.CONFIGURED),
        (MemberState.CREATE_PENDING, Cause.CAME_BACK_FAILED): Row(MemberState.CONFIG_ERROR),
        (MemberState.CREATE_PENDING, Cause.TOLD_TO_GO): Row(MemberState.CREATE_PENDING, (Effect.DEPART,)),
        (MemberState.CREATE_PENDING, Cause.UNWANTED): Row(MemberState.DELETING),
        (MemberState.CREATE_PENDING, Cause.UNWANTED_KNOWN): Row(MemberState.DELETE_PENDING, _GONE),
        (MemberState.CREATING, Cause.CONTAINER_GONE): Row(MemberState.CREATE_PENDING),
        (MemberState.CREATING, Cause.NOTHING_TO_SET_UP): Row(MemberState.CONFIGURED, _FINAL),
        (MemberState.CREATING, Cause.SET_UP): Row(MemberState.CONFIGURED, (Effect.RECORD_SET_UP, *_FINAL)),
        (MemberState.CREATING, Cause.TAKEN_UP): Row(MemberState.CONFIGURED, (Effect.RECORD_TAKEN_UP, *_FINAL)),
        (MemberState.CREATING, Cause.FAILED): Row(MemberState.CONFIG_ERROR, (Effect.RECORD_FAILURE, Effect.FINISH)),
        (MemberState.CREATING, Cause.TOLD_TO_GO): Row(MemberState.CREATING, (Effect.DEPART,)),
        (MemberState.CREATING, Cause.UNWANTED): Row(MemberState.DELETING),
        (MemberState.CREATING, Cause.UNWANTED_KNOWN): Row(MemberState.DELETE_PENDING, _GONE),
        (MemberState.CONFIGURED, Cause.CONTAINER_GONE): Row(MemberState.CREATE_PENDING, (Effect.FORGET,)),
        (MemberState.CONFIGURED, Cause.REFRESHED): Row(MemberState.CONFIGURED, (Effect.RECORD_REFRESH,)),
        (MemberState.CONFIGURED, Cause.NOTIFIED): Row(MemberState.CONFIGURED, (Effect.RECORD_NOTIFIED, Effect.POP)),
        (MemberState.CONFIGURED, Cause.NOTIFY_FAILED): Row(
            MemberState.CONFIGURED, (Effect.RECORD_NOTIFIED, Effect.MARK_FAILED)
        ),
        (MemberState.CONFIGURED, Cause.RETRY_ASKED): Row(MemberState.CONFIGURED, (Effect.REQUEUE,)),
        (MemberState.CONFIGURED, Cause.RETRY_DUE): Row(MemberState.CONFIGURED, (Effect.REPEAT,)),
        (MemberState.CONFIGURED, Cause.TOLD_TO_GO): Row(MemberState.DELETE_PENDING, (Effect.DEPART,)),
        (MemberState.CONFIGURED, Cause.UNWANTED): Row(MemberState.DELETING),
        (MemberState.CONFIGURED, Cause.UNWANTED_KNOWN): Row(MemberState.DELETE_PENDING, _GONE),
        (MemberState.CONFIG_ERROR, Cause.CONTAINER_GONE): Row(MemberState.CREATE_PENDING, (Effect.FORGET,)),
        (MemberState.CONFIG_ERROR, Cause.RETRY_ASKED): Row(MemberState.CREATING, (Effect.RESERVE_FURTHER,)),
        (MemberState.CONFIG_ERROR, Cause.TOLD_TO_GO): Row(MemberState.CONFIG_ERROR, (Effect.DEPART,)),
        (MemberState.CONFIG_ERROR, Cause.UNWANTED): Row(MemberState.DELETING),
        (MemberState.CONFIG_ERROR, Cause.UNWANTED_KNOWN): Row(MemberState.DELETE_PENDING, _GONE),
        (MemberState.DELETE_PENDING, Cause.CONTAINER_GONE): Row(MemberState.CREATE_PENDING, (Effect.FORGET,)),
        (MemberState.DELETE_PENDING, Cause.DECOMMISSIONED): Row(MemberState.DELETE_PENDING, _GONE),
        (MemberState.DELETE_PENDING, Cause.DECOMMISSION_FAILED): Row(MemberState.DELETE_PENDING, (Effect.REFUSE,)),
        (MemberState.DELETE_PENDING, Cause.RETRY_ASKED): Row(MemberState.DELETE_PENDING, (Effect.ASK_AGAIN,)),
        (MemberState.DELETE_PENDING, Cause.GIVEN_UP): Row(MemberState.DELETE_PENDING, _GONE),
        (MemberState.DELETE_PENDING, Cause.RENOUNCED): Row(MemberState.DELETING),
        (MemberState.DELETING, Cause.CLEANED): Row(None),
    }
)
"""Every transition that there is. States are those of the contract (specification 3.2)."""


def diagram() -> str:
    """Draw the table as a Mermaid state diagram, for the documentation."""
    lines = ["stateDiagram-v2", f"    [*] --> {_node(MemberState.CREATE_PENDING)}: wanted"]
    lines += [f'    state "{state}" as {_node(state)}' for state in MemberState if " " in state]
    for (state, cause), row in TABLE.items():
        if row.state == state:
            continue
        target = _node(row.state) if row.state else "[*]"
        lines.append(f"    {_node(state)} --> {target}: {cause}")
    return "\n".join(lines) + "\n"


_PAGE = """\
<!-- Generated from kdlib.lifecycle by schemas/generate.py. Do not edit. -->

# The life of a member

Each member is a small state machine of its own; the states are those of `status.roles[].members[].state`. A container
that is restarted, a pod that is deleted, a request by annotation, the end of a start script: each is a cause, and leads
along one row.

```mermaid
"""

_ROWS_HEAD = """\
```

Of several causes that hold at a time one counts: first whether the member is wanted, then what its container shows,
then how its start script ended. A row without another state changes what the status says of the member.

| state | cause | next state | what is recorded |
|---|---|---|---|
"""


def life_page() -> str:
    """Return the page with the diagram and every row, in Markdown."""
    rows = (
        f"| {state} | {cause} | {row.state or 'gone'} | {'; '.join(row.effects) or '–'} |\n"
        for (state, cause), row in TABLE.items()
    )
    return _PAGE + diagram() + _ROWS_HEAD + "".join(rows)


def _node(state: MemberState) -> str:
    return state.value.replace(" ", "_")
