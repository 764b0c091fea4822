"""Actual causes: which events made this event happen, here and now? (Halpern & Pearl)

    causes("BS=1", rocks)          [ST=1 caused BS=1: with BH=0 held, ST=0 undoes it, SH=1 caused BS=1: …]

X=x is a cause of φ where both happen (AC1), X is minimal (AC3), and for some setting x' of X and some W set to w (AC2)

    modified   W at its actual values:                 [X <- x', W <- w] not φ
    updated    any w, as above, and for every W' in W and every Z' outside X and W, at their actual values z,
                                                       [X <- x, W' <- w, Z' <- z] φ
    original   as updated, with W' = W

All interventions (each variable free or at a value) are evaluated together: one array of truth values with an axis a
variable. The "modified" causes are the minimal sets of changed variables among those that undo φ; for the others, "for
every subset" is an "and" along one axis after the other.

Source   Halpern & Pearl 2001 (original), 2005 (updated); Halpern 2015 (modified). Responsibility and blame: Chockler &
         Halpern 2004; Halpern 2016, ch. 6.
Limits   ∏ (values + 1) over the causes of φ is at most 5 million: 14 binary variables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from butfor.core.errors import QueryError, UnknownName
from butfor.scm.equations import Codes, Equations, arguments
from butfor.scm.graph import bits
from butfor.scm.models.event import EventLike, read_conditions, told
from butfor.scm.questions.evaluation import as_number, place

Definition = Literal["original", "updated", "modified"]
Effect = EventLike | Callable[..., Any]
Truth = NDArray[np.bool_]
LARGEST = 5_000_000  # interventions at most


@dataclass(frozen=True, slots=True)
class Cause:
    """An actual cause with the witness that needs least: what is held, and what setting undoes the effect."""

    cause: Mapping[str, Any]
    effect: str
    held: Mapping[str, Any]
    instead: Mapping[str, Any]
    size: int  # variables changed (modified: changed or held) to see that the effect depends on the cause
    definition: Definition

    def __str__(self) -> str:
        held = f"with {_listed(self.held)} held, " if self.held else ""
        return f"{_listed(self.cause)} caused {self.effect}: {held}{_listed(self.instead)} undoes it"

    __repr__ = __str__


def causes(
    effect: Effect,
    model: Equations,
    context: Mapping[str, Any] | None = None,
    *,
    definition: Definition = "modified",
    among: Iterable[str] | None = None,
    largest: int | None = None,
) -> list[Cause]:
    """All actual causes of what happened, smallest first.

    `effect` is an event ("BS=1", "A=1, B=0") or a function of variables that is true where it happens. Causes are
    looked for `among` all variables but those of the effect, in sets of at most `largest`.
    """
    if definition not in get_args(Definition):
        raise UnknownName("definition of actual causes", str(definition), get_args(Definition))
    case = Case.of(effect, model, context)
    if not case.truth[(0,) * case.truth.ndim]:
        raise QueryError(f"{case.effect} does not happen in this context; ask for causes of what happens")
    mentioned = set(case.variables)
    names = [name for name in model.graph.names if name not in mentioned]
    if among is not None:
        names = [among] if isinstance(among, str) else list(among)
    for name in names:
        model.graph.at(name)
    chosen = sum(1 << i for i, name in enumerate(case.names) if name in names)
    most = len(case.names) if largest is None else largest
    found = case.modified(chosen, most) if definition == "modified" else case.older(chosen, most, definition)
    return sorted(found, key=lambda one: (len(one.cause), [model.graph.index[name] for name in one.cause]))


def is_cause(
    cause: Mapping[str, Any] | str,
    effect: Effect,
    model: Equations,
    context: Mapping[str, Any] | None = None,
    *,
    definition: Definition = "modified",
) -> bool:
    """Is this, as a whole, an actual cause of the effect?"""
    wanted = _settings(cause, model)
    found = causes(effect, model, context, definition=definition, among=wanted, largest=len(wanted))
    return any(dict(one.cause) == wanted for one in found)


def responsibility(
    cause: Mapping[str, Any] | str,
    effect: Effect,
    model: Equations,
    context: Mapping[str, Any] | None = None,
    *,
    definition: Definition = "modified",
) -> float:
    """1 / k, where k variables at least must change for the effect to depend on this one; 0 for what is no cause.

    `cause` is one variable at a value. It counts itself; under "modified" what is held counts, too.
    """
    wanted = _settings(cause, model)
    if len(wanted) != 1:
        raise QueryError("responsibility is of one variable at a value, such as 'ST=1'")
    ((name, value),) = wanted.items()
    found = causes(effect, model, context, definition=definition)
    sizes = [one.size for one in found if name in one.cause and one.cause[name] == value]
    return 1 / min(sizes) if sizes else 0.0


def blame(
    cause: Mapping[str, Any] | str,
    effect: Effect,
    model: Equations,
    contexts: Iterable[tuple[Mapping[str, Any], float]],
    *,
    definition: Definition = "modified",
) -> float:
    """Expected responsibility over the contexts that an agent thought possible before acting, with probabilities."""
    wanted = _settings(cause, model)
    acted = model.do(**wanted)
    weighed = list(contexts)
    if abs(sum(chance for _, chance in weighed) - 1) > 1e-9 or any(chance < 0 for _, chance in weighed):
        raise QueryError("the probabilities of the contexts must sum to 1")
    happens = [bool(Case.of(effect, acted, context).happens) for context, _ in weighed]
    return sum(
        chance * responsibility(wanted, effect, acted, context, definition=definition)
        for (context, chance), there in zip(weighed, happens, strict=True)
        if there
    )


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """The causes of an effect in a context, and whether the effect happens under every intervention on them."""

    names: tuple[str, ...]  # causes first
    levels: tuple[tuple[Any, ...], ...]
    actual: tuple[int, ...]
    truth: Truth  # [values of variable 1 plus one, …]: 0 leaves a variable alone, 1 + k sets its k-th value
    effect: str
    variables: tuple[str, ...]  # of the effect

    @property
    def happens(self) -> bool:
        return bool(self.truth[(0,) * self.truth.ndim])

    @classmethod
    def of(cls, effect: Effect, model: Equations, context: Mapping[str, Any] | None) -> Case:
        seen = model.checked(context)
        variables, predicate, words = _read(effect, model)
        names = model.graph.sorted(model.graph.ancestors_of(model.graph.set(variables)))
        levels = tuple(model.values(name) for name in names)
        if (count := int(np.prod([len(level) + 1 for level in levels], dtype=np.float64))) > LARGEST:
            raise QueryError(
                f"{len(names)} variables cause {words}: {count:,} interventions, and {LARGEST:,} are the most;\n"
                "leave out of the model what does not matter here, or merge variables"
            )
        values: dict[str, Codes] = {}
        for axis, name in enumerate(names):
            inner = [cause for cause in model.causes[name] if cause in values]
            table = model.table(name, inner, seen)
            natural = table[tuple(values[cause] for cause in inner)] if inner else table.reshape([1] * len(names))
            shape = list(natural.shape)
            parts = [natural]
            for code in range(len(levels[axis])):
                parts.append(np.full(shape, code))
            values[name] = np.concatenate(parts, axis=axis)
        wanted = np.zeros([len(model.values(name)) for name in variables], dtype=bool)
        for codes in product(*(range(size) for size in wanted.shape)):
            wanted[codes] = bool(predicate(*(model.values(n)[code] for n, code in zip(variables, codes, strict=True))))
        truth = np.broadcast_to(wanted[tuple(values[name] for name in variables)], [len(level) + 1 for level in levels])
        actual = tuple(int(values[name][(0,) * len(names)]) for name in names)
        return cls(names, levels, actual, truth, words, variables)

    # the three definitions ------------------------------------------------------------------------------------------

    def modified(self, chosen: int, most: int) -> Iterator[Cause]:
        """Minimal sets of variables moved off their actual values, among interventions that undo the effect."""
        moved = np.zeros([1] * len(self.names), dtype=np.int32)
        held = np.zeros([1] * len(self.names), dtype=np.int8)
        for axis, level in enumerate(self.levels):
            shape = [1] * len(self.names)
            shape[axis] = len(level) + 1
            digit = np.arange(len(level) + 1).reshape(shape)
            here = digit == 1 + self.actual[axis]
            moved = moved + np.where((digit > 0) & ~here, np.int32(1 << axis), np.int32(0))
            held = held + here.astype(np.int8)
        where = np.flatnonzero(~self.truth.ravel() & ((moved.ravel() & ~chosen) == 0))
        moved, held = moved.ravel()[where], held.ravel()[where]
        where = where[np.lexsort((held, moved))]
        masks, first = np.unique(np.sort(moved), return_index=True)
        for mask, at in _minimal(masks, where[first], most):
            digits = [int(digit) for digit in np.unravel_index(at, self.truth.shape)]
            yield self._cause(mask, digits, "modified")

    def older(self, chosen: int, most: int, definition: Definition) -> Iterator[Cause]:
        """Sets by size; those that hold a cause already found are not minimal."""
        known: list[int] = []
        for size in range(1, min(most, chosen.bit_count()) + 1):
            for axes in combinations(bits(chosen), size):
                mask = sum(1 << axis for axis in axes)
                if any(mask & one == one for one in known):
                    continue
                if (digits := self._witness(axes, definition)) is not None:
                    known.append(mask)
                    yield self._cause(mask, digits, definition)

    def _witness(self, axes: tuple[int, ...], definition: Definition) -> list[int] | None:
        """The setting of X and W that needs the fewest changes in W, then the fewest variables in W."""
        rest = [axis for axis in range(len(self.names)) if axis not in axes]
        fixed: list[Any] = [slice(None)] * len(self.names)
        for axis in axes:
            fixed[axis] = 1 + self.actual[axis]
        stays = self.truth[tuple(fixed)].copy()
        for k, axis in enumerate(rest):
            view = np.moveaxis(stays, k, 0)
            free = view[0].copy()
            view[0] = free & view[1 + self.actual[axis]]
            if definition == "updated":
                view[1:] &= free
        if not stays.any():
            return None
        cost = self._cost(rest)
        best: tuple[int, list[int]] | None = None
        for setting in product(*(range(len(self.levels[axis])) for axis in axes)):
            for axis, code in zip(axes, setting, strict=True):
                fixed[axis] = 1 + code
            undone = np.where(stays & ~self.truth[tuple(fixed)], cost, np.iinfo(np.int32).max)
            at = int(np.argmin(undone))
            least = int(undone.ravel()[at])
            if least < np.iinfo(np.int32).max and (best is None or least < best[0]):
                digits = [0] * len(self.names)
                for axis, digit in zip(rest, np.unravel_index(at, undone.shape), strict=True):
                    digits[axis] = int(digit)
                for axis, code in zip(axes, setting, strict=True):
                    digits[axis] = 1 + code
                best = least, digits
        return None if best is None else best[1]

    def _cost(self, rest: list[int]) -> NDArray[np.int32]:
        """How many variables W moves off their actual values (in hundreds), and how many it holds at all."""
        cost = np.zeros([1] * len(rest), dtype=np.int32)
        for k, axis in enumerate(rest):
            shape = [1] * len(rest)
            shape[k] = len(self.levels[axis]) + 1
            digit = np.arange(shape[k]).reshape(shape)
            cost = cost + np.where(digit == 0, 0, np.where(digit == 1 + self.actual[axis], 1, 101)).astype(np.int32)
        return cost

    def _cause(self, mask: int, digits: list[int], definition: Definition) -> Cause:
        cause, held, instead = dict[str, Any](), dict[str, Any](), dict[str, Any]()
        changed = 0
        for axis, (name, digit) in enumerate(zip(self.names, digits, strict=True)):
            if mask >> axis & 1:
                cause[name] = self.levels[axis][self.actual[axis]]
                instead[name] = self.levels[axis][digit - 1]
            elif digit:
                held[name] = self.levels[axis][digit - 1]
                changed += definition == "modified" or digit != 1 + self.actual[axis]
        return Cause(cause, self.effect, held, instead, len(cause) + changed, definition)


def _minimal(masks: NDArray[np.int32], where: NDArray[np.int64], most: int) -> Iterator[tuple[int, int]]:
    """The sets that hold no other, smallest first, and where each was found."""
    sizes = np.array([int(mask).bit_count() for mask in masks])
    order = np.argsort(sizes, kind="stable")
    order = order[sizes[order] <= most]
    while len(order):
        mask = int(masks[order[0]])
        yield mask, int(where[order[0]])
        order = order[(masks[order] & mask) != mask]


# reading ------------------------------------------------------------------------------------------------------------


def _read(effect: Effect, model: Equations) -> tuple[tuple[str, ...], Callable[..., Any], str]:
    """The variables of an effect, when it happens, and how it is written."""
    if callable(effect):
        names = tuple(arguments("the effect", effect))
        for name in names:
            model.graph.at(name)
        return names, effect, getattr(effect, "__name__", "the effect").replace("<lambda>", "the effect")
    conditions = read_conditions(effect)
    names = tuple(dict.fromkeys(condition.name for condition in conditions))
    tests = [(names.index(c.name), c.sign, *_placed(model, c.name, c.value, c.sign)) for c in conditions]

    def happens(*inputs: Any) -> bool:
        return all(_holds(order[known.index(inputs[i])], sign, mark) for i, sign, known, order, mark in tests)

    return names, happens, told(conditions)


def _placed(model: Equations, name: str, value: Any, sign: str) -> tuple[tuple[Any, ...], list[float], float]:
    """The values of a variable, each as a number that signs compare, and the number of the one named."""
    model.graph.at(name)
    levels = model.values(name)
    if sign in ("=", "!="):
        return levels, [float(code) for code in range(len(levels))], float(place(name, value, levels))
    order, mark = [as_number(level) for level in levels], as_number(value)
    sizes = [size for size in order if size is not None]
    if mark is None or len(sizes) < len(order):
        raise QueryError(f"{name}{sign}{value}: labels have no order; name the values, as in {name}={levels[-1]}")
    return levels, sizes, mark


def _holds(value: float, sign: str, mark: float) -> bool:
    return {"=": value == mark, "!=": value != mark, "<": value < mark, "<=": value <= mark, ">": value > mark,
            ">=": value >= mark}[sign]  # fmt: skip


def _settings(cause: Mapping[str, Any] | str, model: Equations) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for condition in read_conditions(cause):
        model.graph.at(condition.name)
        levels = model.values(condition.name)
        if condition.sign != "=":
            raise QueryError(f"a cause is a variable at a value, not {condition}")
        found[condition.name] = levels[place(condition.name, condition.value, levels)]
    return found


def _listed(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in settings.items())
