"""From the words of an expression to its tree, macros told apart from calls.

See https://github.com/google/cel-spec/blob/master/doc/langdef.md#syntax and #macros.

Layer: pure.
"""

from collections.abc import Mapping

from kdlib.sandbox.store.crds.cel.tokens import ExpressionSyntaxError, Token, tokens
from kdlib.sandbox.store.crds.cel.tree import Call, Index, Lists, Literal, Loop, Maps, Name, Node, Select

__all__ = ["parse"]

_DEEPEST = 50
_TOO_DEEP = "expression recursion limit exceeded"
_RELATIONS = frozenset({"<", "<=", ">", ">=", "==", "!=", "in"})
_LEVELS = (frozenset({"||"}), frozenset({"&&"}), _RELATIONS, frozenset({"+", "-"}), frozenset({"*", "/", "%"}))
_LOGICAL = 2
"""How many of the levels are logical operators, whose operands may be taken together in any way."""
_MACROS: Mapping[str, tuple[tuple[int, int], ...]] = {
    "all": ((1, 1), (2, 1)),
    "exists": ((1, 1), (2, 1)),
    "exists_one": ((1, 1),),
    "existsOne": ((1, 1), (2, 1)),
    "map": ((1, 1), (1, 2)),
    "filter": ((1, 1),),
    "transformList": ((2, 1), (2, 2)),
    "transformMap": ((2, 1), (2, 2)),
    "transformMapEntry": ((2, 1), (2, 2)),
    "sortBy": ((1, 1),),
    "optMap": ((1, 1),),
    "optFlatMap": ((1, 1),),
}
"""How many names and how many parts a macro takes."""


def parse(source: str) -> Node:
    """Return the tree of an expression; raises ExpressionSyntaxError."""
    return _Parser(source).whole()


class _Parser:
    def __init__(self, source: str) -> None:
        self._words = list(tokens(source))
        self._next = 0
        self._depth = 0

    # --- words ------------------------------------------------------------------------------------------------------

    @property
    def _word(self) -> Token:
        return self._words[self._next]

    def _take(self) -> Token:
        word = self._word
        self._next += 1
        return word

    def _sees(self, *signs: str) -> bool:
        return self._word.kind == "sign" and self._word.text in signs

    def _skip(self, sign: str) -> bool:
        if self._sees(sign):
            self._next += 1
            return True
        return False

    def _expect(self, sign: str) -> Token:
        if not self._sees(sign):
            raise ExpressionSyntaxError(f"Syntax error: missing '{sign}' at '{self._word.text}'", self._word.at)
        return self._take()

    # --- expressions ------------------------------------------------------------------------------------------------

    def whole(self) -> Node:
        """Return the tree of all words."""
        node = self._expression()
        if self._word.kind != "end":
            raise ExpressionSyntaxError(
                f"Syntax error: extraneous input '{self._word.text}' expecting <EOF>", self._word.at
            )
        return node

    def _expression(self) -> Node:
        self._go_deeper()
        node = self._binary(0)
        if self._sees("?"):
            at = self._take().at
            then = self._binary(0)
            self._expect(":")
            node = Call("_?_:_", None, (node, then, self._expression()), at)
        self._depth -= 1
        return node

    def _go_deeper(self) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ExpressionSyntaxError(_TOO_DEEP, self._word.at, is_final=True)

    def _binary(self, level: int) -> Node:
        if level == len(_LEVELS):
            return self._unary()
        nodes, operators = [self._binary(level + 1)], []
        while self._word.kind in {"sign", "name"} and self._word.text in _LEVELS[level]:
            operators.append(self._take())
            nodes.append(self._binary(level + 1))
        return _balanced(nodes, operators) if level < _LOGICAL else _chained(nodes, operators)

    def _unary(self) -> Node:
        if self._sees("!"):
            return self._negated("!_", self._take().at)
        if self._sees("-"):
            sign = self._take()
            if self._word.kind in {"int", "float"}:
                word = self._take()
                return self._members(_literal(Token(word.kind, f"-{word.text}", sign.at)))
            return self._negated("-_", sign.at)
        return self._members(self._primary())

    def _negated(self, function: str, at: int) -> Node:
        self._go_deeper()
        node = Call(function, None, (self._unary(),), at)
        self._depth -= 1
        return node

    def _members(self, node: Node) -> Node:
        while True:
            if self._sees("."):
                node = self._member(node, self._take().at)
            elif self._sees("["):
                at = self._take().at
                is_optional = self._skip("?")
                node = Index(node, self._expression(), at, is_optional)
                self._expect("]")
            else:
                return node

    def _member(self, node: Node, at: int) -> Node:
        is_optional = self._skip("?")
        name = self._take()
        if name.kind != "name":
            raise ExpressionSyntaxError(f"Syntax error: no viable alternative at input '.{name.text}'", name.at)
        if self._sees("(") and not is_optional:
            return self._called(name.text, node, self._take().at)
        return Select(node, name.text, at, is_optional=is_optional)

    def _primary(self) -> Node:
        word = self._take()
        if word.kind in {"int", "uint", "float", "string", "bytes"}:
            return _literal(word)
        if word.kind == "name" and word.text != "in":
            return self._named(word)
        if word.kind == "sign" and word.text in "([{.":
            return self._opened(word)
        raise ExpressionSyntaxError(f"Syntax error: mismatched input '{word.text}' expecting an expression", word.at)

    def _named(self, word: Token) -> Node:
        if word.text in {"true", "false", "null"}:
            return Literal("null" if word.text == "null" else "bool", word.text, word.at)
        if self._sees("("):
            return self._called(word.text, None, self._take().at)
        return Name(word.text, word.at)

    def _opened(self, word: Token) -> Node:
        match word.text:
            case "[":
                return self._list(word.at)
            case "{":
                return self._map(word.at)
            case "(":
                node = self._expression()
                self._expect(")")
                return node
            case _:
                # A name that begins with a dot is looked up from the top, where all names are.
                return self._primary()

    # --- containers and calls ---------------------------------------------------------------------------------------

    def _list(self, at: int) -> Node:
        items: list[Node] = []
        optional = set()
        while not self._skip("]"):
            if self._skip("?"):
                optional.add(len(items))
            items.append(self._expression())
            if not self._sees("]"):
                self._expect(",")
        return Lists(tuple(items), frozenset(optional), at)

    def _map(self, at: int) -> Node:
        entries: list[tuple[Node, Node]] = []
        optional = set()
        while not self._skip("}"):
            if self._skip("?"):
                optional.add(len(entries))
            key = self._expression()
            self._expect(":")
            entries.append((key, self._expression()))
            if not self._sees("}"):
                self._expect(",")
        return Maps(tuple(entries), frozenset(optional), at)

    def _called(self, name: str, target: Node | None, at: int) -> Node:
        arguments: list[Node] = []
        while not self._skip(")"):
            arguments.append(self._expression())
            if not self._sees(")"):
                self._expect(",")
        if target is None:
            return _plain(name, tuple(arguments), at)
        return _macro(name, target, tuple(arguments), at) or Call(name, target, tuple(arguments), at)


