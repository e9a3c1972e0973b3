"""Writing a checked expression in the words that the evaluating library knows.

The library has CEL's core. What Kubernetes adds to it becomes calls of functions of ours, named `k_...`; macros of two
variables become macros of one, and what reaches into optionals becomes calls.

Layer: pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from kdlib.sandbox.store.crds.cel.checking import Checker, is_namespaced, qualified
from kdlib.sandbox.store.crds.cel.tree import Call, Index, Lists, Literal, Loop, Maps, Name, Node, Select
from kdlib.sandbox.store.crds.cel.typesystem import Type, escaped

__all__ = ["PREFIX", "Writer"]

PREFIX = "k_"
_KNOWN = frozenset(
    {
        "bytes", "contains", "duration", "endsWith", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear",
        "getFullYear", "getHours", "getMilliseconds", "getMinutes", "getMonth", "getSeconds", "hasValue", "matches",
        "optional.none", "optional.of", "optional.ofNonZeroValue", "or", "orValue", "startsWith", "type", "uint",
        "value",
    }
)  # fmt: skip
"""What the library does as the reference server does."""
_UNORDERED = frozenset({"set", "map"})


@dataclass
class Writer:
    """Writes the tree that a checker has checked; `functions` is what it calls of ours, without the prefix."""

    checker: Checker
    functions: set[str] = field(default_factory=set)

    def written(self, node: Node, names: Mapping[str, str]) -> str:
        """Return the text of a node; `names` says what stands for a variable."""
        match node:
            case Literal():
                return node.text
            case Name():
                return names.get(node.name, node.name)
            case Select():
                return self._select(node, names)
            case Index():
                return self._index(node, names)
            case Call():
                return self._call(node, names)
            case Lists() | Maps():
                return self._list(node, names) if isinstance(node, Lists) else self._map(node, names)
            case Loop():
                return self._loop(node, names)

    def _ours(self, function: str, *arguments: str) -> str:
        """Return a call of a function of ours."""
        self.functions.add(function)
        return f"{PREFIX}{function}({', '.join(arguments)})"

    # --- parts ------------------------------------------------------------------------------------------------------

    def _select(self, node: Select, names: Mapping[str, str]) -> str:
        operand = self.written(node.operand, names)
        type_ = self.checker.type_of(node.operand)
        is_wrapped = type_.name == "optional_type"
        inner = type_.parameters[0] if is_wrapped else type_
        name = _spelled(inner, node.field)
        if node.is_optional or is_wrapped:
            found = self._ours("select", operand, f'"{name}"')
            return f"{found}.hasValue()" if node.is_test else found
        return f"has({operand}.{name})" if node.is_test else f"{operand}.{name}"

    def _index(self, node: Index, names: Mapping[str, str]) -> str:
        operand, key = self.written(node.operand, names), self.written(node.key, names)
        if node.is_optional or self.checker.type_of(node.operand).name == "optional_type":
            return self._ours("select", operand, key)
        return f"{operand}[{key}]"

    def _list(self, node: Lists, names: Mapping[str, str]) -> str:
        items = f"[{', '.join(self.written(item, names) for item in node.items)}]"
        return self._ours("present", items, _positions(node.optional)) if node.optional else items

    def _map(self, node: Maps, names: Mapping[str, str]) -> str:
        pairs = [(self.written(key, names), self.written(value, names)) for key, value in node.entries]
        if not node.optional:
            return f"{{{', '.join(f'{key}: {value}' for key, value in pairs)}}}"
        keys, values = (f"[{', '.join(part)}]" for part in zip(*pairs, strict=True))
        return self._ours("entries", keys, values, _positions(node.optional))

    # --- calls ------------------------------------------------------------------------------------------------------

    def _call(self, node: Call, names: Mapping[str, str]) -> str:
        if node.function.startswith(("_", "!", "-", "@")):
            return self._operation(node, [self.written(argument, names) for argument in node.arguments])
        name, given = node.function, node.parts
        is_method = node.target is not None
        if is_namespaced(node) and node.target is not None:
            name, given, is_method = f"{qualified(node.target)}.{name}", node.arguments, False
        arguments = [self.written(part, names) for part in given]
        if name == "dyn":
            return f"({arguments[0]})"
        if not _is_known(name, len(arguments)):
            return self._ours(name.replace(".", "_"), *arguments)
        if is_method or name == "matches":
            return f"{arguments[0]}.{name}({', '.join(arguments[1:])})"
        return f"{name}({', '.join(arguments)})"

    def _operation(self, node: Call, arguments: list[str]) -> str:
        first = self.checker.type_of(node.arguments[0])
        if first.list_type in _UNORDERED and node.function in {"_==_", "_!=_", "_+_"}:
            return self._of_unordered(node.function, arguments, first)
        match node.function:
            case "_?_:_":
                return f"({arguments[0]} ? {arguments[1]} : {arguments[2]})"
            case "!_" | "-_":
                return f"{node.function[0]}({arguments[0]})"
            case "@in":
                return f"({arguments[0]} in {arguments[1]})"
            case operation:
                return f"({arguments[0]} {operation.strip('_')} {arguments[1]})"

    def _of_unordered(self, function: str, arguments: list[str], type_: Type) -> str:
        """Compare or add lists whose order says nothing."""
        if function == "_+_":
            keys = ", ".join(f'"{escaped(key) or key}"' for key in type_.keys)
            return self._ours("merged", *arguments, f"[{keys}]")
        same = self._ours("same", *arguments)
        return same if function == "_==_" else f"!{same}"

    # --- macros -----------------------------------------------------------------------------------------------------

    def _loop(self, node: Loop, names: Mapping[str, str]) -> str:
        over = self.written(node.over, names)
        if node.macro in {"optMap", "optFlatMap"}:
            inner = self.written(node.bodies[0], {**names, node.names[0]: f"{over}.value()"})
            found = inner if node.macro == "optFlatMap" else f"optional.of({inner})"
            return f"({over}.hasValue() ? {found} : optional.none())"
        if len(node.names) == 2:
            return self._double_loop(node, over, names)
        kept = {name: text for name, text in names.items() if name != node.names[0]}
        parts = [self.written(part, kept) for part in node.bodies]
        if node.macro == "sortBy":
            return self._ours("sortBy", over, f"{over}.map({node.names[0]}, {parts[0]})")
        return f"{over}.{node.macro}({node.names[0]}, {', '.join(parts)})"

    def _double_loop(self, node: Loop, over: str, names: Mapping[str, str]) -> str:
        """Go through the indices of a list or the keys of a map, with the item in the place of the second variable."""
        index, item = node.names
        kept = {name: text for name, text in names.items() if name != index}
        parts = [self.written(part, {**kept, item: f"{over}[{index}]"}) for part in node.bodies]
        indices = self._ours("indices", over)
        match node.macro:
            case "transformList":
                return f"{indices}.map({index}, {', '.join(parts)})"
            case "transformMapEntry":
                return self._ours("gathered", f"{indices}.map({index}, {', '.join(parts)})")
            case "transformMap":
                chosen = f"{indices}.filter({index}, {parts[0]})" if len(parts) == 2 else indices
                return self._ours("entries", chosen, f"{chosen}.map({index}, {parts[-1]})", "[]")
            case macro:
                return f"{indices}.{macro}({index}, {parts[0]})"


def _is_known(name: str, count: int) -> bool:
    """Tell whether the library has a function; of those that read the calendar, it knows no time zones."""
    return name in _KNOWN and (count == 1 or not name.startswith("get"))


def _spelled(type_: Type, name: str) -> str:
    """Return a field's name as values have it."""
    return name if not type_.is_object or name in type_.fields else escaped(name) or name


def _positions(optional: frozenset[int]) -> str:
    return str(sorted(optional))
