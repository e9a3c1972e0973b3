"""What a kubelet writes for a pod: its host name, /etc/hosts and /etc/resolv.conf.

Source: https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/.

Layer: pure.
"""

from kdlib.frozen import Json

__all__ = ["CLUSTER_DOMAIN", "full_name", "host_name", "hosts_file", "resolver_file"]

CLUSTER_DOMAIN = "cluster.local"

_HOSTS = """\
# Kubernetes-managed hosts file.
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
fe00::0\tip6-mcastprefix
fe00::1\tip6-allnodes
fe00::2\tip6-allrouters
"""
_LONGEST_NAME = 63


def host_name(pod: Json) -> str:
    """Return the pod's host name: its own field, or the pod's name, cut to what the kernel takes."""
    if pod["spec"].get("setHostnameAsFQDN") and full_name(pod):
        return full_name(pod)
    name: str = pod["spec"].get("hostname") or pod["metadata"]["name"]
    return name[:_LONGEST_NAME].rstrip("-.")


def full_name(pod: Json) -> str:
    """Return the name that DNS gives a pod with a subdomain; empty for one without."""
    subdomain = pod["spec"].get("subdomain")
    if not subdomain:
        return ""
    name = pod["spec"].get("hostname") or pod["metadata"]["name"]
    return f"{name}.{subdomain}.{pod['metadata']['namespace']}.svc.{CLUSTER_DOMAIN}"


def hosts_file(pod: Json, address: str) -> str:
    """Return /etc/hosts of a pod with this address."""
    name = host_name(pod).partition(".")[0]
    names = "\t".join(each for each in (full_name(pod), name) if each)
    text = f"{_HOSTS}{address}\t{names}\n"
    aliases = pod["spec"].get("hostAliases") or []
    if aliases:
        text += "\n# Entries added by HostAliases.\n"
        text += "".join(f"{each['ip']}\t{chr(9).join(each.get('hostnames') or [])}\n" for each in aliases)
    return text


def resolver_file(pod: Json, name_server: str) -> str:
    """Return /etc/resolv.conf of a pod, by its DNS policy and configuration."""
    servers, searches, options = _by_policy(pod, name_server)
    configuration = pod["spec"].get("dnsConfig") or {}
    servers += configuration.get("nameservers") or []
    searches += configuration.get("searches") or []
    options |= {each["name"]: each.get("value") or "" for each in configuration.get("options") or ()}
    lines = [f"search {' '.join(dict.fromkeys(searches))}"] if searches else []
    lines += [f"nameserver {each}" for each in dict.fromkeys(servers)]
    lines += ["options " + " ".join(map(_option, options.items()))] if options else []
    return "\n".join(lines) + "\n"


def _option(option: tuple[str, str]) -> str:
    name, value = option
    return f"{name}:{value}" if value else name


def _by_policy(pod: Json, name_server: str) -> tuple[list[str], list[str], dict[str, str]]:
    match pod["spec"].get("dnsPolicy"):
        case "None":
            return [], [], {}
        case "Default":
            return [name_server], [], {}
        case _:
            namespace = pod["metadata"]["namespace"]
            searches = [f"{namespace}.svc.{CLUSTER_DOMAIN}", f"svc.{CLUSTER_DOMAIN}", CLUSTER_DOMAIN]
            return [name_server], searches, {"ndots": "5"}