def _chained(nodes: list[Node], operators: list[Token]) -> Node:
    node = nodes[0]
    for operator, other in zip(operators, nodes[1:], strict=True):
        function = "@in" if operator.text == "in" else f"_{operator.text}_"
        node = Call(function, None, (node, other), operator.at)
    return node


def _balanced(nodes: list[Node], operators: list[Token]) -> Node:
    """Return a chain of one logical operator as a tree of little depth: where it is divided says nothing."""
    if len(nodes) == 1:
        return nodes[0]
    half = len(nodes) // 2
    left, right = _balanced(nodes[:half], operators[: half - 1]), _balanced(nodes[half:], operators[half:])
    return Call(f"_{operators[half - 1].text}_", None, (left, right), operators[half - 1].at)


def _plain(name: str, arguments: tuple[Node, ...], at: int) -> Node:
    """Return a call of a function by its name, or the macro `has`."""
    if name != "has" or len(arguments) != 1:
        return Call(name, None, arguments, at)
    argument = arguments[0]
    if not isinstance(argument, Select) or argument.is_test:
        raise ExpressionSyntaxError("invalid argument to has() macro", argument.at)
    return Select(argument.operand, argument.field, at, is_test=True)


def _macro(name: str, target: Node, arguments: tuple[Node, ...], at: int) -> Node | None:
    """Return the macro that a method call is; None for a plain call."""
    counts = next((counts for counts in _MACROS.get(name, ()) if sum(counts) == len(arguments)), None)
    if counts is None:
        return None
    variables = []
    for argument in arguments[: counts[0]]:
        if not isinstance(argument, Name):
            raise ExpressionSyntaxError("argument must be a simple name", argument.at)
        if argument.name in variables:
            raise ExpressionSyntaxError(f"duplicate variable name: {argument.name}", argument.at)
        variables.append(argument.name)
    return Loop(name, target, tuple(variables), arguments[counts[0] :], at)


def _literal(word: Token) -> Literal:
    """Return a constant; raises ExpressionSyntaxError for a number out of range."""
    kind = {"float": "double"}.get(word.kind, word.kind)
    if kind in {"int", "uint"}:
        digits = word.text.rstrip("uU")
        value = int(digits, 16) if "0x" in digits else int(digits)
        if not (-(2**63) <= value < (2**64 if kind == "uint" else 2**63)):
            raise ExpressionSyntaxError(f"invalid {kind} literal", word.at)
    return Literal(kind, word.text, word.at)
