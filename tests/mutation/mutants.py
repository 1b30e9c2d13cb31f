"""The possible changes of a source file, and a draw among them."""

from __future__ import annotations

import ast
import builtins
import random
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

COMPARISONS: Final[dict[type[ast.cmpop], tuple[ast.cmpop, ...]]] = {
    ast.Eq: (ast.NotEq(),),
    ast.NotEq: (ast.Eq(),),
    ast.Lt: (ast.LtE(), ast.GtE()),
    ast.LtE: (ast.Lt(), ast.Gt()),
    ast.Gt: (ast.GtE(), ast.LtE()),
    ast.GtE: (ast.Gt(), ast.Lt()),
    ast.Is: (ast.IsNot(),),
    ast.IsNot: (ast.Is(),),
    ast.In: (ast.NotIn(),),
    ast.NotIn: (ast.In(),),
}
ARITHMETIC: Final[dict[type[ast.operator], ast.operator]] = {
    ast.Add: ast.Sub(),
    ast.Sub: ast.Add(),
    ast.Mult: ast.Div(),
    ast.Div: ast.Mult(),
    ast.FloorDiv: ast.Mult(),
    ast.Mod: ast.Mult(),
    ast.Pow: ast.Mult(),
    ast.BitOr: ast.BitAnd(),
    ast.BitAnd: ast.BitOr(),
    ast.LShift: ast.RShift(),
    ast.RShift: ast.LShift(),
}
#: Methods that are given messages.
LOGGING: Final = frozenset({"add_note", "debug", "info", "warning", "error", "exception", "warn"})
#: Their texts are for type checkers.
TYPING: Final = frozenset({"TypeVar", "ParamSpec", "NewType", "cast"})
#: A text with one of these words among others is a sentence.
SENTENCE: Final = re.compile(
    r"(?=.* )(?i:.*\b(a|an|and|are|at|by|for|has|have|in|is|must|no|not|of|or|than|the|this|to"
    r"|too|was|with|without)\b)",
    re.DOTALL,
)


class Mutant(NamedTuple):
    """A change in one place: the bytes from *start* to *end* of a file become *new*."""

    file: str
    line: int
    kind: str
    start: int
    end: int
    new: str

    def apply(self, source: bytes) -> bytes:
        """Return the source of the whole file with the change."""
        return source[: self.start] + self.new.encode() + source[self.end :]

    def before_and_after(self, source: bytes) -> tuple[str, str]:
        """Return the lines of the place, before and after the change."""
        first = source.rfind(b"\n", 0, self.start) + 1
        last = source.find(b"\n", self.end)
        after = source[first : self.start] + self.new.encode() + source[self.end : last]
        return source[first:last].decode().strip(), after.decode().strip()


def draw(mutants: Iterable[Mutant], seed: int, count: int) -> list[Mutant]:
    """Return *count* mutants on different lines: each line is as probable as any other."""
    lines = defaultdict[tuple[str, int], list[Mutant]](list)
    for mutant in mutants:
        lines[mutant.file, mutant.line].append(mutant)
    chance = random.Random(seed)  # noqa: S311 - no secret
    drawn = chance.sample(sorted(lines), min(count, len(lines)))
    return [chance.choice(lines[line]) for line in drawn]


def makers_of_errors(sources: Iterable[bytes]) -> frozenset[str]:
    """Return the names of the functions that return an error: they are given messages."""
    return frozenset(
        node.name
        for source in sources
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef) and _name(node.returns).endswith("Error")
    )


def list_mutants(
    file: str, source: bytes, errors: frozenset[str] = frozenset()
) -> Iterator[Mutant]:
    """Yield the possible changes of a file, in the order of the text.

    Args:
        file: Its name in the mutants.
        source: Its content.
        errors: Functions that are given messages, beside those named `...Error`.
    """
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    mutants = set[Mutant]()
    for node, is_message in _walk(ast.parse(source), errors):
        for place, kind, new in _changes(node, is_message=is_message):
            start = starts[place.lineno - 1] + place.col_offset
            end = starts[place.end_lineno - 1] + place.end_col_offset
            text = new if isinstance(new, str) else f"({ast.unparse(new)})"
            mutants.add(Mutant(file, place.lineno, kind, start, end, text))
    yield from sorted(mutants, key=lambda mutant: (mutant.start, mutant.end, mutant.new))


