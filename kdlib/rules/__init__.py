"""resolve() and review(): every default and every rule, one function for each, its id in its docstring.

Layer: pure.
"""

from kdlib.rules.app import app_problems
from kdlib.rules.app_use import use_needs, users_of
from kdlib.rules.backup import Backup, backup_of, backup_ref, left_words
from kdlib.rules.catalogue import Rule, catalogue, rule_titles, rules_page
from kdlib.rules.changes import accepted_form, accepted_now, accepted_roles, with_accepted_keys
from kdlib.rules.config import config_problems, valid_key
from kdlib.rules.connections import TYPED, type_of
from kdlib.rules.defaults import app_defaults, cluster_defaults, least_members, reserved_values, time_limit
from kdlib.rules.hidden_tokens import is_left, token_digest, token_place
from kdlib.rules.keyring import Keyring, decrypted, encrypted, keyring_of, keys_seen
from kdlib.rules.namesakes import is_new, left_by_namesake
from kdlib.rules.naming import is_made_for
from kdlib.rules.persistence import persistent_directories
from kdlib.rules.related import related
from kdlib.rules.request import Access, Facts, ListNeed, Needs, Operation, Request, User, Verdict
from kdlib.rules.resolve import cluster_problems, resolve
from kdlib.rules.restore import Restore, restore
from kdlib.rules.restoring import (
    ALLOW_DELETE_LABEL,
    BACKUP_ANNOTATION,
    RESTORING_LABEL,
    comes_anew,
    is_restoring,
    was_known,
)
from kdlib.rules.review import needs, review
from kdlib.rules.rotation import Reencryption, needs_of, reencryption, with_new_key, without_spared_keys
from kdlib.rules.secret_keys import read_keys, tells_other_keys, unread_keys

__all__ = [
    "ALLOW_DELETE_LABEL",
    "BACKUP_ANNOTATION",
    "RESTORING_LABEL",
    "TYPED",
    "Access",
    "Backup",
    "Facts",
    "Keyring",
    "ListNeed",
    "Needs",
    "Operation",
    "Reencryption",
    "Request",
    "Restore",
    "Rule",
    "User",
    "Verdict",
    "accepted_form",
    "accepted_now",
    "accepted_roles",
    "app_defaults",
    "app_problems",
    "backup_of",
    "backup_ref",
    "catalogue",
    "cluster_defaults",
    "cluster_problems",
    "comes_anew",
    "config_problems",
    "decrypted",
    "encrypted",
    "is_left",
    "is_made_for",
    "is_new",
    "is_restoring",
    "keyring_of",
    "keys_seen",
    "least_members",
    "left_by_namesake",
    "left_words",
    "needs",
    "needs_of",
    "persistent_directories",
    "read_keys",
    "reencryption",
    "related",
    "reserved_values",
    "resolve",
    "restore",
    "review",
    "rule_titles",
    "rules_page",
    "tells_other_keys",
    "time_limit",
    "token_digest",
    "token_place",
    "type_of",
    "unread_keys",
    "use_needs",
    "users_of",
    "valid_key",
    "was_known",
    "with_accepted_keys",
    "with_new_key",
    "without_spared_keys",
]
