"""Rules of custom kinds: what is refused when they are defined, what they see, and when they are let pass."""

import subprocess
import sys

import pytest

from kdlib.errors import ApiError
from kdlib.sandbox.store.crds.cel import CompileError, EvaluationError, compile_program, given, reader, type_of_schema
from kdlib.wire import Kind, structural_schema

CRD = Kind("apiextensions.k8s.io/v1", "CustomResourceDefinition", namespaced=False)
THING = Kind("example.org/v1", "Thing")
PATH = "/apis/example.org/v1/namespaces/default/things"
TEXT, NUMBER = {"type": "string"}, {"type": "integer"}
KEYED = {
    "type": "array",
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["k"],
    "items": {"type": "object", "required": ["k"], "properties": {"k": TEXT, "v": NUMBER}},
}
PROPERTIES = {
    "i": NUMBER,
    "n": {"type": "number"},
    "s": TEXT,
    "b": {"type": "boolean"},
    "l": {"type": "array", "items": TEXT},
    "set": {"type": "array", "x-kubernetes-list-type": "set", "items": TEXT},
    "keyed": KEYED,
    "m": {"type": "object", "additionalProperties": NUMBER},
    "o": {"type": "object", "properties": {"x": NUMBER, "y": TEXT}},
    "port": {"x-kubernetes-int-or-string": True},
    "when": {"type": "string", "format": "date-time"},
    "long": {"type": "string", "format": "duration"},
    "raw": {"type": "string", "format": "byte"},
    "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    "any": {"x-kubernetes-preserve-unknown-fields": True},
    "namespace": TEXT,
    "a-b": NUMBER,
    "absent": TEXT,
}
VALUE = {
    "i": 5,
    "n": 2,
    "s": "hello",
    "b": True,
    "l": ["a", "b"],
    "set": ["x", "y"],
    "keyed": [{"k": "a", "v": 1}, {"k": "b", "v": 2}],
    "m": {"a": 1, "b": 2},
    "o": {"x": 1, "y": "z"},
    "port": 7,
    "when": "2024-02-29T10:11:12Z",
    "long": "1h30m",
    "raw": "aGk=",
    "free": {"a": [1]},
    "namespace": "ns",
    "a-b": 1,
}
NODE = structural_schema({"type": "object", "properties": PROPERTIES})
TYPE = type_of_schema(NODE, "selfType")


def program(source):
    return compile_program(source, {"self": TYPE, "oldSelf": TYPE})


def run(source):
    compiled = program(source)
    read = reader(NODE, compiled.fields["self"], is_root=False)
    return compiled.run(given({"self": read(VALUE)}, compiled.functions))


# --- expressions ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "at", "what"),
    [
        ("self.foo > 1", 5, "undefined field 'foo'"),
        ("has(self.foo)", 4, "undefined field 'foo'"),
        ("self.any == 1", 5, "undefined field 'any'"),
        ("self.free.x == 1", 10, "undefined field 'x'"),
        ("self.i.x == 1", 7, "type 'int' does not support field selection"),
        ("self.i > 'a'", 8, "found no matching overload for '_>_' applied to '(int, string)'"),
        ("self.i == 1.5", 8, "found no matching overload for '_==_' applied to '(int, double)'"),
        ("self.s + 1 == 'x'", 8, "found no matching overload for '_+_' applied to '(string, int)'"),
        ("self.when == 'x'", 11, "found no matching overload for '_==_' applied to '(timestamp, string)'"),
        ("self.s == null", 8, "found no matching overload for '_==_' applied to '(string, null)'"),
        ("self.l['a'] == 'a'", 7, "found no matching overload for '_[_]' applied to '(list(string), string)'"),
        ("self.s.lowerAscii(1) == 'a'", 18, "found no matching overload for 'lowerAscii' applied to 'string.(int)'"),
        ("self.?s.orValue(1) == 'a'", 16, "overload for 'orValue' applied to 'optional_type(string).(int)'"),
        ("self.b ? 1 : 'a'", 8, "found no matching overload for '_?_:_' applied to '(bool, int, string)'"),
        ("self.i && true", 5, "expected type 'bool' but found 'int'"),
        ("self.l.all(x, x > 1)", 17, "found no matching overload for '_>_' applied to '(string, int)'"),
        ("self.l.all(x, x)", 15, "expected type 'bool' but found 'string'"),
        ("self.i.all(x, true)", 5, "expression of type 'int' cannot be range of a comprehension"),
        ("self.l.all(1, true)", 12, "argument must be a simple name"),
        ("unknown == 1", 1, "undeclared reference to 'unknown' (in container '')"),
        ("math.greatest(1, 2) == 2", 14, "undeclared reference to 'greatest' (in container '')"),
        ("semver('1.2.3').major() == 1", 7, "undeclared reference to 'semver'"),
        ("has(self)", 5, "invalid argument to has() macro"),
        ("[1, 'a'].size() == 2", 5, "expected type 'int' but found 'string'"),
        ("self.s.matches('(')", 16, "invalid matches argument"),
        ("duration('x') == self.long", 10, "invalid duration argument"),
        ("timestamp('x') == self.when", 11, "invalid timestamp argument"),
        ("self.i > 99999999999999999999", 10, "invalid int literal"),
        ("self ==", 8, "Syntax error: mismatched input '<EOF>' expecting"),
        ("(self.i == 1", 13, "Syntax error: missing ')' at '<EOF>'"),
        ("'abc", 1, "Syntax error: token recognition error at: ''abc'"),
    ],
)
def test_what_does_not_compile_is_refused_with_its_place(source, at, what):
    with pytest.raises(CompileError) as caught:
        program(source)

    lines = str(caught.value).splitlines()
    assert any(line.startswith(f"ERROR: <input>:1:{at}: ") and what in line for line in lines)
    assert f" | {source}" in lines
    assert f" | {'.' * (at - 1)}^" in lines


