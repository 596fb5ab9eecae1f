"""Which scenarios a candidate defines differently than BASE does, read from both sources: neither is executed.

A scenario is a call `Scenario("id", ...)` or `Scenario(id="id", ...)` anywhere in scenarios.py, or one of a function of
that file which returns a Scenario. It means what the call
says and what the module's own definitions say that it refers to, directly or by way of others; comments, docstrings and
the `summary` do not matter.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from typing import Final

PATH: Final = "suites/performance/scenarios.py"
_TOLD_ONLY: Final = frozenset({"summary"})


def changed_scenarios(base: str | None, candidate: str) -> frozenset[str]:
    """Ids in `candidate` whose meaning differs from `base`'s or that `base` lacks (all if it has no such file).

    Raises SyntaxError for a candidate that is no Python; a base that is none counts as one without scenarios.
    """
    new = fingerprints(candidate)
    try:
        old = fingerprints(base) if base is not None else {}
    except (SyntaxError, ValueError):
        old = {}
    return frozenset(name for name, print_ in new.items() if old.get(name) != print_)


def fingerprints(source: str) -> dict[str, str]:
    """By scenario id: a digest of all that the source says about it. Raises SyntaxError."""
    tree = ast.parse(source)
    makers = _makers(tree)
    definitions = _definitions(tree, makers)
    found = {}
    for call in _scenario_calls(tree, makers):
        name = _id(call)
        if name is None:
            continue
        parts = [_dump(_without_summary(call))]
        parts += [_dump(node) for used in sorted(_closure(call, definitions)) for node in definitions[used]]
        found[name] = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    return found


def _makers(tree: ast.Module) -> frozenset[str]:
    """What makes a scenario: the class, and the module's functions that return one."""
    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef))
    return frozenset(
        {"Scenario"}
        | {one.name for one in functions if isinstance(one.returns, ast.Name) and one.returns.id == "Scenario"}
    )


def _scenario_calls(tree: ast.Module, makers: frozenset[str]) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in makers:
            yield node


def _id(call: ast.Call) -> str | None:
    values = [*call.args[:1], *(keyword.value for keyword in call.keywords if keyword.arg == "id")]
    for value in values:
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            return value.value
    return None


def _without_summary(call: ast.Call) -> ast.Call:
    """A second argument by position is the summary."""
    return ast.Call(call.func, [*call.args[:1], *call.args[2:]], call.keywords)


def _definitions(tree: ast.Module, makers: frozenset[str]) -> dict[str, list[ast.stmt]]:
    """The module's own names, and the statements that give them their meaning."""
    found: dict[str, list[ast.stmt]] = {}
    for statement in tree.body:
        match statement:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                names = [name]
            case ast.Assign(targets=targets):
                names = [target.id for target in targets if isinstance(target, ast.Name)]
            case ast.AnnAssign(target=ast.Name(id=name)):
                names = [name]
            case _:
                names = []
        if any(True for _ in _calls_within(statement, makers)):
            continue  # the table itself: else each scenario would depend on every other
        for name in names:
            found.setdefault(name, []).append(statement)
    return found


def _calls_within(statement: ast.stmt, makers: frozenset[str]) -> Iterator[ast.Call]:
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return
    yield from _scenario_calls(ast.Module([statement], []), makers)


def _closure(node: ast.AST, definitions: dict[str, list[ast.stmt]]) -> set[str]:
    found: set[str] = set()
    waiting: list[ast.AST] = [node]
    while waiting:
        for part in ast.walk(waiting.pop()):
            if isinstance(part, ast.Name) and part.id in definitions and part.id not in found:
                found.add(part.id)
                waiting += definitions[part.id]
    return found


class _Meaning(ast.NodeTransformer):
    """Leaves out what only tells: docstrings and summaries."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            return None
        self.generic_visit(node)
        return node

    def visit_Call(self, node: ast.Call) -> ast.Call:
        self.generic_visit(node)
        keywords = [keyword for keyword in node.keywords if keyword.arg not in _TOLD_ONLY]
        return ast.Call(node.func, node.args, keywords)


def _dump(node: ast.AST) -> str:
    copy = ast.parse(ast.unparse(node))
    return ast.dump(_Meaning().visit(copy))
