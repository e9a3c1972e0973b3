"""What an earlier daemon with a webhook may have left, told by a daemon without.

Layer: shell.
"""

import logging

from kdlib import kube
from kdlib.errors import WorldError
from kdlib.wire import Kind, Ref

__all__ = ["LeftoverRegistration"]

_log = logging.getLogger(__name__)

_REGISTRATION = Ref(
    Kind("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", namespaced=False),
    "",
    "kubedirector-webhook",
)
_LEFTOVER = (
    "%s: %s is there, and this daemon serves no webhook: unless another one does, writes of apps and clusters are "
    "refused; remove it: kdd webhook remove"
)


class LeftoverRegistration:
    """Tells that a webhook is registered: where nobody serves it, every write of apps and clusters is refused.

    What serves the webhook is not imported for this: it takes memory that a daemon without webhook spares.
    """

    def __init__(self, api: kube.Api) -> None:
        self._api = api

    async def run(self) -> None:
        """Look once."""
        try:
            found = await self._api.get(_REGISTRATION)
        except WorldError as error:
            _log.debug("%s: %s is not there, or cannot be read: %s", self._api.name, _REGISTRATION, error)
            return
        if found.get("kind") == _REGISTRATION.kind.name:
            _log.warning(_LEFTOVER, self._api.name, _REGISTRATION)
