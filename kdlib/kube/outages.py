"""What keeps one API server from answering: told once for each cause, and once when it is over.

Several reflectors follow one server. When it is away all of them suffer from the same cause, which is one line in the
log and not one for each; and a kind that is not served is one line with what to do about it.

Layer: shell.
"""

import logging
from collections.abc import Hashable

from kdlib.errors import ApiError, NotFoundError, UnreachableError, WorldError
from kdlib.frozen import dig
from kdlib.kube.answers import FOREIGN
from kdlib.wire import Kind

__all__ = ["Outages", "cause_of"]

_log = logging.getLogger(__name__)
_OF_PROXIES = frozenset({403, 407, 502, 503, 504})


def cause_of(kind: Kind, error: WorldError, missing_remedy: str = "") -> str:
    """Return in words why a list or watch of a kind fails: the same words for all that share the cause."""
    match error:
        case UnreachableError() if error.cause:
            return f"{error.cause}; tried again until it answers"
        case ApiError(code=401):
            words = _foreign_words(error) or str(error)
            return f"our credentials are refused: {words}; tried again; renew the token or the client certificate"
        case ApiError(code=code) if code in _OF_PROXIES and _foreign_words(error):
            return f"not the API server but a proxy before it answers HTTP {code}: {_foreign_words(error)}; tried again"
        case ApiError(code=403):
            resource = f"{kind.plural}.{kind.group}" if kind.group else kind.plural
            return f"{kind.plural}: {error}; tried again; give our account the verbs list and watch on {resource}"
        case NotFoundError() if "." in kind.group:
            served = f"{kind.api_version} is not served; tried again until it is"
            return f"{served}; install it: {missing_remedy}" if missing_remedy else served
        case _:
            return f"{kind.plural}: {error}; tried again"


def _foreign_words(error: ApiError) -> str:
    """Return what was answered, the same for all requests, where no API server said it; else nothing."""
    found = dig(error.status, "details", "causes", default=[])
    return next((str(item.get("message")) for item in found if item.get("reason") == FOREIGN), "")


class Outages:
    """The present troubles with one API server, by their causes; `name` is the server's in the log.

    Guarantees: a cause is told when the first one suffers from it, and not again before all that did are well; that
    it is over is told when the last one is, however long other causes last.
    """

    def __init__(self, name: str = "") -> None:
        self._name = name
        self._sufferers: dict[str, set[Hashable]] = {}
        self._silences: set[str] = set()

    @property
    def causes(self) -> tuple[str, ...]:
        """Return the present troubles, sorted."""
        return tuple(sorted(self._sufferers))

    @property
    def is_cut_off(self) -> bool:
        """Tell whether the server gives no answer at present."""
        return bool(self._silences)

    def begin(self, subject: Hashable, cause: str, *, silent: bool = False) -> None:
        """Take it that the subject suffers from the cause; `silent` where no answer came at all."""
        sufferers = self._sufferers.setdefault(cause, set())
        if not sufferers:
            _log.warning("%s", self._told(cause))
        sufferers.add(subject)
        if silent:
            self._silences.add(cause)

    def end(self, subject: Hashable) -> None:
        """Take it that the subject is well: nothing keeps it from the server."""
        over = self._without(subject)
        if over:
            _log.info("%s", self._told(f"works again, after: {over[-1]}"))

    def forget(self, subject: Hashable) -> None:
        """Take it that the subject asks the server no more."""
        self._without(subject)

    def _without(self, subject: Hashable) -> list[str]:
        """Take the subject out; return the causes that nobody suffers from any more."""
        over = []
        for cause, sufferers in list(self._sufferers.items()):
            sufferers.discard(subject)
            if not sufferers:
                del self._sufferers[cause]
                self._silences.discard(cause)
                over.append(cause.partition(";")[0])
        return over

    def _told(self, words: str) -> str:
        return f"{self._name}: {words}" if self._name else words
