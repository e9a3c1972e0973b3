# configcli for images without Python: what a setup package asks about its cluster, out of configmeta.json.
#
# POSIX shell and awk. The commands configcli, ccli, bdvcli, bd_vcli and configmacro, by the name it is called by; it
# answers as the Python program does, but reads /etc/guestconfig/configmeta.json alone.
#
# GUEST_ROOT, empty in members, is put before all paths in tests.

# Bytes, not characters: awks differ in what a character is.
LC_ALL=C
export LC_ALL
program=${0##*/}
folder=${GUEST_ROOT-}/etc/guestconfig

usage='usage: configcli --get KEY | --version | --baseimg_version
       configcli --get_local_group_fqdns | --get_nodegroup_fqdns ID | --get_all_fqdns
       configmacro node --get_self_index | --get_self_id | --get_index FQDN | --get_id FQDN
       configmacro nodegroup --num_nodegroups | --get_local_group_fqdns | --get_nodegroup_fqdns ID | --get_all_fqdns'

wrong_usage() {
    printf '%s\n' "$usage" >&2
    exit 2
}

if [ "$#" -eq 1 ] && { [ "$1" = --help ] || [ "$1" = -h ]; }; then
    printf '%s\n' "$usage"
    exit 0
fi

topic=
if [ "$program" = configmacro ]; then
    [ "$#" -gt 0 ] || wrong_usage
    topic=$1
    shift
fi
[ "$#" -gt 0 ] || wrong_usage
option=$1
shift
argument=
given=
case $option in
--*=*)
    argument=${option#*=}
    option=${option%%=*}
    given=yes
    ;;
--get | -g | --get_nodegroup_fqdns | --get_index | --get_id)
    [ "$#" -gt 0 ] || wrong_usage
    argument=$1
    shift
    ;;
esac
[ "$#" -eq 0 ] || wrong_usage
case $option in
--get | -g | --get_nodegroup_fqdns | --get_index | --get_id) [ -n "$argument" ] || wrong_usage ;;
*) [ -z "$given" ] || wrong_usage ;;
esac

case $topic:$option in
:--version)
    echo 1.0
    exit 0
    ;;
:--baseimg_version)
    [ -r "$folder/base_img_version" ] || {
        echo "$program: $folder/base_img_version cannot be read" >&2
        exit 1
    }
    printf '%s\n' "$(cat "$folder/base_img_version")"
    exit 0
    ;;
:--get | :-g | :--get_local_group_fqdns | :--get_nodegroup_fqdns | :--get_all_fqdns) ;;
nodegroup:--get_local_group_fqdns | nodegroup:--get_nodegroup_fqdns | nodegroup:--get_all_fqdns) ;;
nodegroup:--num_nodegroups) ;;
node:--get_self_index | node:--get_self_id | node:--get_index | node:--get_id) ;;
*) wrong_usage ;;
esac

[ -r "$folder/configmeta.json" ] || {
    echo "$program: $folder/configmeta.json cannot be read" >&2
    exit 1
}

# The bytes from 128 on, since not every awk can make them.
bytes=$(
    number=128
    while [ "$number" -lt 256 ]; do
        printf "\\$(printf %o "$number")"
        number=$((number + 1))
    done
)
export program option argument bytes

exec awk '
# --- reading: nodes are numbers; kind is o, a, s (text still escaped) or l (a number, true, false, null)

BEGIN {
    RS = "\""
    inside = 0
    depth = nodes = root = 0
    reference = "bdvlibrefkey"
}

!inside { structure($0); inside = 1; part = ""; next }

{
    part = part $0
    if (escaped(part)) { part = part "\""; next }
    text_read(part)
    inside = 0
}

END {
    if (!root) fail("configmeta.json cannot be read")
    answer()
}

function escaped(text,    size_, back) {
    size_ = length(text)
    back = 0
    while (back < size_ && substr(text, size_ - back, 1) == "\\") back++
    return back % 2
}

function structure(text,    character) {
    while (match(text, /[^ \t\r\n]/)) {
        text = substr(text, RSTART)
        character = substr(text, 1, 1)
        if (character == "{" || character == "[") {
            depth++
            stack[depth] = made(character == "{" ? "o" : "a")
            awaits_key[depth] = character == "{"
        } else if (character == "}" || character == "]") {
            depth--
        } else if (character == ",") {
            awaits_key[depth] = kind[stack[depth]] == "o"
        } else if (character != ":") {
            match(text, /^[^][{},: \t\r\n]+/)
            literal[made("l")] = substr(text, 1, RLENGTH)
            text = substr(text, RLENGTH)
        }
        text = substr(text, 2)
    }
}

function text_read(text) {
    if (depth && awaits_key[depth]) {
        key[depth] = unescaped(text)
        awaits_key[depth] = 0
    } else literal[made("s")] = text
}