def test_a_problem_on_a_later_line_is_shown_there():
    with pytest.raises(CompileError) as caught:
        program("self.i > 1\n  && self.é")

    assert "<input>:2:" in str(caught.value)


@pytest.mark.parametrize(
    "source",
    [
        "(" * 2000 + "1" + ")" * 2000,
        "!" * 5000 + "self.b",
        "[" * 3000,
        "1" + " + 1" * 5000 + " == 2",
        "self" + ".a" * 5000,
    ],
)
def test_nesting_without_end_is_refused(source):
    with pytest.raises(CompileError):
        program(source)


@pytest.mark.parametrize(
    "source",
    [
        "self.i == 5 && self.n == 2.0 && self.n > 1 && self.i < 5.5",
        "self.s.size() == 5 && size('héé') == 3 && size(self.l) == 2 && size(self.m) == 2",
        "self.l.all(x, x.size() == 1) && self.l.exists(x, x == 'a') && self.l.exists_one(x, x == 'a')",
        "self.l.map(x, x + '1') == ['a1', 'b1']",
        "self.l.map(x, x > 'a', x) == ['b'] && self.l.filter(x, x == 'z') == []",
        "self.l.map(x, self.l.map(y, x + y)) == [['aa', 'ab'], ['ba', 'bb']]",
        "self.m.all(k, v, v > 0) && self.m.exists(k, v, k == 'b' && v == 2) && self.l.existsOne(i, v, v == 'b')",
        "self.m.transformList(k, v, v).sum() == 3 && self.m.transformMap(k, v, v > 1, v + 1) == {'b': 3}",
        "self.m.transformMapEntry(k, v, {v: k}) == {1: 'a', 2: 'b'} && [3, 1].sortBy(x, x) == [1, 3]",
        "self.set == ['y', 'x'] && self.set != ['x'] && self.set + ['x', 'z'] == ['z', 'y', 'x']",
        "self.keyed == [self.keyed[1], self.keyed[0]] && self.keyed + self.keyed == self.keyed",
        "self.keyed[0].v == 1 && 'a' in self.m && self.m['a'] == 1 && self.m.a == 1 && !has(self.m.z)",
        "self.port == 7 && type(self.port) == int && (type(self.port) == string ? self.port == 'a' : self.port < 8)",
        "self.when.getFullYear() == 2024 && self.when.getHours('+02:00') == 12 && self.when.getDayOfWeek() == 4",
        "self.long == duration('90m') && self.when + self.long > timestamp('2024-02-29T11:00:00Z')",
        "self.raw == b'hi' && string(self.raw) == 'hi'",
        "self.namespace == 'ns' && self.__namespace__ == 'ns' && self.a__dash__b == 1",
        "!has(self.absent) && self.?absent.orValue('d') == 'd' && self.?o.?x.orValue(3) == 1",
        "!self.?absent.hasValue()",
        "self.m[?'z'].orValue(9) == 9 && !self.l[?5].hasValue() && self.l[?1].value() == 'b'",
        "self.?s.optMap(x, x + 'a').orValue('') == 'helloa' && !self.?absent.optMap(x, x).hasValue()",
        "[?self.?absent, 'a'] == ['a'] && {?'a': self.?absent, 'b': 'c'} == {'b': 'c'}",
        "self.l.first().value() == 'a' && self.l.last().value() == 'b'",
        "self.s.substring(1, 3) == 'el' && self.s.replace('l', 'L', 1) == 'heLlo'",
        "self.s.split('l') == ['he', '', 'o'] && self.s.split('l', 2) == ['he', 'lo']",
        "self.s.charAt(1) == 'e' && self.s.lastIndexOf('l') == 3 && self.s.upperAscii() == 'HELLO'",
        "self.l.join('-') == 'a-b' && ' a '.trim() == 'a'",
        "self.s.find('l+') == 'll' && self.s.findAll('l') == ['l', 'l'] && self.s.matches('^h.*o$')",
        "'%s is %d, %.2f'.format([self.s, self.i, 1.5]) == 'hello is 5, 1.50' && strings.quote('a\"') == r'\"a\\\"\"'",
        "sets.contains(self.l, ['a']) && sets.intersects(self.l, ['b', 'c']) && sets.equivalent(self.l, ['b', 'a'])",
        "[1, 3].isSorted() && [3, 1].min() == 1 && [1.5, 2.5].sum() == 4.0 && [1, 1, 2].distinct() == [1, 2]",
        "string(self.i) == '5' && string(2.5) == '2.5' && string(true) == 'true' && string(self.long) == '5400s'",
        "string(self.when) == '2024-02-29T10:11:12Z' && int('7') == 7 && int(-2.9) == -2 && double('1.5') == 1.5",
        "quantity('1Gi').isGreaterThan(quantity('1Mi')) && quantity('1000m') == quantity('1') && isQuantity('5')",
        "url('https://h:80/a?x=1').getHostname() == 'h' && !isURL('a b') && ip('::1').isLoopback() && isIP('1.2.3.4')",
        "cidr('10.0.0.0/8').containsIP('10.1.1.1') && cidr('10.0.0.1/8').masked() == cidr('10.0.0.0/8')",
        "true || 1 / 0 == 1",
        "1 / 0 == 1 || true",
    ],
)
def test_expressions_have_the_values_that_they_have_on_a_real_server(source):
    assert program(source).result == "bool"
    assert run(source) is True


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("self.absent == 'x'", "no such key: absent"),
        ("self.m['z'] == 1", "no such key: z"),
        ("self.l[5] == 'a'", "index out of bounds: 5"),
        ("self.i / 0 == 1", "division by zero"),
        ("self.i % 0 == 1", "modulus by zero"),
        ("9223372036854775807 + self.i > 0", "integer overflow"),
        ("self.port + 'a' == 'a'", "no such overload"),
        ("self.s.substring(9) == 'a'", "index out of range: 9"),
        ("quantity(self.s) == quantity('1')", "quantities must match the regular expression"),
        ("duration(self.s) == self.long", "type conversion error from 'string' to 'google.protobuf.Duration'"),
        ("int(self.s) == 1", 'strconv.ParseInt: parsing "hello": invalid syntax'),
    ],
)
def test_what_has_no_value_says_why(source, what):
    with pytest.raises(EvaluationError) as caught:
        run(source)

    assert str(caught.value).startswith(what)


