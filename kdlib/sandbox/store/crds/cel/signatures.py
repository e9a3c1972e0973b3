"""What functions and operators take and give, of CEL itself and of the libraries that Kubernetes adds.

See https://kubernetes.io/docs/reference/using-api/cel/#cel-community-libraries and #kubernetes-cel-libraries.

Layer: pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from kdlib.sandbox.store.crds.cel.typesystem import Type

__all__ = ["TYPE_NAMES", "Signature", "signatures"]


@dataclass(frozen=True, slots=True)
class Signature:
    """One way to call a function; a method takes what it is called on first."""

    is_method: bool
    arguments: tuple[Type, ...]
    result: Type


TYPE_NAMES: Mapping[str, Type] = {
    name: Type("type", (Type(inner),))
    for name, inner in (
        *((name, name) for name in ("bool", "bytes", "double", "int", "string", "uint", "type", "list", "map")),
        ("null_type", "null"),
        ("net.IP", "net.IP"),
    )
}
"""Names that stand for types."""

_TABLE = """
!_(bool) bool
-_(int) int
-_(double) double
_==_(A, A) bool
_!=_(A, A) bool
_?_:_(bool, A, A) A
_&&_(bool, bool) bool
_||_(bool, bool) bool
@in(A, list(A)) bool
@in(A, map(A, B)) bool
_[_](list(A), int) A
_[_](map(A, B), A) B
_[_](optional_type(list(A)), int) optional_type(A)
_[_](optional_type(map(A, B)), A) optional_type(B)
_[?_](list(A), int) optional_type(A)
_[?_](map(A, B), A) optional_type(B)
_[?_](optional_type(list(A)), int) optional_type(A)
_[?_](optional_type(map(A, B)), A) optional_type(B)
_+_(bytes, bytes) bytes
_+_(double, double) double
_+_(duration, duration) duration
_+_(duration, timestamp) timestamp
_+_(timestamp, duration) timestamp
_+_(int, int) int
_+_(list(A), list(A)) list(A)
_+_(string, string) string
_+_(uint, uint) uint
_-_(double, double) double
_-_(duration, duration) duration
_-_(int, int) int
_-_(timestamp, duration) timestamp
_-_(timestamp, timestamp) duration
_-_(uint, uint) uint
_*_(double, double) double
_*_(int, int) int
_*_(uint, uint) uint
_/_(double, double) double
_/_(int, int) int
_/_(uint, uint) uint
_%_(int, int) int
_%_(uint, uint) uint
size(string) int
size(bytes) int
size(list(A)) int
size(map(A, B)) int
string.size() int
bytes.size() int
list(A).size() int
map(A, B).size() int
type(A) type(A)
dyn(A) dyn
bool(bool) bool
bool(string) bool
bytes(bytes) bytes
bytes(string) bytes
double(double) double
double(int) double
double(string) double
double(uint) double
duration(duration) duration
duration(string) duration
int(int) int
int(double) int
int(duration) int
int(string) int
int(timestamp) int
int(uint) int
string(string) string
string(bool) string
string(bytes) string
string(double) string
string(duration) string
string(int) string
string(timestamp) string
string(uint) string
timestamp(timestamp) timestamp
timestamp(string) timestamp
timestamp(int) timestamp
uint(uint) uint
uint(double) uint
uint(int) uint
uint(string) uint
string.contains(string) bool
string.endsWith(string) bool
string.startsWith(string) bool
string.matches(string) bool
matches(string, string) bool
duration.getHours() int
duration.getMilliseconds() int
duration.getMinutes() int
duration.getSeconds() int
string.charAt(int) string
string.indexOf(string) int
string.indexOf(string, int) int
string.lastIndexOf(string) int
string.lastIndexOf(string, int) int
string.lowerAscii() string
string.upperAscii() string
string.replace(string, string) string
string.replace(string, string, int) string
string.split(string) list(string)
string.split(string, int) list(string)
string.substring(int) string
string.substring(int, int) string
string.trim() string
list(string).join() string
list(string).join(string) string
string.format(list(dyn)) string
strings.quote(string) string
string.find(string) string
string.findAll(string) list(string)
string.findAll(string, int) list(string)
list(A).indexOf(A) int
list(A).lastIndexOf(A) int
list(int).sum() int
list(uint).sum() uint
list(double).sum() double
list(duration).sum() duration
sets.contains(list(A), list(A)) bool
sets.equivalent(list(A), list(A)) bool
sets.intersects(list(A), list(A)) bool
list(A).slice(int, int) list(A)
list(list(A)).flatten() list(A)
list(dyn).flatten(int) list(dyn)
list(A).distinct() list(A)
list(A).reverse() list(A)
list(A).first() optional_type(A)
list(A).last() optional_type(A)
lists.range(int) list(int)
optional.of(A) optional_type(A)
optional.ofNonZeroValue(A) optional_type(A)
optional.none() optional_type(A)
optional_type(A).hasValue() bool
optional_type(A).value() A
optional_type(A).or(optional_type(A)) optional_type(A)
optional_type(A).orValue(A) A
isURL(string) bool
url(string) kubernetes.URL
kubernetes.URL.getScheme() string
kubernetes.URL.getHost() string
kubernetes.URL.getHostname() string
kubernetes.URL.getPort() string
kubernetes.URL.getEscapedPath() string
kubernetes.URL.getQuery() map(string, list(string))
isQuantity(string) bool
quantity(string) kubernetes.Quantity
kubernetes.Quantity.add(kubernetes.Quantity) kubernetes.Quantity
kubernetes.Quantity.add(int) kubernetes.Quantity
kubernetes.Quantity.sub(kubernetes.Quantity) kubernetes.Quantity
kubernetes.Quantity.sub(int) kubernetes.Quantity
kubernetes.Quantity.isLessThan(kubernetes.Quantity) bool
kubernetes.Quantity.isGreaterThan(kubernetes.Quantity) bool
kubernetes.Quantity.compareTo(kubernetes.Quantity) int
kubernetes.Quantity.asInteger() int
kubernetes.Quantity.asApproximateFloat() double
kubernetes.Quantity.isInteger() bool
sign(kubernetes.Quantity) int
isIP(string) bool
ip(string) net.IP
ip.isCanonical(string) bool
string(net.IP) string
net.IP.family() int
net.IP.isUnspecified() bool
net.IP.isLoopback() bool
net.IP.isLinkLocalMulticast() bool
net.IP.isLinkLocalUnicast() bool
net.IP.isGlobalUnicast() bool
isCIDR(string) bool
cidr(string) net.CIDR
string(net.CIDR) string
net.CIDR.containsIP(string) bool
net.CIDR.containsIP(net.IP) bool
net.CIDR.containsCIDR(string) bool
net.CIDR.containsCIDR(net.CIDR) bool
net.CIDR.ip() net.IP
net.CIDR.masked() net.CIDR
net.CIDR.prefixLength() int
"""
_ORDERED = ("int", "uint", "double", "bool", "string", "bytes", "duration", "timestamp")

_NUMBERS = ("double", "int", "uint")
_CALENDAR = (
    "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear", "getFullYear", "getHours", "getMilliseconds",
    "getMinutes", "getMonth", "getSeconds",
)  # fmt: skip


def _lines() -> list[str]:
    lines = [line for line in _TABLE.splitlines() if line]
    for sign in ("<", "<=", ">", ">="):
        lines += [f"_{sign}_({name}, {name}) bool" for name in _ORDERED]
        lines += [f"_{sign}_({one}, {other}) bool" for one in _NUMBERS for other in _NUMBERS if one != other]
    for name in _ORDERED:
        lines += [f"list({name}).isSorted() bool", f"list({name}).min() {name}", f"list({name}).max() {name}"]
        lines.append(f"list({name}).sort() list({name})")
    for name in _CALENDAR:
        lines += [f"timestamp.{name}() int", f"timestamp.{name}(string) int"]
    return lines


_NAMESPACES = ("sets.", "lists.", "optional.", "ip.", "strings.")


@cache
def signatures() -> Mapping[str, tuple[Signature, ...]]:
    """Return the ways to call each function, by its name; operators have names such as `_+_`."""
    found: dict[str, list[Signature]] = {}
    for line in _lines():
        name, signature = _signature(line)
        found.setdefault(name, []).append(signature)
    return {name: tuple(ways) for name, ways in found.items()}


def _signature(line: str) -> tuple[str, Signature]:
    call, result = _split_result(line)
    head, arguments = _split_arguments(call)
    is_plain = head.startswith((*_NAMESPACES, "_", "!", "-", "@"))
    target, _, name = ("", "", head) if is_plain else head.rpartition(".")
    types = tuple(map(_type, _commas(arguments)))
    if target:
        types = (_type(target), *types)
    return name, Signature(bool(target), types, _type(result))


def _split_result(line: str) -> tuple[str, str]:
    """Divide a line at the blank behind the bracket that ends the call."""
    depth = 0
    end = 0
    for index, sign in enumerate(line):
        depth += (sign == "(") - (sign == ")")
        if sign == " " and depth == 0:
            end = index
            break
    return line[:end], line[end + 1 :]


def _split_arguments(call: str) -> tuple[str, str]:
    """Divide a call at the bracket that opens its arguments."""
    depth = 0
    for index in range(len(call) - 1, -1, -1):
        depth += (call[index] == ")") - (call[index] == "(")
        if depth == 0 and call[index] == "(":
            return call[:index], call[index + 1 : -1]
    return call, ""


def _commas(text: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for index, sign in enumerate(text):
        depth += (sign == "(") - (sign == ")")
        if sign == "," and depth == 0:
            parts.append(text[start:index].strip())
            start = index + 1
    return [*parts, text[start:].strip()] if text else []


def _type(text: str) -> Type:
    if not text.endswith(")"):
        return Type(text)
    name, _, inner = text.partition("(")
    return Type(name, tuple(map(_type, _commas(inner[:-1]))))