# A node of a kind, put where the document has it; the last of equal keys holds, in the place of the first.
function made(which,    node, parent, name) {
    node = ++nodes
    kind[node] = which
    count[node] = 0
    parent = depth ? stack[depth] : 0
    # A container is made after depth was raised for it.
    if (which == "o" || which == "a") parent = depth > 1 ? stack[depth - 1] : 0
    if (!parent) { root = node; return node }
    if (kind[parent] == "a") { child[parent, ++count[parent]] = node; return node }
    name = key[which == "o" || which == "a" ? depth - 1 : depth]
    if (!((parent, name) in under)) names[parent, ++count[parent]] = name
    under[parent, name] = node
    return node
}

# --- text

function unescaped(text,    parts, total, i, result, code, low) {
    if (!index(text, "\\")) return text
    total = split(text, parts, /\\/)
    result = parts[1]
    for (i = 2; i <= total; i++) {
        if (parts[i] == "") {
            result = result "\\"
            i++
            if (i <= total) result = result parts[i]
        } else if (substr(parts[i], 1, 1) != "u") {
            result = result plain(substr(parts[i], 1, 1)) substr(parts[i], 2)
        } else {
            code = hexadecimal(substr(parts[i], 2, 4))
            low = i < total && substr(parts[i + 1], 1, 1) == "u" ? hexadecimal(substr(parts[i + 1], 2, 4)) : 0
            if (code >= 55296 && code < 56320 && length(parts[i]) == 5 && low >= 56320 && low < 57344) {
                i++
                code = 65536 + (code - 55296) * 1024 + low - 56320
            }
            result = result utf8(code) substr(parts[i], 6)
        }
    }
    return result
}

function plain(character) {
    if (character == "n") return "\n"
    if (character == "t") return "\t"
    if (character == "r") return "\r"
    if (character == "b") return "\b"
    if (character == "f") return "\f"
    return character
}

function hexadecimal(digits,    i, value) {
    value = 0
    digits = tolower(digits)
    for (i = 1; i <= 4; i++) value = value * 16 + index("0123456789abcdef", substr(digits, i, 1)) - 1
    return value
}

function utf8(code) {
    if (code < 128) return sprintf("%c", code)
    if (code >= 55296 && code < 57344) return "?"
    if (code < 2048) return byte(192 + int(code / 64)) byte(128 + code % 64)
    if (code < 65536) return byte(224 + int(code / 4096)) byte(128 + int(code / 64) % 64) byte(128 + code % 64)
    return byte(240 + int(code / 262144)) byte(128 + int(code / 4096) % 64) byte(128 + int(code / 64) % 64) byte(128 + code % 64)
}

function byte(number) {
    return substr(ENVIRON["bytes"], number - 127, 1)
}

function text_of(node,    i, result) {
    if (kind[node] == "s") return unescaped(literal[node])
    if (kind[node] == "l") return literal[node] == "null" ? "" : literal[node]
    if (kind[node] == "o" || of_objects(node)) return keys_of(node)
    result = ""
    for (i = 1; i <= count[node]; i++) result = result (i > 1 ? "," : "") text_of(child[node, i])
    return result
}

function of_objects(node,    i) {
    if (kind[node] != "a" || !count[node]) return 0
    for (i = 1; i <= count[node]; i++) if (kind[child[node, i]] != "o") return 0
    return 1
}

function keys_of(node,    i, listed, result) {
    split("", listed)
    any = 0
    if (kind[node] == "o") return more_keys(node, "", listed)
    result = ""
    for (i = 1; i <= count[node]; i++) result = more_keys(child[node, i], result, listed)
    return result
}

# Append the names of an object that are not listed yet; `any` tells whether some are.
function more_keys(node, result, listed,    i, name) {
    for (i = 1; i <= count[node]; i++) {
        name = names[node, i]
        if (name in listed) continue
        result = result (any ? "," : "") name
        listed[name]
        any = 1
    }
    return result
}

# --- walking: one value is a list of nodes, here[1..size]; more than one are objects that count as merged

function spread(    i, node) {
    if (size != 1 || !of_objects(here[1])) return
    node = here[1]
    size = count[node]
    for (i = 1; i <= size; i++) here[i] = child[node, i]
}

# Step to what is under a name: of objects the deep merge, of anything else the last.
function step(name,    i, found, node, total) {
    total = 0
    for (i = 1; i <= size; i++) {
        if (kind[here[i]] != "o" || !((here[i], name) in under)) continue
        node = under[here[i], name]
        if (kind[node] != "o" || (total && kind[found[total]] != "o")) total = 0
        found[++total] = node
    }
    if (!total) return 0
    for (i = 1; i <= total; i++) here[i] = found[i]
    size = total
    return 1
}

function referred(    i, node) {
    node = 0
    for (i = 1; i <= size; i++) if (kind[here[i]] == "o" && (here[i], reference) in under) node = under[here[i], reference]
    return node && kind[node] == "a" ? node : 0
}

