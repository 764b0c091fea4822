"""Estimands in words: plain text for a terminal, LaTeX for a page.

    Σ_M P(M | X) Σ_X' P(Y | M, X') P(X')

A bound variable takes a prime where its name is already read as another variable: free in the whole expression, or
bound further out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from butfor.scm.questions.expression import At, Combination, Mean, Node, P, Product, Ratio, Sum, Value

Names = Mapping[str, str]  # how each variable is written here


@dataclass(frozen=True, slots=True)
class Style:
    """The marks of one way of writing."""

    sum: str
    bar: str
    times: str
    ratio: str
    open: str
    close: str


PLAIN = Style("Σ_{names} {body}", " | ", " ", "[{top}] / [{bottom}]", "(", ")")
LATEX = Style(r"\sum_{{{names}}} {body}", r" \mid ", r"\, ", r"\frac{{{top}}}{{{bottom}}}", r"\left(", r"\right)")


def text(node: Node) -> str:
    """Plain text."""
    return _write(node, {name: name for name in node.free}, PLAIN)


def latex(node: Node) -> str:
    """LaTeX, for math mode."""
    return _write(node, {name: _roman(name) for name in node.free}, LATEX)


def _write(node: Node, names: Names, style: Style) -> str:
    match node:
        case P():
            return f"P({_listed(node, names, style)})"
        case Mean(variable, P() as body) if body.outcome == (variable,):
            given = _listed(P((), body.given), names, style)
            return f"E[{_plain(variable, style)}{given}]"
        case Mean(variable, body):
            fresh = _fresh(variable, names, style)
            inside = _write(body, {**names, variable: fresh}, style)
            return _sum(fresh, f"{fresh}{style.times}{_grouped(body, inside, style)}", style)
        case Sum(over, body):
            inner = dict(names)
            for name in over:
                inner[name] = _fresh(name, inner, style)
            return _sum(", ".join(inner[name] for name in over), _write(body, inner, style), style, len(over))
        case At(body, values):
            return _write(body, {**names, **{name: _set(name, value, style) for name, value in values}}, style)
        case Product(parts):
            return _product(parts, names, style)
        case Ratio(top, bottom):
            return style.ratio.format(top=_write(top, names, style), bottom=_write(bottom, names, style))
        case Combination(terms):
            return _combination(terms, names, style)
        case _:
            raise TypeError(f"not an expression: {type(node).__name__}")


def _listed(node: P, names: Names, style: Style) -> str:
    given = ", ".join(names[name] for name in node.given)
    return ", ".join(names[name] for name in node.outcome) + (style.bar + given if given else "")


def _sum(names: str, body: str, style: Style, count: int = 1) -> str:
    return style.sum.format(names=f"{{{names}}}" if count > 1 and style is PLAIN else names, body=body)


def _product(parts: tuple[Node, ...], names: Names, style: Style) -> str:
    if not parts:
        return "1"
    ordered = sorted(parts, key=lambda part: isinstance(_bare(part), Sum))
    written = [_write(part, names, style) for part in ordered]
    last = len(ordered) - 1
    return style.times.join(
        _grouped(part, words, style, last=i == last)
        for i, (part, words) in enumerate(zip(ordered, written, strict=True))
    )


def _grouped(part: Node, words: str, style: Style, last: bool = False) -> str:
    """A part of a product, in brackets where it would be read otherwise."""
    bare = _bare(part)
    open_ended = (isinstance(bare, Sum) and not last) or (isinstance(bare, Combination) and len(bare.terms) > 1)
    return f"{style.open}{words}{style.close}" if open_ended else words


def _bare(part: Node) -> Node:
    while isinstance(part, At):
        part = part.body
    return part


def _combination(terms: tuple[tuple[float, Node], ...], names: Names, style: Style) -> str:
    if not terms:
        return "0"
    words = ""
    for weight, part in terms:
        sign = "-" if weight < 0 else "+"
        size = "" if abs(weight) == 1 else f"{abs(weight):g}{style.times}"
        body = _write(part, names, style)
        if isinstance(_bare(part), Sum) and len(terms) > 1:
            body = f"{style.open}{body}{style.close}"
        words += f" {sign} {size}{body}" if words else f"{'-' if weight < 0 else ''}{size}{body}"
    return words


def _fresh(name: str, names: Names, style: Style) -> str:
    """How a bound variable is written: its name, with as many primes as it takes to be told from the others."""
    written = _plain(name, style)
    taken = set(names.values())
    while written in taken:
        written += "'"
    return written


def _plain(name: str, style: Style) -> str:
    return name if style is PLAIN else _roman(name)


def _set(name: str, value: Value, style: Style) -> str:
    return f"{_plain(name, style)}={value if style is PLAIN else _roman(str(value))}"


def _roman(name: str) -> str:
    escaped = name.replace("\\", r"\backslash ").replace("_", r"\_").replace("%", r"\%").replace("&", r"\&")
    escaped = escaped.replace("#", r"\#").replace("$", r"\$")
    return escaped if len(name) == 1 or name.replace(".", "").isdigit() else rf"\mathrm{{{escaped}}}"
