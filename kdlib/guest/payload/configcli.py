# configcli: what a setup package asks about its cluster, out of /etc/guestconfig/configmeta.json.
#
# One file for Python 2.7 and 3, standard library only: the commands configcli, ccli, bdvcli, bd_vcli and configmacro
# (by the name it is called by), and the module `configcli`:
#
#     from configcli import ConfigCli
#     namespace = ConfigCli(shell=False).getCommandObject("namespace")
#     namespace.getWithTokens(["node", "fqdn"])
#
# GUEST_ROOT, empty in members, is put before all paths in tests.
from __future__ import print_function

import io
import json
import os
import sys
import time
from collections import OrderedDict

__all__ = ["ConfigCli", "ConfigMacro", "Namespace"]

VERSION = "1.0"
REFERENCE = "bdvlibrefkey"
MOST_REFERENCES = 64
TEXT = type(u"")


def path_of(*names):
    return os.environ.get("GUEST_ROOT", "") + "/" + "/".join(names)


def load(**options):
    """Read configmeta.json; for root, what lies beside it is merged over it."""
    found = read_json(path_of("etc/guestconfig/configmeta.json"), **options)
    if os.geteuid() == 0:
        for name in (".platform.json", ".priv_configmeta.json"):
            extra = path_of("etc/guestconfig", name)
            if os.path.exists(extra):
                found = merged(found, read_json(extra, **options))
    return found


def read_json(path, **options):
    with io.open(path, encoding="utf-8") as source:
        return json.loads(source.read(), object_pairs_hook=OrderedDict, **options)


def merged(first, second):
    """Put the second object over the first, deeply; what is no object in both is replaced."""
    result = OrderedDict(first)
    for key, value in second.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if both else value
    return result


def as_object(value):
    """Return the object that a value is, or that a list of objects counts as; None for any other value."""
    if isinstance(value, dict):
        return value
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        result = OrderedDict()
        for item in value:
            result = merged(result, item)
        return result
    return None


class Missing(Exception):
    """There is nothing under a key."""


class Namespace(object):
    """Looks things up in configmeta."""

    def __init__(self, document=None):
        self._document = load() if document is None else document

    def find(self, tokens):
        """Return what is under the keys, following references; raises Missing."""
        found, _ = self._walk(tokens)
        return found

    def _walk(self, tokens):
        """Return what is under the keys, and the keys by which it is reached without references."""
        here, passed, left, references = self._document, [], list(tokens), 0
        while True:
            known = as_object(here)
            target = known.get(REFERENCE) if known is not None else None
            if isinstance(target, list):
                references += 1
                if references > MOST_REFERENCES:
                    raise Missing("references of %s lead nowhere" % ".".join(tokens))
                here, passed, left = self._document, [], [TEXT(token) for token in target] + left
            elif not left:
                return here, passed
            elif known is None or left[0] not in known:
                raise Missing("no such key: %s" % ".".join(tokens))
            else:
                here = known[left[0]]
                passed.append(left.pop(0))

    def getWithTokens(self, tokens):  # noqa: N802
        """Return the value under a list of keys: an object's keys for an object, None for nothing."""
        try:
            found = self.find(tokens)
        except Missing as error:
            log(str(error))
            return None
        known = as_object(found)
        return list(known) if known is not None else found

    def getValue(self, key):  # noqa: N802
        """Return the value under a dotted key."""
        return self.getWithTokens(key.split("."))

    def searchForToken(self, start, name):  # noqa: N802
        """Return the lists of keys under which `name` is found below the list of keys `start`."""
        try:
            top, passed = self._walk(start)
        except Missing as error:
            log(str(error))
            return []
        return list(searched(top, passed, name))

    def getLocalGroupHosts(self):  # noqa: N802
        """Return the FQDNs of the members of this member's node group."""
        return self.getNodeGroupFQDN(self.find(["node", "nodegroup_id"]))

    def getNodeGroupFQDN(self, group):  # noqa: N802
        """Return the FQDNs of the members of a node group, role by role."""
        roles = self.find(["nodegroups", TEXT(group), "roles"])
        return [name for role in roles.values() for name in role.get("fqdns") or []]

    def getClusterHostsFQDN(self):  # noqa: N802
        """Return the FQDNs of all members."""
        return [name for group in self.find(["nodegroups"]) for name in self.getNodeGroupFQDN(group)]

    getLocalGroupFQDN = getLocalGroupHosts  # noqa: N815


def searched(value, passed, name):
    if isinstance(value, dict):
        for key, item in value.items():
            if key == name:
                yield passed + [key]
            for found in searched(item, passed + [key], name):
                yield found


class ConfigMacro(object):
    """Numbers members and node groups."""

    def __init__(self, namespace=None):
        self.namespace = namespace or Namespace()

    def _ids(self):
        """Return the ids of all members, sorted by the number that they end in."""
        groups = self.namespace.find(["nodegroups"])
        roles = [role for group in groups.values() for role in (group.get("roles") or {}).values()]
        return sorted((TEXT(item) for role in roles for item in role.get("node_ids") or []), key=trailing_number)

    def id_of(self, fqdn):
        """Return the id of the member of this FQDN; raises Missing."""
        for group in self.namespace.find(["nodegroups"]).values():
            for role in (group.get("roles") or {}).values():
                known = role.get("fqdn_mappings") or {}
                if fqdn in known:
                    return TEXT(known[fqdn])
        raise Missing("no such member: %s" % fqdn)

    def index_of(self, member_id):
        """Return the place of a member in the list of all members, from 0; raises Missing."""
        ids = self._ids()
        if member_id not in ids:
            raise Missing("no such member: %s" % member_id)
        return ids.index(member_id)

    getNodeIndexFromFqdn = lambda self, fqdn: TEXT(self.index_of(self.id_of(fqdn)))  # noqa: E731, N815
    getNodeIndexSelf = lambda self: TEXT(self.index_of(TEXT(self.namespace.find(["node", "id"]))))  # noqa: E731, N815


