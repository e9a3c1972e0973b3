"""Runs of start scripts that a member's status knows: changes that it is to be told of, and its own departure.

Layer: pure.
"""

from pydantic import Field

from kdlib.model.scalars import Flag, Text, TimeText, Whole
from kdlib.model.status_part import StatusPart

__all__ = ["DECOMMISSION", "Decommission", "PendingNotify"]

DECOMMISSION = "decommission"
"""The event of a member that goes."""


class PendingNotify(StatusPart):
    """A start script invocation still to do."""

    arguments: tuple[Text, ...] = Field(
        (),
        description="Arguments of the start script; more than 16 names are put together, as a-[0-9+12].h.ns.svc.",
        examples=[["--delnodes", "--role", "worker", "--fqdns", "kdss-9dnrk-1.kdhs-x7k2p.team.svc.cluster.local"]],
    )
    change: Text | None = Field(
        None, description="Names the change in the guard inside the container.", examples=["addnodes-2"]
    )
    generation: Whole | None = Field(
        None,
        description="Spec generation that made the change; a set-up with this or a later configmeta makes it moot.",
        examples=[2],
    )
    attempt: Whole | None = Field(None, description="Number of the try, from 2 on; absent for the first.", examples=[2])
    exit_code: Whole | None = Field(
        None, description="Exit status of a try that failed; it waits for a request to try again.", examples=[1]
    )
    error: Text | None = Field(
        None,
        description="Why a try failed, in words, where more is known than the exit status.",
        examples=["the start script's addnodes did not end within 300 s and was stopped"],
    )
    retries: Whole | None = Field(
        None, description="Number of further tries that were made by themselves, as the app asks for.", examples=[1]
    )
    next_try: TimeText | None = Field(
        None, description="When the change is tried again by itself.", examples=["2026-01-31T12:00:10Z"]
    )

    @property
    def event(self) -> str:
        """Return the event that the start script is called for."""
        return self.arguments[0].lstrip("-") if self.arguments else ""

    @property
    def failure(self) -> str:
        """Say in words how a try failed."""
        return self.error or f"the start script's {self.event} ended with exit status {self.exit_code}"


class Decommission(StatusPart):
    """That a member was told to go, and how far its start script's `--decommission` has come. It goes for good."""

    since: TimeText = Field(description="When it was told.", examples=["2026-01-31T12:00:00Z"])
    attempt: Whole = Field(1, description="Number of the try, reserved before it starts.", examples=[1])
    exit_code: Whole | None = Field(
        None, description="Exit status of a try that failed; it waits for a person.", examples=[1]
    )
    error: Text | None = Field(
        None,
        description="Why a try failed, in words, where more is known than the exit status.",
        examples=["the start script's decommission did not end within 7200 s and was stopped"],
    )
    give_up_handled: Text | None = Field(
        None, description="Value of the give-up annotation that is no request about this departure.", examples=["1"]
    )
    over: Flag | None = Field(
        None, description="True once nobody waits for it any more: the others are told that it goes.", examples=[True]
    )
    given_up: Flag | None = Field(
        None, description="True where it went without a try that ended well.", examples=[True]
    )

    @property
    def change(self) -> str:
        """Return the name of the run in guards."""
        return f"{DECOMMISSION}-{self.attempt}"

    @property
    def failure(self) -> str:
        """Say in words how a try failed; empty where none did."""
        if self.exit_code is None:
            return ""
        return self.error or f"the start script's {DECOMMISSION} ended with exit status {self.exit_code}"
