"""Models of any functions and noises, answered by draws: all at once, seeded, with a standard error.

    m = functional({"X": lambda noise: noise, "Y": lambda X, noise: X**2 + noise}, additive=True)
    m.ate("X", "Y")                            a number
    m.effect(lambda m: m.ate("X", "Y"))        the same with the interval of its Monte Carlo error

Each variable's noise has a stream of its own, by its name: a model and the same model after `do` draw the same noise,
so that their difference has little error. Evidence weighs draws, causes before effects, as each mechanism's abduction
says (`mechanism`): where the mechanisms of what is seen can be solved for their noise, and all its causes are seen too,
every draw agrees with the evidence and the counterfactual is exact. Else the effective number of draws is
(Σ w)² / Σ w²; below `LEAST` the evidence is refused.

Source    Pearl 2009, 7.1; Kong 1992 (effective sample size).
Limits    Probabilities below 1 / draws are not seen. A common cause that is not seen is a variable listed as `latent`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast, final

import numpy as np
from numpy.typing import NDArray

from butfor.core.errors import GraphError, Impossible, QueryError, UnknownName
from butfor.core.seeds import derive, generator
from butfor.scm.graph import Graph
from butfor.scm.models.event import Condition, EventLike, is_event, read_conditions, read_event, told
from butfor.scm.models.gaussian import Shift
from butfor.scm.models.mechanism import Function, Mechanism, Noise, Shifted, choice, fixed, typed
from butfor.scm.models.model import SCM, Parallel, Sample, World, check_draws, merged
from butfor.stats.effect import Effect
from butfor.stats.quantiles import t_quantile

Floats = NDArray[np.float64]
Values = NDArray[Any]

DRAWS = 100_000
LEAST = 100  # effective draws that an answer needs
PARTS = 20  # batches behind a standard error
TRIED = 64  # draws on which a declared inverse is tried


@final
@dataclass(frozen=True, slots=True, eq=False)
class Functional(SCM):
    """A mechanism for each variable; what is `latent` shows as `<->` in the graph."""

    mechanisms: Mapping[str, Mechanism]
    latent: tuple[str, ...] = ()
    draws: int = DRAWS
    seed: int = 0

    @property
    def whole(self) -> Graph:
        """The graph over all variables, latent ones among them."""
        edges = [(cause, name) for name, mechanism in self.mechanisms.items() for cause in mechanism.causes]
        return Graph(self.mechanisms, edges)

    @property
    def graph(self) -> Graph:
        """The graph over the variables that are seen."""
        return self.whole.projected(self.latent) if self.latent else self.whole

    @property
    def seen(self) -> tuple[str, ...]:
        return tuple(name for name in self.mechanisms if name not in self.latent)

    def do(self, assignments: Mapping[str, Any] | str | None = None, /, **values: Any) -> Functional:
        """The model after an intervention: a value, a function or `Mechanism`, a `Shift`, or {value: probability}."""
        changed = dict(self.mechanisms)
        for name, action in merged(assignments, values).items():
            if name not in changed:
                raise UnknownName("variable", name, changed)
            changed[name] = _acted(changed[name], action, name)
        model = replace(self, mechanisms=changed)
        model.whole  # noqa: B018  a mechanism that closes a cycle is refused here
        return model

    def p(self, event: EventLike, given: EventLike | None = None) -> float:
        """The probability of an event ("Y>1, Z=0 | X=1")."""
        first, behind = read_event(event, given)
        return self.parallel([World()], behind).p({0: first})

    def mean(self, y: str, given: EventLike | None = None) -> float:
        """The mean of a variable; for an event ("Y>1"), its probability."""
        return self.parallel([World()], read_conditions(given or ())).mean(y, 0)

    def sample(self, n: int, seed: int = 0) -> Sample:
        """n draws of the seen variables."""
        check_draws(n)
        drawn = replace(self, draws=max(n, 1), seed=seed).abduced(())
        return {name: drawn.values[name][:n] for name in self.seen}

    def parallel(self, worlds: Sequence[World], evidence: EventLike = ()) -> Draws:
        """Worlds that share the noise which the evidence leaves."""
        actual = self.abduced(read_conditions(evidence))
        found: list[dict[str, Values]] = []
        for w, world in enumerate(worlds):
            if not world.do and not world.reads:
                found.append(actual.values)
                continue
            changed = self.do(world.do)
            values: dict[str, Values] = {}
            for i in (whole := changed.whole).order:
                name = whole.names[i]
                mechanism = changed.mechanisms[name]
                old = name not in world.do or isinstance(world.do[name], Shift)
                causes = [found[k][cause] if (k := world.reads.get((cause, name))) is not None else values[cause]
                          for cause in mechanism.causes]  # fmt: skip
                fresh = generator(self.seed, "world", w, name)
                noise = actual.noise[name] if old else mechanism.draw(self.draws, fresh)
                values[name] = mechanism.run(causes, noise)
            found.append(values)
        return Draws(tuple(found), actual.weights, self.seen)

    def effect(self, question: Callable[[Functional], float], level: float = 0.95) -> Effect:
        """Any question of this model with the interval of its Monte Carlo error, from batches with their own noise."""
        size = max(self.draws // PARTS, LEAST)
        parts = [question(replace(self, draws=size, seed=derive(self.seed, "batch", i))) for i in range(PARTS)]
        mean, se = float(np.mean(parts)), float(np.std(parts, ddof=1)) / math.sqrt(PARTS)
        reach = se * float(t_quantile((1 + level) / 2, PARTS - 1))
        method = f"Monte Carlo: {PARTS} batches of {size} draws"
        return Effect(
            estimate=mean, low=mean - reach, high=mean + reach, level=level, p=None, n=PARTS * size, method=method
        )

    def abduced(self, evidence: Sequence[Condition]) -> Abduced:
        """Noise of every variable that agrees with the evidence, and the weight of each draw."""
        points, bounds = self._sorted(evidence)
        values: dict[str, Values] = {}
        noises: dict[str, Floats] = {}
        weight = np.zeros(self.draws)
        for i in (whole := self.whole).order:
            name = whole.names[i]
            mechanism, rng = self.mechanisms[name], generator(self.seed, "noise", name)
            causes = [values[cause] for cause in mechanism.causes]
            if name in points:
                noises[name], share = mechanism.abduce(points[name], causes, self.draws, rng)
                values[name] = np.full(self.draws, points[name])
                weight = weight + share
                if not np.isfinite(weight).any():
                    raise Impossible(_unreachable(name, points[name], mechanism))
            else:
                noises[name] = mechanism.draw(self.draws, rng)
                values[name] = mechanism.run(causes, noises[name])
            for condition in bounds.get(name, ()):
                weight = np.where(holds(condition, values[name]), weight, -np.inf)
        if not np.isfinite(top := weight.max()):
            raise Impossible(f"no draw agrees with {told(evidence)}: it is impossible, or too rare for {self.draws}")
        weights = np.exp(weight - top)
        weights /= weights.sum()
        effective = 1 / float(np.sum(weights**2))
        if evidence and effective < min(LEAST, self.draws):
            raise Impossible(
                f"{told(evidence)} is so rare that only {effective:.0f} of {self.draws} draws carry it; "
                "raise draws= tenfold, see more of its causes, or see less"
            )
        return Abduced(values, noises, weights)

    def _sorted(self, evidence: Sequence[Condition]) -> tuple[dict[str, Any], dict[str, list[Condition]]]:
        """Seen values, and what else is known of each variable."""
        points: dict[str, Any] = {}
        bounds: dict[str, list[Condition]] = {}
        for condition in evidence:
            name = condition.name
            if name not in self.mechanisms:
                raise UnknownName("variable", name, self.mechanisms)
            if condition.sign != "=":
                bounds.setdefault(name, []).append(condition)
                continue
            value = self.mechanisms[name].own(condition.value, name)
            if points.setdefault(name, value) != value:
                raise Impossible(f"{told(evidence)} contradicts itself: {name} has two values")
        return points, bounds


@final
@dataclass(frozen=True, slots=True, eq=False)
class Draws(Parallel):
    """Weighted draws of several worlds; one row of all of them shares its noise."""

    values: tuple[Mapping[str, Values], ...]
    weights: Floats  # [draws], they sum to one
    seen: tuple[str, ...]

    @property
    def effective(self) -> float:
        """How many draws of equal weight these are worth."""
        return 1 / float(np.sum(self.weights**2))

    def p(self, events: Mapping[int, EventLike]) -> float:
        """The probability that each event holds in its world, all together."""
        return min(float(self.weights @ self._holds(events)), 1.0)

    def mean(self, y: str, world: int) -> float:
        """The mean of a variable in one world; for an event ("Y>1"), its probability."""
        return float(self.weights @ self._numbers(y, world))

    def standard_error(self, y: str, world: int) -> float:
        """The Monte Carlo error of `mean`."""
        x = self._numbers(y, world)
        return math.sqrt(float(np.sum((self.weights * (x - self.weights @ x)) ** 2)))

    def sample(self, n: int, seed: int = 0) -> list[Sample]:
        """n draws of all seen variables, one dictionary a world; draws of the same row share their noise."""
        check_draws(n)
        rows = np.searchsorted(np.cumsum(self.weights), generator(seed, "rows").random(n)).clip(
            0, len(self.weights) - 1
        )
        return [{name: world[name][rows] for name in self.seen} for world in self.values]

    def _numbers(self, y: str, world: int) -> Floats:
        if is_event(y):
            return self._holds({world: y}).astype(np.float64)
        x = _of(self.values[world], y)
        if x.dtype.kind not in "buif":
            raise QueryError(f"{y} holds labels ({x[0]!r}, …): ask for an event, as in '{y}={x[0]}'")
        return x.astype(np.float64)

    def _holds(self, events: Mapping[int, EventLike]) -> NDArray[np.bool_]:
        true = np.ones(len(self.weights), dtype=np.bool_)
        for world, event in events.items():
            for condition in read_conditions(event):
                x = _of(self.values[world], condition.name)
                where = holds(condition, x)
                equal = {"=": where, "!=": ~where}.get(condition.sign, true)
                if not equal.any() and len(np.unique(x)) > LEAST:
                    raise QueryError(f"{condition.name} is continuous: {condition.name}={condition.value} has "
                                     f"probability zero; ask for an interval ({condition.name}>1)")  # fmt: skip
                true = true & where
        return true


@final
@dataclass(frozen=True, slots=True, eq=False)
class Abduced:
    """Weighted draws of the actual world and of its noise."""

    values: dict[str, Values]
    noise: dict[str, Floats]
    weights: Floats


def functional(
    mechanisms: Mapping[str, Mechanism | Callable[..., Any]],
    *,
    noise: Mapping[str, Noise] | None = None,
    additive: bool | Iterable[str] = False,
    latent: Iterable[str] = (),
    draws: int = DRAWS,
    seed: int = 0,
) -> Functional:
    """A function for each variable (`lambda X, noise: ...`) or a `Mechanism`; noise is standard normal by default.

    `additive`: the variables (or True: all given as plain functions) whose functions add their noise at the end.
    """
    hidden = (latent,) if isinstance(latent, str) else tuple(latent)
    for name in (*(noise or {}), *(() if isinstance(additive, bool) else additive), *hidden):
        if name not in mechanisms:
            raise UnknownName("variable", name, mechanisms)
    added = set(mechanisms if additive is True else additive or ())
    made: dict[str, Mechanism] = {}
    for name, given in mechanisms.items():
        mechanism = given if isinstance(given, Mechanism) else Function(given, additive=name in added)
        if noise and name in noise:
            if not isinstance(mechanism, Function):
                raise QueryError(f"{name} brings its own noise; leave it out of noise=")
            mechanism = replace(mechanism, noise=noise[name])
        made[name] = mechanism
    if draws < LEAST:
        raise QueryError(f"draws={draws} says little; {LEAST} is the least, {DRAWS} is usual")
    model = Functional(made, hidden, draws, seed)
    _try(model)
    return model


def holds(condition: Condition, x: Values) -> NDArray[np.bool_]:
    """Where a condition is true."""
    value: Any = condition.value
    if x.dtype.kind in "buif":
        value = typed(value)
        if isinstance(value, str):
            raise QueryError(f"{condition.name} is a number, and {value!r} is not")
    elif condition.sign not in ("=", "!="):
        raise QueryError(f"{condition.name} holds labels, which have no order: {condition}")
    else:
        value = str(value)
    compare = {"=": np.equal, "!=": np.not_equal, "<": np.less, "<=": np.less_equal, ">": np.greater,
               ">=": np.greater_equal}[condition.sign]  # fmt: skip
    return np.asarray(compare(x, value), dtype=np.bool_)


def _acted(old: Mechanism, action: Any, name: str) -> Mechanism:
    if isinstance(action, Shift):
        return Shifted(old, action.by)
    if isinstance(action, Mechanism):
        return action
    if isinstance(action, Mapping):
        chances = cast("Mapping[Any, float]", action)
        return choice({old.own(value, name): chance for value, chance in chances.items()})
    return Function(action) if callable(action) else fixed(old.own(action, name))


def _of(values: Mapping[str, Values], name: str) -> Values:
    if name not in values:
        raise UnknownName("variable", name, values)
    return values[name]


def _unreachable(name: str, value: Any, mechanism: Mechanism) -> str:
    told = f"no draw gives {name}={value}"
    if isinstance(mechanism, Function) and not mechanism.solves:
        return f"{told}: if {name} is continuous, say how its noise follows from it (additive=True, or inverse=...)"
    return f"{told}: the model makes it impossible, or it lies outside what the other evidence allows"


def _try(model: Functional) -> None:
    """Runs every mechanism on a few draws: a cycle, a wrong shape and a wrong inverse are refused here."""
    drawn = replace(model, draws=TRIED).abduced(())
    for name, mechanism in model.mechanisms.items():
        x = drawn.values[name]
        if x.dtype.kind in "f" and not np.isfinite(x).all():
            raise GraphError(f"the mechanism of {name} gives values that are not finite")
        if isinstance(mechanism, Function) and mechanism.solves:
            back = mechanism.noise_of(x, [drawn.values[cause] for cause in mechanism.causes])
            if not np.allclose(back, drawn.noise[name], rtol=1e-6, atol=1e-6):
                how = "inverse does not give its noise back" if mechanism.inverse else "noise is not added at the end"
                raise QueryError(f"{name}: its {how}; correct it, or leave {name} out of what can be solved")