def test_a_long_chain_of_conditions_is_no_deep_nesting():
    assert run(" && ".join(["self.i == 5"] * 300)) is True


# --- definitions ----------------------------------------------------------------------------------------------------


def ruled(*rules, **properties):
    spec = {"type": "object", "properties": properties, "x-kubernetes-validations": list(rules)}
    return {"type": "object", "properties": {"spec": spec}}


def refused(world, body):
    with pytest.raises(ApiError) as caught:
        world.registry.create(body)
    assert caught.value.code == 422
    return [(cause["field"], cause["message"]) for cause in caught.value.status["details"]["causes"]]


@pytest.mark.parametrize(
    ("rule", "field", "message"),
    [
        ({"rule": " "}, "rule", "Required value: rule is not specified"),
        ({"rule": "self.i"}, "rule", "cel expression must evaluate to a bool"),
        ({"rule": "self.wrong"}, "rule", "compilation failed: ERROR: <input>:1:5: undefined field 'wrong'"),
        (
            {"rule": "true", "messageExpression": "self.i"},
            "messageExpression",
            "messageExpression must evaluate to a string",
        ),
        ({"rule": "true", "reason": "No"}, "reason", 'Unsupported value: "No"'),
        ({"rule": "true", "fieldPath": ".wrong"}, "fieldPath", "must be a valid path"),
        ({"rule": "true", "message": "a\nb"}, "message", "must not contain line breaks"),
        ({"rule": "true", "optionalOldSelf": True}, "optionalOldSelf", "may not be set if oldSelf is not used in rule"),
    ],
)
def test_a_wrong_rule_refuses_the_definition_and_is_named_with_its_place(world, make, rule, field, message):
    errors = refused(world, make.definition(ruled({"rule": "true"}, rule, i=NUMBER)))

    place = f"spec.validation.openAPIV3Schema.properties[spec].x-kubernetes-validations[1].{field}"
    assert [path for path, _ in errors] == [place]
    assert message in errors[0][1]


