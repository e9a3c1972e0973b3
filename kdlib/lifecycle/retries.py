"""Requests about members, made by annotations on the cluster: to try again, to give up, to make new tokens.

`kubedirector.hpe.com/retry` asks all members, `kubedirector.hpe.com/retry-<pod>` one; each new value is one request.
`kubedirector.hpe.com/give-up` and `kubedirector.hpe.com/give-up-<pod>` ask to let members go whose decommission failed.
`kubedirector.hpe.com/rotate-tokens` and `kubedirector.hpe.com/rotate-tokens-<pod>` ask for new auth tokens.

Layer: pure.
"""

from collections.abc import Mapping

from kdlib.lifecycle.requests import news, noted
from kdlib.names import ANNOTATION_PREFIX

__all__ = ["GIVE_UP", "ROTATE_TOKENS", "asked", "handled"]

RETRY = f"{ANNOTATION_PREFIX}retry"
GIVE_UP = f"{ANNOTATION_PREFIX}give-up"
ROTATE_TOKENS = f"{ANNOTATION_PREFIX}rotate-tokens"


def handled(annotations: Mapping[str, str], pod: str, before: str | None, key: str = RETRY) -> str | None:
    """Return what to record as handled for the member."""
    return noted(annotations, (key, f"{key}-{pod}"), before)


def asked(annotations: Mapping[str, str], pod: str, before: str | None, key: str = RETRY) -> bool:
    """Tell whether there is a request for the member that was not handled yet."""
    return bool(news(annotations, (key, f"{key}-{pod}"), before))
