"""What a person can do about members in trouble, in words that name the field and the command.

Layer: pure.
"""

from collections.abc import Mapping
from types import MappingProxyType

from kdlib.frozen import Json, dig
from kdlib.model import MemberStatus, MemberTrouble, Seen
from kdlib.wire import KD_APP

__all__ = ["after_failure", "against_trouble", "package_field", "retry"]

_FIELDS: Mapping[str, str] = MappingProxyType(
    {"configPackage": "defaultConfigPackage", "imageRepoTag": "defaultImageRepoTag"}
)
"""Fields of an app's role, by the field of the app that they inherit."""


def package_field(seen: Seen, role: str) -> str:
    """Return the field of the app that says how members of the role are set up."""
    return _field(seen, role, "configPackage")


def after_failure(seen: Seen, roles: tuple[str, ...], pod: str = "") -> str:
    """Say what to do where set-ups of members of these roles failed: of one pod, or of several."""
    fields = " and ".join(dict.fromkeys(package_field(seen, role) for role in roles))
    return f"correct what failed ({fields} of app {_app(seen)!r}), then {retry(seen, pod)}"


def retry(seen: Seen, pod: str = "") -> str:
    """Return the command that asks for a further try, of one member or of all that failed."""
    name, namespace = (dig(seen.root, "metadata", key, default="") for key in ("name", "namespace"))
    return " ".join(filter(None, ("kdd retry", str(name), pod, f"-n {namespace}")))


def against_trouble(seen: Seen, role: str, member: MemberStatus) -> str:
    """Say what to do about what keeps a member's pod from running."""
    namespace = dig(seen.root, "metadata", "namespace", default="")
    delete = f"kubectl delete pod {member.pod} -n {namespace}"
    spec = f"spec.roles[{_index(seen, role)}]"
    other = _correction(seen, role, spec)
    match member.state_detail.trouble:
        case MemberTrouble.IMAGE_NOT_PULLED:
            field = f"{_field(seen, role, 'imageRepoTag')} of app {_app(seen)!r}"
            return f"make the image available, and it goes on by itself; or correct {field}, then {delete}"
        case MemberTrouble.CONTAINER_NOT_MADE:
            return f"make what it lacks, and it goes on by itself; or {other.format('what names it')}"
        case MemberTrouble.CONTAINER_ENDS:
            return f"see why with kubectl logs {member.pod} -n {namespace} --previous; it is started again by itself"
        case MemberTrouble.CLAIM_UNBOUND:
            claim = member.pvc or "of the pod"
            return f"see kubectl describe pvc {claim} -n {namespace}; make a volume, or {other.format('its storage')}"
        case _:
            return f"make room, and it goes on by itself; or {other.format('its resources')}"


def _correction(seen: Seen, role: str, spec: str) -> str:
    """Say how a role with members is corrected, which keeps all but their number (CL-V-43); `{}` is what is wrong."""
    cardinality = str(_app_role(_app_spec(seen), role).get("cardinality") or "0")
    if cardinality.rstrip("+") != "0":
        return f"delete the cluster, and make it anew with {{}} in {spec} corrected"
    return f"set {spec}.members to 0, correct {{}}, and set it back"


def _app_spec(seen: Seen) -> Json:
    app: Json = next((item for ref, item in seen.related if ref.kind == KD_APP and item is not None), {})
    return dict(dig(app, "spec", default={}))


def _app_role(spec: Json, role: str) -> Json:
    return next((item for item in spec.get("roles") or () if item.get("id") == role), {})


def _field(seen: Seen, role: str, name: str) -> str:
    """Return the field of the app in which a role's value stands: its own, or the app's default."""
    spec, default = _app_spec(seen), _FIELDS[name]
    inherits = name not in _app_role(spec, role) and default in spec
    return f"spec.{default}" if inherits else f"spec.roles[{role}].{name}"


def _app(seen: Seen) -> str:
    return str(dig(seen.root, "spec", "app", default=""))


def _index(seen: Seen, role: str) -> str:
    roles = dig(seen.root, "spec", "roles", default=[])
    return next((str(index) for index, item in enumerate(roles) if item.get("id") == role), role)
