"""What can be changed in one node of a syntax tree so that the code means something else."""

import ast
from collections.abc import Iterator
from typing import NamedTuple

_COMPARISONS: dict[type, tuple[type, ...]] = {
    ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE), ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,), ast.NotIn: (ast.In,)}
_ARITHMETIC: dict[type, type] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift, ast.RShift: ast.LShift}
_SYMMETRIC = {"max", "min", "logaddexp", "transpose"}  # swapped arguments mean the same

SILENT = ("device", "strict")  # arguments that make no difference without a GPU, or without a fault somewhere else


class Change(NamedTuple):
    """Another node for one node."""

    what: str
    node: ast.AST


def changes(node: ast.AST) -> Iterator[Change]:
    """Every change of this node alone; those of what it holds are left to the nodes inside."""
    match node:
        case ast.Compare(left, [operator], [right]):
            for other in _COMPARISONS[type(operator)]:
                yield Change("comparison", ast.Compare(left, [other()], [right]))
        case ast.BinOp(left, operator, right) if type(operator) in _ARITHMETIC and not _is_type(right):
            yield Change("operator", ast.BinOp(left, _ARITHMETIC[type(operator)](), right))
        case ast.AugAssign(target, operator, value):
            yield Change("statement dropped", ast.Pass())
            if type(operator) in _ARITHMETIC:
                yield Change("operator", ast.AugAssign(target, _ARITHMETIC[type(operator)](), value))
        case ast.BoolOp(operator, values):
            yield Change("and, or", ast.BoolOp(ast.Or() if isinstance(operator, ast.And) else ast.And(), values))
        case ast.UnaryOp(ast.Not() | ast.USub() | ast.Invert(), operand):
            yield Change("sign dropped", operand)
        case ast.Constant(bool() as value):
            yield Change("constant", ast.Constant(not value))
        case ast.Constant(int() as value):
            yield from (Change("constant", ast.Constant(value + step)) for step in (1, -1))
        case ast.Constant(float() as value):
            yield Change("constant", ast.Constant(2 * value or 1.0))
        case ast.Slice(lower, upper, step):
            if lower:
                yield Change("bound dropped", ast.Slice(None, upper, step))
            if upper:
                yield Change("bound dropped", ast.Slice(lower, None, step))
        case ast.Call():
            yield from _of_call(node)
        case ast.Expr(ast.Call()) | ast.Assign([ast.Attribute() | ast.Subscript()]):
            yield Change("statement dropped", ast.Pass())
        case ast.If(test, body, other) if isinstance(test, ast.Name | ast.Attribute | ast.Call):
            yield Change("condition", ast.If(ast.UnaryOp(ast.Not(), test), body, other))
        case ast.IfExp(test, body, other) if isinstance(test, ast.Name | ast.Attribute | ast.Call):
            yield Change("condition", ast.IfExp(test, other, body))


def _of_call(call: ast.Call) -> Iterator[Change]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if len(call.args) > 1 and name not in _SYMMETRIC and not any(isinstance(one, ast.Starred) for one in call.args[:2]):
        yield Change("arguments swapped", ast.Call(call.func, [*call.args[1::-1], *call.args[2:]], call.keywords))
    for dropped in call.keywords:
        if dropped.arg not in (None, *SILENT):
            others = [keyword for keyword in call.keywords if keyword is not dropped]
            yield Change(f"{dropped.arg} dropped", ast.Call(call.func, call.args, others))
    if isinstance(call.func, ast.Attribute) and _is_value(call.func.value):
        yield Change("call dropped", call.func.value)


def _is_value(owner: ast.AST) -> bool:
    """Whether a method's owner can stand where its answer stood; modules, classes and what `self` holds cannot."""
    while isinstance(owner, ast.Attribute):
        owner = owner.value
    if isinstance(owner, ast.Name):
        return owner.id not in ("self", "torch", "F", "math", "nn") and not owner.id[0].isupper()
    return not isinstance(owner, ast.Constant) and not (isinstance(owner, ast.Call) and ast.unparse(owner) == "super()")


def _is_type(right: ast.AST) -> bool:
    """Whether `left | right` is a type."""
    return isinstance(right, ast.Constant) and right.value is None
