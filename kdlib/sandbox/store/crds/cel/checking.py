"""Checking an expression against the types of what it names, in the words of the reference server.

Layer: pure.
"""

from kdlib.sandbox.store.crds.cel.scope import Problem, Scope
from kdlib.sandbox.store.crds.cel.signatures import Signature, signatures
from kdlib.sandbox.store.crds.cel.tree import Call, Index, Lists, Literal, Loop, Maps, Name, Node, Select
from kdlib.sandbox.store.crds.cel.typesystem import BOOL, DYN, ERROR, Type, Unifier, escaped

__all__ = ["Checker", "is_namespaced", "qualified"]

_INT = Type("int")
_MISSING = frozenset({"format", "isSemver", "semver"})
"""Functions of Kubernetes that are not here."""


def qualified(node: Node) -> str:
    """Return the dotted name that a chain of fields spells; empty where the node is none."""
    match node:
        case Name():
            return node.name
        case Select() if not node.is_test and not node.is_optional:
            inner = qualified(node.operand)
            return f"{inner}.{node.field}" if inner else ""
        case _:
            return ""


def is_namespaced(node: Call) -> bool:
    """Tell whether what looks like a method is a function of a library (`sets.contains`)."""
    return node.target is not None and f"{qualified(node.target)}.{node.function}" in signatures()