# Go to what is under the tokens, from the top; fails where there is nothing.
function go(wanted, tokens, total,    first, target, i, kept, hops) {
    here[1] = root
    size = 1
    first = 1
    hops = 0
    while (1) {
        spread()
        target = referred()
        if (target) {
            if (++hops > 64) fail("references of " wanted " lead nowhere")
            for (i = first; i <= total; i++) kept[i - first + 1] = tokens[i]
            total = total - first + 1
            for (i = total; i >= 1; i--) tokens[i + count[target]] = kept[i]
            for (i = 1; i <= count[target]; i++) tokens[i] = text_of(child[target, i])
            total += count[target]
            first = 1
            here[1] = root
            size = 1
        } else if (first > total) return
        else if (!step(tokens[first++])) fail("no such key: " wanted)
    }
}

function go_dotted(wanted,    tokens, total) {
    total = split(wanted, tokens, ".")
    go(wanted, tokens, total)
}

function shown(    i, listed, result) {
    if (size == 1) return text_of(here[1])
    split("", listed)
    any = 0
    result = ""
    for (i = 1; i <= size; i++) result = more_keys(here[i], result, listed)
    return result
}

# --- members

function value_at(wanted) {
    go_dotted(wanted)
    return shown()
}

# Gather the FQDNs of a group into all[1..total_names].
function group_fqdns(group,    tokens, i, j, role, list, roles, total) {
    tokens[1] = "nodegroups"
    tokens[2] = group
    tokens[3] = "roles"
    go("nodegroups." group ".roles", tokens, 3)
    total = size
    for (i = 1; i <= total; i++) roles[i] = here[i]
    for (j = 1; j <= total; j++)
        for (i = 1; i <= count[roles[j]]; i++) {
            role = under[roles[j], names[roles[j], i]]
            if ((role, "fqdns") in under) gather(under[role, "fqdns"])
        }
}

function gather(list,    i) {
    for (i = 1; i <= count[list]; i++) all[++total_names] = text_of(child[list, i])
}

function joined(    i, result) {
    result = ""
    for (i = 1; i <= total_names; i++) result = result (i > 1 ? "," : "") all[i]
    return result
}

function groups() {
    go_dotted("nodegroups")
    return here[1]
}

function all_fqdns(    top, i) {
    top = groups()
    for (i = 1; i <= count[top]; i++) group_fqdns(names[top, i])
}

function roles_of(top, i,    group) {
    group = under[top, names[top, i]]
    return (group, "roles") in under ? under[group, "roles"] : 0
}

function id_of(fqdn,    top, i, j, roles, role, map) {
    top = groups()
    for (i = 1; i <= count[top]; i++) {
        roles = roles_of(top, i)
        for (j = 1; roles && j <= count[roles]; j++) {
            role = under[roles, names[roles, j]]
            map = (role, "fqdn_mappings") in under ? under[role, "fqdn_mappings"] : 0
            if (map && (map, fqdn) in under) return text_of(under[map, fqdn])
        }
    }
    fail("no such member: " fqdn)
}

# The number of members before this one when all are sorted by the number that their ids end in, ties as listed.
function index_of(id,    top, i, j, roles, role, own, place, before) {
    top = groups()
    total_names = 0
    for (i = 1; i <= count[top]; i++) {
        roles = roles_of(top, i)
        for (j = 1; roles && j <= count[roles]; j++) {
            role = under[roles, names[roles, j]]
            if ((role, "node_ids") in under) gather(under[role, "node_ids"])
        }
    }
    place = 0
    for (i = total_names; i >= 1; i--) if (all[i] == id) place = i
    if (!place) fail("no such member: " id)
    own = trailing_number(id)
    before = 0
    for (i = 1; i <= total_names; i++)
        if (trailing_number(all[i]) < own || (trailing_number(all[i]) == own && i < place)) before++
    return before
}

function trailing_number(text) {
    return match(text, /[0-9]+$/) ? substr(text, RSTART) + 0 : -1
}

# --- what was asked for

function answer(    option, argument) {
    option = ENVIRON["option"]
    argument = ENVIRON["argument"]
    total_names = 0
    if (option == "--get" || option == "-g") print value_at(argument)
    else if (option == "--get_nodegroup_fqdns") { group_fqdns(argument); print joined() }
    else if (option == "--get_local_group_fqdns") { group_fqdns(value_at("node.nodegroup_id")); print joined() }
    else if (option == "--get_all_fqdns") { all_fqdns(); print joined() }
    else if (option == "--num_nodegroups") print count[groups()]
    else if (option == "--get_self_id") print value_at("node.id")
    else if (option == "--get_self_index") print index_of(value_at("node.id"))
    else if (option == "--get_id") print id_of(argument)
    else print index_of(id_of(argument))
}

function fail(why) {
    print ENVIRON["program"] ": " why | "cat 1>&2"
    close("cat 1>&2")
    exit 1
}
' "$folder/configmeta.json"
