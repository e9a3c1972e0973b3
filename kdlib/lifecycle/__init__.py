"""One member, from wanted to ready to gone: the state machine as a table, and one step of it.

Layer: pure.
"""

from kdlib.lifecycle.addresses import domain, fqdn, in_order, listed_members
from kdlib.lifecycle.advance import advance, resting, settled
from kdlib.lifecycle.connections import connection_hash
from kdlib.lifecycle.forms import set_up_form
from kdlib.lifecycle.log_tail import log_tail
from kdlib.lifecycle.lost import lost_pods
from kdlib.lifecycle.ordering import is_up
from kdlib.lifecycle.outdated import outdated_members, renewable_members
from kdlib.lifecycle.restarts import RESTART, restart_asked
from kdlib.lifecycle.rollout import roll_out
from kdlib.lifecycle.table import TABLE, Cause, Effect, Row, diagram, life_page
from kdlib.lifecycle.tokens import without_hidden_tokens

__all__ = [
    "RESTART",
    "TABLE",
    "Cause",
    "Effect",
    "Row",
    "advance",
    "connection_hash",
    "diagram",
    "domain",
    "fqdn",
    "in_order",
    "is_up",
    "life_page",
    "listed_members",
    "log_tail",
    "lost_pods",
    "outdated_members",
    "renewable_members",
    "restart_asked",
    "resting",
    "roll_out",
    "set_up_form",
    "settled",
    "without_hidden_tokens",
]