def trailing_number(text):
    digits = text[len(text.rstrip("0123456789")):]
    return int(digits) if digits else -1


class ConfigCli(object):
    """The library's way in."""

    def __init__(self, shell=False):
        self.shell = shell

    def getCommandObject(self, name):  # noqa: N802
        """Return the object behind a command: `namespace` or `macro`."""
        return {"namespace": Namespace, "macro": ConfigMacro}[name]()


def text_of(value):
    """Return a value as it is printed."""
    known = as_object(value)
    if known is not None:
        return u",".join(known)
    if isinstance(value, list):
        return u",".join(text_of(item) for item in value)
    if value is None:
        return u""
    if value is True or value is False:
        return u"true" if value else u"false"
    return TEXT(value)


def log(message):
    """Write a line to the log, where that can be done."""
    try:
        folder = path_of("var/log/guestconfig/configcli")
        if not os.path.isdir(folder):
            os.makedirs(folder)
        with io.open(os.path.join(folder, "configcli.log"), "a", encoding="utf-8") as target:
            target.write(u"%s %s\n" % (time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), message))
    except (IOError, OSError):
        pass


def base_image_version():
    with io.open(path_of("etc/guestconfig/base_img_version"), encoding="utf-8") as source:
        return source.read().strip()


def configcli(namespace, option, argument):
    """Answer one option of configcli; raises KeyError for one that there is not."""
    if option in ("--get", "-g"):
        return text_of(namespace().find(argument.split(u".")))
    if option == "--get_nodegroup_fqdns":
        return text_of(namespace().getNodeGroupFQDN(argument))
    return {
        "--version": lambda: VERSION,
        "--baseimg_version": base_image_version,
        "--get_local_group_fqdns": lambda: text_of(namespace().getLocalGroupHosts()),
        "--get_all_fqdns": lambda: text_of(namespace().getClusterHostsFQDN()),
    }[option]()


def configmacro(namespace, topic, option, argument):
    """Answer one option of configmacro; raises KeyError for one that there is not."""
    macro = ConfigMacro(namespace())
    if topic == "nodegroup":
        if option == "--num_nodegroups":
            return TEXT(len(macro.namespace.find(["nodegroups"])))
        if option in ("--get_local_group_fqdns", "--get_nodegroup_fqdns", "--get_all_fqdns"):
            return configcli(lambda: macro.namespace, option, argument)
        raise KeyError(option)
    own = TEXT(macro.namespace.find(["node", "id"]))
    return {
        "--get_self_index": lambda: TEXT(macro.index_of(own)),
        "--get_self_id": lambda: own,
        "--get_index": lambda: TEXT(macro.index_of(macro.id_of(argument))),
        "--get_id": lambda: macro.id_of(argument),
    }[option]()


USAGE = """usage: configcli --get KEY | --version | --baseimg_version
       configcli --get_local_group_fqdns | --get_nodegroup_fqdns ID | --get_all_fqdns
       configmacro node --get_self_index | --get_self_id | --get_index FQDN | --get_id FQDN
       configmacro nodegroup --num_nodegroups | --get_local_group_fqdns | --get_nodegroup_fqdns ID | --get_all_fqdns
"""

WITH_ARGUMENT = ("--get", "-g", "--get_nodegroup_fqdns", "--get_index", "--get_id")


def asked(words):
    """Split a command line into option and argument; `--option=argument` is understood too."""
    option, equals, argument = words[0].partition("=") if words else ("", "", "")
    rest = words[1:]
    if not equals and option in WITH_ARGUMENT:
        argument, rest = (rest[0], rest[1:]) if rest else (None, [])
    if rest or argument is None or bool(argument or equals) != (option in WITH_ARGUMENT):
        raise KeyError(option)
    return option, argument


def answer(program, words):
    """Answer a command line with text; raises KeyError where it cannot be understood, Missing for nothing found."""
    # Numbers are printed as they are written.
    namespace = lambda: Namespace(load(parse_int=TEXT, parse_float=TEXT, parse_constant=TEXT))  # noqa: E731
    if program == "configmacro":
        if not words or words[0] not in ("node", "nodegroup"):
            raise KeyError("")
        option, argument = asked(words[1:])
        return configmacro(namespace, words[0], option, argument)
    option, argument = asked(words)
    return configcli(namespace, option, argument)


def main(arguments):
    program, words = os.path.basename(arguments[0]), arguments[1:]
    if sys.version_info[0] == 2:
        words = [word.decode("utf-8", "replace") for word in words]
    output = getattr(sys.stdout, "buffer", sys.stdout)
    if words in (["-h"], ["--help"]):
        output.write(USAGE.encode("ascii"))
        return 0
    try:
        found = answer(program, words)
    except KeyError:
        sys.stderr.write(USAGE)
        return 2
    except (Missing, IOError, OSError, ValueError) as error:
        log(u"%s" % error)
        sys.stderr.write("%s: %s\n" % (program, error))
        return 1
    output.write(found.encode("utf-8", "replace") + b"\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
