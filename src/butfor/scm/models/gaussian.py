"""Linear models with normal noise: every question on all three rungs has a closed form.

    X = B X + c + U,   U ~ N(0, Ω)        so that   X ~ N( T c, T Ω Tᵀ ),   T = (I - B)⁻¹

Off the diagonal, Ω holds the bidirected edges (or name the common causes and list them as `latent`). T[y, x] sums the
products of coefficients along all directed paths from x to y: the total effect.

Worlds that share their noise are one larger linear map of the same U: world w solves X_w = B_w X_w + R_w X_k + c_w + U,
where R_w holds the causes that it reads from an earlier world k. All worlds and the actual one are jointly normal, and
evidence conditions them: abduction, action and prediction in one step.

    do(X=1)                    hard: the value
    do(X=Linear({"Z": 2}))     soft: another mechanism, with noise of its own
    do(X=Linear({}, 1, 4))     stochastic: N(1, variance 4)
    do(X=Shift(1))             the old mechanism and noise, moved

Source    Pearl 2009, ch. 5 and 7; Wright 1921.
Limits    A choice among values ({0: 0.5, 1: 0.5}) is a mixture, not normal: functional models take it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from butfor.core.errors import GraphError, Impossible, QueryError, UnknownName
from butfor.core.seeds import derive
from butfor.scm.graph import Graph
from butfor.scm.models.event import Condition, EventLike, is_event, read_conditions, read_event, told
from butfor.scm.models.model import SCM, Parallel, Sample, World, check_draws, merged
from butfor.scm.models.normal import Normal

Floats = NDArray[np.float64]
Limits = dict[str, tuple[float, float]]

TRIES = 200  # rounds of rejection


@final
@dataclass(frozen=True, slots=True)
class Linear:
    """A mechanism: a weighted sum of causes, a constant, and normal noise of its own."""

    coefficients: Mapping[str, float] = field(default_factory=dict[str, float])
    constant: float = 0.0
    variance: float = 1.0


@final
@dataclass(frozen=True, slots=True)
class Shift:
    """The old mechanism with its old noise, moved by a constant."""

    by: float


@final
@dataclass(frozen=True, slots=True, eq=False)
class LinearGaussian(SCM):
    """X = B X + c + U over `names`: b[i, j] is the direct effect of j on i, `omega` the covariance of U."""

    names: tuple[str, ...]
    b: Floats  # [n, n]
    c: Floats  # [n]
    omega: Floats  # [n, n]
    edges: frozenset[tuple[str, str]]
    latent: tuple[str, ...] = ()

    @property
    def whole(self) -> Graph:
        """The graph over all variables; correlated noise shows as `<->`."""
        n = len(self.names)
        both = [(self.names[i], self.names[j]) for i in range(n) for j in range(i + 1, n) if self.omega[i, j] != 0]
        return Graph(self.names, sorted(self.edges), both)

    @property
    def graph(self) -> Graph:
        """The graph over the variables that are seen."""
        return self.whole.projected(self.latent) if self.latent else self.whole

    @property
    def seen(self) -> tuple[str, ...]:
        return tuple(name for name in self.names if name not in self.latent)

    @property
    def totals(self) -> Floats:
        """Total effects T = (I - B)⁻¹: [y, x] sums over all directed paths from x to y."""
        return _totals(self.b, self.whole.order)

    @property
    def joint(self) -> Normal:
        """The distribution of all variables, latent ones among them."""
        reach = self.totals
        return Normal(self.names, reach @ self.c, reach @ self.omega @ reach.T)

    def at(self, name: str) -> int:
        if name not in self.names:
            raise UnknownName("variable", name, self.names)
        return self.names.index(name)

    def coefficient(self, x: str, y: str) -> float:
        """The direct effect of x on y."""
        return float(self.b[self.at(y), self.at(x)])

    def total(self, x: str, y: str) -> float:
        """The total effect of x on y, for a step of one."""
        return float(self.totals[self.at(y), self.at(x)])

    def do(self, assignments: Mapping[str, Any] | str | None = None, /, **values: Any) -> LinearGaussian:
        """The model after an intervention: a value, a `Linear` mechanism, or a `Shift`."""
        b, c, omega, edges = self.b.copy(), self.c.copy(), self.omega.copy(), set(self.edges)
        for name, action in merged(assignments, values).items():
            i = self.at(name)
            if isinstance(action, Shift):
                c[i] += action.by
                continue
            new = _mechanism(name, action)
            b[i], omega[i], omega[:, i] = 0.0, 0.0, 0.0
            c[i], omega[i, i] = new.constant, new.variance
            edges = {(cause, effect) for cause, effect in edges if effect != name}
            for cause, weight in new.coefficients.items():
                b[i, self.at(cause)] = weight
                edges.add((cause, name))
        changed = LinearGaussian(self.names, b, c, omega, frozenset(edges), self.latent)
        changed.whole  # noqa: B018  a mechanism that closes a cycle is refused here
        return changed

    def p(self, event: EventLike, given: EventLike | None = None) -> float:
        """The probability of an event ("Y>1, Z<0 | X=0"); what is given may fix values or bound them."""
        first, behind = read_event(event, given)
        return _seen(self.joint, behind).p(first)

    def mean(self, y: str, given: EventLike | None = None) -> float:
        """The mean of a variable; for an event ("Y>1"), its probability."""
        if is_event(y):
            return self.p(y, given)
        return _seen(self.joint, read_conditions(given or ())).mean(y)

    def var(self, y: str, given: EventLike | None = None) -> float:
        """The variance of a variable, given values of others."""
        return self._known(given).var(y)

    def quantile(self, y: str, q: float, given: EventLike | None = None) -> float:
        """The value that a share q of a variable lies below, given values of others."""
        return self._known(given).quantile(y, q)

    def covariance(self, names: Iterable[str], given: EventLike | None = None) -> Floats:
        """The covariances of some variables [k, k], given values of others."""
        return self._known(given).over(names).spread

    def _known(self, given: EventLike | None) -> Normal:
        state = _seen(self.joint, read_conditions(given or ()))
        if state.limits:
            raise QueryError("variances and quantiles take values as given (X=1), not intervals; sample for those")
        return state.normal

    def sample(self, n: int, seed: int = 0) -> Sample:
        """n draws of the seen variables."""
        check_draws(n)
        return dict(self.joint.over(self.seen).sample(n, seed))

    def parallel(self, worlds: Sequence[World], evidence: EventLike = ()) -> GaussianWorlds:
        """Worlds that share the noise U; a soft mechanism brings noise of its own, one for each world."""
        n, count = len(self.names), len(worlds)
        noise = np.zeros((n * (count + 1), n * (count + 1)))
        noise[:n, :n] = self.omega
        centers, loads = [self.totals @ self.c], [np.hstack([self.totals, np.zeros((n, n * count))])]
        for w, world in enumerate(worlds):
            changed = self.do(world.do)
            old = np.array([name not in world.do or isinstance(world.do[name], Shift) for name in self.names])
            source = np.zeros((n, n * (count + 1)))
            source[old, :n] = np.eye(n)[old]
            fresh = slice(n * (w + 1), n * (w + 2))
            source[~old, fresh] = np.eye(n)[~old]
            noise[fresh, fresh] = np.diag(np.where(old, 0.0, np.diag(changed.omega)))
            own, center = changed.b.copy(), changed.c.copy()
            for (cause, effect), k in world.reads.items():
                i, j = self.at(effect), self.at(cause)
                center[i] += own[i, j] * centers[k + 1][j]
                source[i] += own[i, j] * loads[k + 1][j]
                own[i, j] = 0.0
            reach = _totals(own, changed.whole.order)
            centers.append(reach @ center)
            loads.append(reach @ source)
        load = np.concatenate(loads)
        names = (*self.names, *(_label(name, w) for w in range(count) for name in self.names))
        joint = Normal(names, np.concatenate(centers), load @ noise @ load.T)
        return GaussianWorlds(_seen(joint, read_conditions(evidence)), self.seen, count)

    def __str__(self) -> str:
        lines: list[str] = []
        for i, name in enumerate(self.names):
            terms = [f"{self.b[i, j]:.3g} {cause}" for j, cause in enumerate(self.names) if (cause, name) in self.edges]
            terms += [f"{self.c[i]:.3g}"] if self.c[i] or not terms else []
            lines.append(f"{name} = {' + '.join(terms)} + N(0, {self.omega[i, i]:.3g})".replace("+ -", "- "))
        return "\n".join(lines)


@final
@dataclass(frozen=True, slots=True, eq=False)
class GaussianWorlds(Parallel):
    """Several worlds and the actual one, jointly normal; a variable of world w has the name `X@w`."""

    state: _Seen
    seen: tuple[str, ...]
    count: int

    def p(self, events: Mapping[int, EventLike]) -> float:
        """The probability that each event holds in its world, all together."""
        return self.state.p([
            Condition(_label(condition.name, w), condition.sign, condition.value)
            for w, event in events.items()
            for condition in read_conditions(event)
        ])  # fmt: skip

    def mean(self, y: str, world: int) -> float:
        """The mean of a variable in one world; for an event ("Y>1"), its probability."""
        return self.p({world: y}) if is_event(y) else self.state.mean(_label(y, world))

    def var(self, y: str, world: int) -> float:
        """The variance of a variable in one world, given the evidence."""
        if self.state.limits:
            raise QueryError("the variance needs evidence of values (X=1), not of intervals; sample for those")
        return self.state.normal.var(_label(y, world))

    def sample(self, n: int, seed: int = 0) -> list[Sample]:
        """n draws of the seen variables in each world."""
        check_draws(n)
        drawn = self.state.sample(n, seed)
        return [{name: drawn[_label(name, w)] for name in self.seen} for w in range(self.count)]


@final
@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """A normal distribution that values were put into, and the intervals that are still to be put."""

    normal: Normal
    limits: Limits

    def p(self, event: Iterable[Condition]) -> float:
        wanted = _limits(self.normal, event, dict(self.limits))
        if wanted is None:
            return 0.0
        chance = self.normal.box(wanted)[0] if wanted else 1.0
        return min(chance / self.normal.box(self.limits)[0], 1.0) if self.limits else chance

    def mean(self, name: str) -> float:
        return self.normal.within(name, self.limits) if self.limits else self.normal.mean(name)

    def sample(self, n: int, seed: int) -> dict[str, Floats]:
        if not self.limits:
            return self.normal.sample(n, seed)
        kept: list[dict[str, Floats]] = []
        found = 0
        for attempt in range(TRIES):
            drawn = self.normal.sample(max(n, 1000), derive(seed, "rejection", attempt))
            inside = np.all([(drawn[v] >= low) & (drawn[v] <= high) for v, (low, high) in self.limits.items()], axis=0)
            kept.append({name: values[inside] for name, values in drawn.items()})
            found += int(inside.sum())
            if found >= n:
                return {name: np.concatenate([part[name] for part in kept])[:n] for name in self.normal.names}
        raise Impossible(f"the evidence is too rare to sample: {found} of {TRIES * max(n, 1000)} draws agree with it")


def linear(
    coefficients: Mapping[str, Mapping[str, float]],
    *,
    constant: Mapping[str, float] | None = None,
    variance: float | Mapping[str, float] = 1.0,
    covariance: Mapping[tuple[str, str], float] | None = None,
    latent: Iterable[str] = (),
) -> LinearGaussian:
    """From {effect: {cause: weight}}: `linear({"X": {"Z": 1}, "Y": {"X": 2}}, covariance={("X", "Y"): 0.3})`.

    `variance` and `covariance` are those of the noise; where variances are a mapping, a variable it leaves out has 1.
    """
    names = tuple(dict.fromkeys(name for effect, causes in coefficients.items() for name in (*causes, effect)))
    hidden = (latent,) if isinstance(latent, str) else tuple(latent)
    place = {name: i for i, name in enumerate(names)}
    spreads = variance if isinstance(variance, Mapping) else dict.fromkeys(names, variance)
    for name in (*hidden, *(constant or {}), *spreads, *(one for pair in covariance or {} for one in pair)):
        if name not in place:
            raise UnknownName("variable", name, names)
    b, c, omega = np.zeros((len(names),) * 2), np.zeros(len(names)), np.eye(len(names))
    for effect, causes in coefficients.items():
        for cause, weight in causes.items():
            b[place[effect], place[cause]] = weight
    for name, value in (constant or {}).items():
        c[place[name]] = value
    for name, value in spreads.items():
        omega[place[name], place[name]] = value
    for (one, two), value in (covariance or {}).items():
        omega[place[one], place[two]] = omega[place[two], place[one]] = value
    if not (np.isfinite(b).all() and np.isfinite(c).all() and np.isfinite(omega).all()):
        raise GraphError("coefficients, constants and variances must be finite numbers")
    if np.linalg.eigvalsh(omega).min(initial=0.0) < -1e-12 * np.abs(omega).max(initial=1.0):
        raise GraphError("the covariances of the noise are larger than its variances allow")
    edges = frozenset((cause, effect) for effect, causes in coefficients.items() for cause in causes)
    model = LinearGaussian(names, b, c, omega, edges, hidden)
    model.whole  # noqa: B018  a cycle is refused here
    return model


def _mechanism(name: str, action: Any) -> Linear:
    if isinstance(action, Linear):
        if action.variance < 0:
            raise QueryError(f"the noise of {name} has a negative variance: {action.variance}")
        return action
    if isinstance(action, Mapping):
        raise QueryError(f"a choice among values of {name} is not normal; use Linear({{}}, mean, variance), or fit a "
                         "functional model")  # fmt: skip
    return Linear({}, _value(name, action), 0.0)


def _totals(b: Floats, order: Iterable[int]) -> Floats:
    """(I - B)⁻¹, causes first, so that what has no effect is exactly zero."""
    reach = np.eye(len(b))
    for i in order:
        causes = np.flatnonzero(b[i])
        reach[i] += b[i, causes] @ reach[causes]
    return reach


def _label(name: str, world: int) -> str:
    return f"{name}@{world}"


def _value(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise QueryError(f"{name} is a number, and {value!r} is not a finite one")
    return number


def _seen(joint: Normal, evidence: Iterable[Condition]) -> _Seen:
    """Values are put in at once; intervals wait."""
    conditions = tuple(evidence)
    points: dict[str, float] = {}
    for condition in conditions:
        if condition.sign == "=":
            value = _value(condition.name, condition.value)
            if points.setdefault(condition.name, value) != value:
                raise Impossible(f"{told(conditions)} contradicts itself: {condition.name} has two values")
    normal = joint.given(points)
    limits = _limits(normal, (condition for condition in conditions if condition.sign != "="), {})
    if limits is None or (limits and normal.box(limits)[0] <= 0):
        raise Impossible(f"the model gives {told(conditions)} probability zero: nothing follows from it")
    return _Seen(normal, limits)


def _limits(normal: Normal, event: Iterable[Condition], limits: Limits) -> Limits | None:
    """The intervals of an event joined with `limits`; None where it cannot happen."""
    for condition in event:
        name, sign, value = condition.name, condition.sign, _value(condition.name, condition.value)
        spread, away = normal.var(name), normal.mean(name) - value
        if spread == 0:
            equal = abs(away) <= 1e-9 * (1 + abs(value))
            if not {"=": equal, "!=": not equal, "<": away < 0 and not equal, "<=": away < 0 or equal,
                    ">": away > 0 and not equal, ">=": away > 0 or equal}[sign]:  # fmt: skip
                return None
            continue
        if sign in ("=", "!="):
            raise QueryError(f"{name} is continuous: {name}={value:g} has probability zero; ask for an interval "
                             f"({name}>{value:g})")  # fmt: skip
        low, high = limits.get(name, (-math.inf, math.inf))
        if sign in ("<", "<="):
            high = min(high, value)
        else:
            low = max(low, value)
        if low >= high:
            return None
        limits[name] = (low, high)
    return limits