@pytest.mark.parametrize("list_type", ["atomic", "set"])
def test_the_old_value_of_items_that_have_no_names_is_not_to_be_had(world, make, list_type):
    items = {**TEXT, "x-kubernetes-validations": [{"rule": "self == oldSelf"}]}
    schema = ruled(l={"type": "array", "x-kubernetes-list-type": list_type, "items": items})

    errors = refused(world, make.definition(schema))

    assert "oldSelf cannot be used on the uncorrelatable portion of the schema" in errors[0][1]


# --- objects --------------------------------------------------------------------------------------------------------


def test_rules_hold_in_items_and_in_additional_properties(world, make):
    small = {**NUMBER, "x-kubernetes-validations": [{"rule": "self < 3", "reason": "FieldValueForbidden"}]}
    lists, maps = {"type": "array", "items": small}, {"type": "object", "additionalProperties": small}
    world.registry.create(make.definition(ruled(l=lists, m=maps)))

    errors = refused(world, make.thing(spec={"l": [1, 4], "m": {"a": 2, "b": 5}}))

    text = "Forbidden: failed rule: self < 3"
    assert errors == [("spec.l[1]", text), ("spec.m[b]", text)]


def test_a_rule_points_where_its_field_path_does(world, make):
    rule = {
        "rule": "false",
        "fieldPath": ".m['a']",
        "messageExpression": "'is ' + self.s",
        "reason": "FieldValueRequired",
    }
    world.registry.create(make.definition(ruled(rule, s=TEXT, m={"type": "object", "additionalProperties": NUMBER})))

    assert refused(world, make.thing(spec={"s": "x"})) == [("spec.m[a]", "Required value: is x")]


def test_the_root_sees_its_name_and_kind(world, make):
    rules = [{"rule": "self.metadata.name.startsWith('a') && self.kind == 'Thing'", "message": "begin with a"}]
    world.registry.create(make.definition({"type": "object", "x-kubernetes-validations": rules}))

    world.registry.create(make.thing("a"))

    assert refused(world, make.thing("b")) == [("<nil>", "Invalid value: begin with a")]


def test_items_with_keys_and_sets_compare_whatever_their_order(world, make):
    rule = {"rule": "self == oldSelf", "message": "is fixed"}
    items = {**KEYED["items"], "x-kubernetes-validations": [{"rule": "self.v >= oldSelf.v", "message": "v shrinks"}]}
    chosen = {**PROPERTIES["set"], "x-kubernetes-validations": [rule]}
    world.registry.create(make.definition(ruled(set=chosen, keyed={**KEYED, "items": items})))
    world.registry.create(make.thing(spec={"set": ["a", "b"], "keyed": VALUE["keyed"]}))

    world.registry.patch(THING, "default", "a", {"spec": {"set": ["b", "a"], "keyed": VALUE["keyed"][::-1]}})

    for change, what in (({"set": ["a"]}, "is fixed"), ({"keyed": [{"k": "b", "v": 1}]}, "v shrinks")):
        with pytest.raises(ApiError, match=what):
            world.registry.patch(THING, "default", "a", {"spec": change})


def test_an_optional_old_value_is_there_from_the_first_write(world, make):
    rule = {"rule": "oldSelf.orValue(0) < self", "optionalOldSelf": True, "message": "must grow"}
    world.registry.create(make.definition(ruled(i={**NUMBER, "x-kubernetes-validations": [rule]})))

    assert refused(world, make.thing(spec={"i": 0})) == [("spec.i", "Invalid value: 0: must grow")]
    world.registry.create(make.thing(spec={"i": 1}))
    with pytest.raises(ApiError, match="must grow"):
        world.registry.patch(THING, "default", "a", {"spec": {"i": 1}, "metadata": {"labels": {"a": "b"}}})


async def test_a_broken_rule_about_what_did_not_change_is_only_warned_of(world, make):
    world.registry.create(make.definition(ruled(i=NUMBER, s=TEXT)))
    world.registry.create(make.thing(spec={"i": 1}))
    stricter = make.definition(ruled(i={**NUMBER, "x-kubernetes-validations": [{"rule": "self > 5"}]}, s=TEXT))
    world.registry.apply(stricter, manager="test")

    changed = world.registry.patch(THING, "default", "a", {"spec": {"s": "x"}})

    assert changed["spec"] == {"i": 1, "s": "x"}
    with pytest.raises(ApiError, match="failed rule: self > 5"):
        world.registry.patch(THING, "default", "a", {"spec": {"i": 2}})


def test_the_library_is_not_loaded_before_there_is_a_rule():
    code = "import sys, kdlib.sandbox.store; sys.exit('cel' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=120).returncode == 0