def statement_lines(source: bytes, line: int) -> range:
    """Return the lines of the innermost statement at a line; of one with a body, its head.

    Only some of them are known to be executed when the statement is.
    """
    lines = range(line, line + 1)
    for node in ast.walk(ast.parse(source)):  # the outer ones come first
        if isinstance(node, ast.stmt | ast.match_case):
            first, last = _extent(node)
            lines = range(first, last + 1) if first <= line <= last else lines
    return lines


def _extent(node: ast.stmt | ast.match_case) -> tuple[int, int]:
    body: list[ast.stmt] | list[ast.match_case] = (
        node.cases if isinstance(node, ast.Match) else getattr(node, "body", [])
    )
    first = node.pattern.lineno if isinstance(node, ast.match_case) else node.lineno
    end = first if isinstance(node, ast.match_case) else node.end_lineno or first
    if not body:
        return first, end
    inner = body[0]
    start = inner.pattern.lineno if isinstance(inner, ast.match_case) else inner.lineno
    return first, max(first, start - 1)


def _walk(
    node: ast.AST, errors: frozenset[str], *, is_message: bool = False
) -> Iterator[tuple[ast.AST, bool]]:
    """Yield what may be changed at and below *node*, and whether its texts are messages."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return  # a docstring
    if not (isinstance(node, ast.If) and _name(node.test) == "TYPE_CHECKING"):
        yield node, is_message
    if isinstance(node, ast.Call):
        data, messages = _arguments(node, errors)
        (messages if is_message else data).append(node.func)
    else:
        parts = _parts(node)
        data, messages = ([], parts) if is_message else (parts, [])
    for part in data:
        yield from _walk(part, errors)
    for part in messages:
        yield from _walk(part, errors, is_message=True)


def _parts(node: ast.AST) -> list[ast.AST]:
    """Return what a node is made of, without types and what only type checkers read."""
    match node:
        case (
            ast.JoinedStr()  # one text, whatever is computed in it
            | ast.Assign([ast.Name("__all__")])
            | ast.Subscript(ast.Name("Literal"))
            | ast.FunctionDef(decorator_list=[ast.Name("overload")])
        ):
            return []
        case ast.If(test=ast.Name("TYPE_CHECKING")):
            return [*node.orelse]
        case ast.AnnAssign(value=value):
            return [value] if value else []
        case ast.ClassDef():
            return [*node.decorator_list, *node.keywords, *node.body]
        case ast.FunctionDef(args=args) | ast.AsyncFunctionDef(args=args):
            defaults = [*args.defaults, *filter(None, args.kw_defaults)]
            return [*node.decorator_list, *defaults, *node.body]
        case _:
            return [*ast.iter_child_nodes(node)]


def _arguments(call: ast.Call, errors: frozenset[str]) -> tuple[list[ast.AST], list[ast.AST]]:
    """Return the arguments of a call, those that are data and those that are messages."""
    name, values = _name(call.func), [*call.args, *(keyword.value for keyword in call.keywords)]
    if name in TYPING:
        return ([*call.args[1:]] if name == "cast" else []), []
    if name.endswith("Error") or name in errors:
        # The first word is the name of what is wrong.
        words = 1 if call.args and _is_word(call.args[0]) else 0
        return [*values[:words]], [*values[words:]]
    is_log = isinstance(call.func, ast.Attribute) and name in LOGGING
    return ([], [*values]) if is_log else ([*values], [])


def _changes(node: ast.AST, *, is_message: bool) -> Iterator[tuple[Any, str, ast.AST | str]]:
    """Yield the changes of a node: the place, the kind and what stands there then."""
    yield from _operators(node)
    yield from _statements(node)
    for test, kind in _conditions(node):
        if not isinstance(test, ast.Constant):  # it is evaluated, whatever the result
            always, never = ast.Constant(value=True), ast.Constant(value=False)
            yield test, f"{kind} always", ast.BoolOp(ast.Or(), [test, always])
            yield test, f"{kind} never", ast.BoolOp(ast.And(), [test, never])
    if isinstance(node, ast.Constant):
        yield from _constants(node, node.value, is_message=is_message)
    if isinstance(node, ast.JoinedStr) and not is_message:
        words = [str(part.value) for part in node.values if isinstance(part, ast.Constant)]
        if not SENTENCE.match("".join(words)):
            yield node, "text", ast.BinOp(ast.Constant("XX"), ast.Add(), node)


def _operators(node: ast.AST) -> Iterator[tuple[ast.AST, str, ast.AST | str]]:
    match node:
        case ast.Compare(left, ops, right):
            for index, old in enumerate(ops):
                for other in COMPARISONS[type(old)]:
                    changed = [*ops[:index], other, *ops[index + 1 :]]
                    yield node, "comparison", ast.Compare(left, changed, right)
        case ast.BoolOp(op, values):
            opposite = ast.Or() if isinstance(op, ast.And) else ast.And()
            yield node, "and/or", ast.BoolOp(opposite, values)
        case ast.UnaryOp(op, operand):
            yield node, "not" if isinstance(op, ast.Not) else "arithmetic", operand
        case ast.BinOp(left, op, right) if not (_has_no_opposite(left) or _has_no_opposite(right)):
            yield node, "arithmetic", ast.BinOp(left, ARITHMETIC[type(op)], right)
        case ast.AugAssign(target, op, value):
            changed_sum = ast.AugAssign(target, ARITHMETIC[type(op)], value)
            yield node, "arithmetic", ast.unparse(changed_sum)
        case _:
            pass


def _statements(node: ast.AST) -> Iterator[tuple[ast.AST, str, str]]:
    match node:
        case ast.Expr(ast.Call() | ast.Await() | ast.Yield() | ast.YieldFrom()):
            yield node, "call dropped", "pass"
        case ast.Raise():
            yield node, "raise dropped", "pass"
        case ast.Return(ast.expr() as value) if not isinstance(value, ast.Constant):
            yield node, "return None", "return None"
        case ast.Break():
            yield node, "jump", "continue"
        case ast.Continue():
            yield node, "jump", "break"
        case _:
            pass


def _conditions(node: ast.AST) -> Iterator[tuple[ast.expr, str]]:
    match node:
        case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test):
            yield test, "condition"
        case ast.match_case(guard=ast.expr() as guard):
            yield guard, "condition"
        case ast.comprehension(ifs=tests):
            yield from ((test, "filter") for test in tests)
        case _:
            pass


def _constants(
    node: ast.Constant, value: object, *, is_message: bool
) -> Iterator[tuple[ast.AST, str, str]]:
    if isinstance(value, bool):
        yield node, "boolean", str(not value)
    elif isinstance(value, int | float):
        yield node, "number", f"({value + 1!r})"
        yield node, "number", f"({value - 1!r})"
    elif isinstance(value, bytes):
        yield node, "text", repr(b"XX" + value)
    elif isinstance(value, str) and not is_message and not SENTENCE.match(value):
        yield node, "text", repr("XX" + value)


def _name(node: ast.AST | None) -> str:
    """Return the last word of a name, a dotted name, or a type with parameters."""
    node = node.value if isinstance(node, ast.Subscript) else node
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _is_word(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and re.fullmatch(r"[\w.]+", str(node.value)) is not None


def _has_no_opposite(node: ast.expr) -> bool:
    """Whether this is a text or a type: the other operators only fail on them."""
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, ast.BitOr) and _has_no_opposite(node.left)
    name = _name(node)
    is_type = (name[:1].isupper() and not name.isupper()) or name in vars(builtins)
    is_text = isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)
    return is_type or is_text or isinstance(node, ast.JoinedStr)
