"""What a person can do about members in trouble, in words that name the field and the command.

Layer: pure.
"""

from collections.abc import Mapping
from types import MappingProxyType

from kdlib.frozen import Json, dig
from kdlib.model import CONFIG_NAME, MemberStatus, MemberTrouble, RoleStatus, Seen
from kdlib.wire import KD_APP

__all__ = ["after_failure", "against_trouble", "against_unread", "package_field", "retry", "to_go_on"]

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


def to_go_on(seen: Seen) -> str:
    """Say how an upgrade that was stopped goes back, or on."""
    back = "to go back, set the fields of the spec to what they were"
    return f"{back}; to go on, correct them, or mend what failed, then {retry(seen)}"


def against_trouble(seen: Seen, role: RoleStatus, member: MemberStatus) -> str:
    """Say what to do about what keeps a member's pod from running."""
    namespace = dig(seen.root, "metadata", "namespace", default="")
    match member.state_detail.trouble:
        case MemberTrouble.IMAGE_NOT_PULLED if role.was_set_up:
            field = f"{_in_spec(seen, role)}.imageRepoTag"
            return f"make the image available, or name another one in {field}, and it goes on by itself"
        case MemberTrouble.IMAGE_NOT_PULLED:
            field = f"{_field(seen, role.id, 'imageRepoTag')} of app {_app(seen)!r}"
            return f"make the image available, or correct {field}, and it goes on by itself"
        case MemberTrouble.CONTAINER_NOT_MADE:
            return _made_or_corrected(seen, role, "make what it lacks", "what names it")
        case MemberTrouble.CONTAINER_ENDS:
            return f"see why with kubectl logs {member.pod} -n {namespace} --previous; it is started again by itself"
        case MemberTrouble.NODE_LOST:
            return _for_lost_node(seen, member, namespace)
        case MemberTrouble.POD_REFUSED:
            allowed = "have it allowed in the namespace: its quota, limits, policy"
            return _made_or_corrected(seen, role, allowed, "what it asks for")
        case MemberTrouble.CLAIM_UNBOUND:
            claim, other = member.pvc or "of the pod", _made_anew(seen, role, "its storage")
            return f"see kubectl describe pvc {claim} -n {namespace}; make a volume, or {other}"
        case _:
            return f"make room, or correct its resources in {_in_spec(seen, role)}, and it goes on by itself"


def against_unread(named: str) -> str:
    """Say which secret keys nothing decrypts, and what to do; all others reach the members."""
    remedy = "write them anew, as value; or have your administrator put their key into formerEncryptionKeys"
    return f"no encryption key of KubeDirectorConfig {CONFIG_NAME!r} decrypts {named}: {remedy}"


def _for_lost_node(seen: Seen, member: MemberStatus, namespace: str) -> str:
    """Say what brings a member back whose node does not answer: by itself, where the cluster's policy says so."""
    policy = dig(seen.root, "spec", "deadNodes", default={})
    if policy.get("action") == "Replace":
        return f"it is replaced {policy.get('afterSeconds', 300)} s after it should have ended; or bring the node back"
    force = f"kubectl delete pod {member.pod} -n {namespace} --grace-period=0 --force"
    return f"bring the node back; or, once it is certain that it is off: {force}"


def _made_or_corrected(seen: Seen, role: RoleStatus, made: str, wrong: str) -> str:
    """Say that what is missing is made, or what is wrong corrected, which a role that never was set up takes."""
    if role.was_set_up:
        return f"{made}, and it goes on by itself; or {_made_anew(seen, role, wrong)}"
    return f"{made}, or correct {wrong} in {_in_spec(seen, role)}, and it goes on by itself"


def _made_anew(seen: Seen, role: RoleStatus, wrong: str) -> str:
    """Say how what a role keeps as long as it has members is corrected (CL-V-43)."""
    cardinality = str(_app_role(_app_spec(seen), role.id).get("cardinality") or "0")
    if cardinality.rstrip("+") != "0":
        return f"delete the cluster, and make it anew with {wrong} in {_in_spec(seen, role)} corrected"
    return f"set {_in_spec(seen, role)}.members to 0, correct {wrong}, and set it back"


def _in_spec(seen: Seen, role: RoleStatus) -> str:
    return f"spec.roles[{_index(seen, role.id)}]"


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