class Checker:
    """Finds the type of each part of an expression; `problems` is what is wrong, `type_of` tells the types found."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self._types: dict[int, Type] = {}
        self._unifier = Unifier()
        self._count = 0

    def type_of(self, node: Node) -> Type:
        """Return the type of a part that was checked; `dyn` for one that is not known."""
        found = self._types.get(id(node), DYN)
        known = self._unifier.known(found, closed=True)
        # A list that came through unchanged still knows how it compares.
        return found if found == known else known

    def check(self, node: Node, scope: Scope) -> Type:
        """Find the types of a node and of its parts, and return its own."""
        found = self._find(node, scope)
        self._types[id(node)] = found
        return found

    def _find(self, node: Node, scope: Scope) -> Type:
        match node:
            case Literal():
                return Type(node.kind)
            case Name():
                return scope.find(node.name) or self._undeclared(node.name, node.at)
            case Select():
                return self._select(node, scope)
            case Call():
                return self._call(node, scope)
            case Loop():
                return self._loop(node, scope)
            case Index() | Lists() | Maps():
                return self._contained(node, scope)

    def _contained(self, node: Index | Lists | Maps, scope: Scope) -> Type:
        match node:
            case Index():
                function = "_[?_]" if node.is_optional else "_[_]"
                types = (self.check(node.operand, scope), self.check(node.key, scope))
                return self._resolved(function, types, node.at, is_method=False)
            case Lists():
                items = [self._item(item, scope, is_optional=at in node.optional) for at, item in enumerate(node.items)]
                return Type("list", (self._joined(items),))
            case Maps():
                keys = self._joined([self.check(key, scope) for key, _ in node.entries])
                values = [
                    self._item(value, scope, is_optional=at in node.optional)
                    for at, (_, value) in enumerate(node.entries)
                ]
                return Type("map", (keys, self._joined(values)))

    # --- fields -----------------------------------------------------------------------------------------------------

    def _select(self, node: Select, scope: Scope) -> Type:
        operand = self._known(self.check(node.operand, scope))
        is_wrapped = operand.name == "optional_type"
        found = self._field(self._known(operand.parameters[0]) if is_wrapped else operand, node)
        if node.is_test:
            return BOOL
        return Type("optional_type", (found,)) if node.is_optional or is_wrapped else found

    def _field(self, operand: Type, node: Select) -> Type:
        if operand.is_open or operand.is_variable:
            return DYN
        if operand.name == "map":
            return operand.parameters[1]
        if not operand.is_object:
            return self._wrong(f"type '{self._named(operand)}' does not support field selection", node.at)
        found = operand.fields.get(node.field) or operand.fields.get(escaped(node.field) or "")
        return found or self._wrong(f"undefined field '{node.field}'", node.at)

    # --- calls ------------------------------------------------------------------------------------------------------

    def _call(self, node: Call, scope: Scope) -> Type:
        if node.function in {"_&&_", "_||_"}:
            for argument in node.arguments:
                self._expect_bool(argument, scope)
            return BOOL
        if is_namespaced(node) and node.target is not None:
            types = tuple(self.check(argument, scope) for argument in node.arguments)
            return self._resolved(f"{qualified(node.target)}.{node.function}", types, node.at, is_method=False)
        parts = node.arguments if node.target is None else (node.target, *node.arguments)
        types = tuple(self.check(part, scope) for part in parts)
        if node.function == "_+_":
            return self._sum(types, node)
        return self._resolved(node.function, types, node.at, is_method=node.target is not None)

    def _sum(self, types: tuple[Type, ...], node: Call) -> Type:
        """Return the type of a sum; one of lists adds up as its first list does."""
        found = self._resolved("_+_", types, node.at, is_method=False)
        first = types[0]
        is_list = first.name == found.name == "list"
        return Type("list", found.parameters, list_type=first.list_type, keys=first.keys) if is_list else found

    def _resolved(self, function: str, types: tuple[Type, ...], at: int, *, is_method: bool) -> Type:
        ways = signatures().get(function)
        if not ways:
            return self._undeclared(function, at)
        result: Type | None = None
        for way in map(self._fresh, ways):
            if way.is_method != is_method or not self._unifier.all_fit(types, way.arguments):
                continue
            given = self._known(way.result)
            result = given if result is None or result == given else DYN
        if result is not None:
            return result
        names = [self._named(type_) for type_ in types]
        shown = f"{names[0]}.({', '.join(names[1:])})" if is_method else f"({', '.join(names)})"
        return self._wrong(f"found no matching overload for '{function}' applied to '{shown}'", at)

    def _fresh(self, way: Signature) -> Signature:
        """Return a signature whose variables are its own."""
        self._count += 1
        return Signature(way.is_method, tuple(self._renamed(one) for one in way.arguments), self._renamed(way.result))

    def _renamed(self, type_: Type) -> Type:
        if type_.is_variable:
            return Type(f"{type_.name}{self._count}")
        return Type(type_.name, tuple(map(self._renamed, type_.parameters))) if type_.parameters else type_

    # --- containers -------------------------------------------------------------------------------------------------

    def _item(self, node: Node, scope: Scope, *, is_optional: bool) -> Type:
        found = self._known(self.check(node, scope))
        if not is_optional or found.is_open:
            return found
        if found.name == "optional_type":
            return found.parameters[0]
        return self._wrong(f"expected type 'optional_type({found})' but found '{found}'", node.at)

    def _joined(self, types: list[Type]) -> Type:
        """Return the type of items: the one that all share, else `dyn`."""
        if not types:
            self._count += 1
            return Type(f"E{self._count}")
        first = types[0]
        for other in types[1:]:
            if not self._unifier.all_fit((other,), (first,)):
                return DYN
            if other.is_open:
                first = other
        return first

    # --- macros -----------------------------------------------------------------------------------------------------

    def _loop(self, node: Loop, scope: Scope) -> Type:
        if node.macro in {"optMap", "optFlatMap"}:
            return self._inside_optional(node, scope)
        over = self._known(self.check(node.over, scope))
        types = self._variables(over, node)
        inner = scope.within(node.names, types)
        if node.macro in {"all", "exists"}:
            self._expect_bool(node.bodies[0], inner)
            return BOOL
        parts = [self.check(part, inner) for part in node.bodies]
        result = self._result(node, over, types, parts[-1])
        if len(parts) == 2 or node.macro in {"filter", "exists_one", "existsOne"}:
            self._resolved("_?_:_", (parts[0], result, result), node.at, is_method=False)
        return BOOL if node.macro.startswith("exists") else result

    def _result(self, node: Loop, over: Type, types: tuple[Type, ...], last: Type) -> Type:
        """Return the type that a macro gathers: for a count, that of the count."""
        match node.macro:
            case "exists_one" | "existsOne":
                return _INT
            case "filter" | "sortBy":
                return Type("list", types)
            case "transformMapEntry":
                return last
            case "transformMap":
                key = over.parameters[0] if over.name == "map" else _INT if over.name == "list" else DYN
                return Type("map", (key, last))
            case _:
                return Type("list", (last,))

    def _variables(self, over: Type, node: Loop) -> tuple[Type, ...]:
        is_double = len(node.names) == 2
        if over.name == "list":
            return (_INT, over.parameters[0]) if is_double else over.parameters
        if over.name == "map":
            return over.parameters if is_double else over.parameters[:1]
        if not (over.is_open or over.is_variable):
            what = f"expression of type '{self._named(over)}' cannot be range of a comprehension"
            self._wrong(f"{what} (must be list, map, or dynamic)", node.over.at)
            return (ERROR,) * len(node.names)
        return (DYN,) * len(node.names)

    def _inside_optional(self, node: Loop, scope: Scope) -> Type:
        over = self.check(node.over, scope)
        self._resolved("hasValue", (over,), node.at, is_method=True)
        held = self._resolved("value", (over,), node.at, is_method=True)
        found = self.check(node.bodies[0], scope.within(node.names, (held,)))
        return found if node.macro == "optFlatMap" else Type("optional_type", (found,))

    # --- inside -----------------------------------------------------------------------------------------------------

    def _expect_bool(self, node: Node, scope: Scope) -> None:
        found = self.check(node, scope)
        if not self._unifier.all_fit((found,), (BOOL,)):
            self._wrong(f"expected type 'bool' but found '{self._named(found)}'", node.at)

    def _known(self, type_: Type) -> Type:
        found = self._unifier.known(type_)
        return type_ if found == type_ else found

    def _named(self, type_: Type) -> str:
        return str(self._unifier.known(type_, closed=True))

    def _undeclared(self, name: str, at: int) -> Type:
        what = f"undeclared reference to '{name}' (in container '')"
        return self._wrong(f"{what}; Kubernetes has it, this server has not" if name in _MISSING else what, at)

    def _wrong(self, what: str, at: int) -> Type:
        self.problems.append(Problem(what, at))
        return ERROR
