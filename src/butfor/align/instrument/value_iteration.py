"""Value iteration with an instrument: the best policy where those who acted in the log saw what it does not hold.

Idea      Who chose the actions knew more than the state (a person's mood, a user's need), and that also moves what
          comes next. Regression takes this for the work of the action. What moved the action and nothing else, such as
          a prompt drawn at random, tells them apart: first learn what actions do, then plan.
Equation  (x', r) = W φ(x, a) + e,  E[e | x, z] = 0,  φ = 1, x, a, a², x ⊗ a,  ψ the same of (x, z)
          closed   W = C B⁻¹ A (A'B⁻¹A)⁻¹,  A = E[ψ φ'],  B = E[ψ ψ'],  C = E[(x', r) ψ']
          solver   min over W max over K of E[(y − W φ)' K ψ] − E|K ψ|² / 2,  y = (x', r),  by stochastic gradient
                   descent and ascent, ψ and φ whitened, steps c / (t₀ + t), W and K averaged over the last half
          plan     V_h(x) = max_a E[r + V_{h+1}(x')] over the learnt W, from the last step to the first
          weak     the smallest eigenvalue of A'B⁻¹A in units of noise (Cragg & Donald 1993), per instrument: under 10
                   the log is refused
Source    Liao, Fu, Yang, Wang, Ma, Kolar & Wang 2024, "Instrumental variable value iteration for causal offline
          reinforcement learning": equation of the closed form and of the saddle point.
Limits    z = a (nobody saw more): the closed form is least squares. The state must not be moved by the noise of its
          own step, and the instrument by nothing. Squares and products of an instrument are instruments only where it
          is independent of e, and not merely uncorrelated.
Example   [treatment]
          method = "align.instrument.value_iteration"
          solver = "closed"
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, cast, final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from butfor.core.errors import Abstained, DataError
from butfor.core.keys import digest
from butfor.core.seeds import generator
from butfor.scm.decisions import Dynamics, Trajectories, features
from butfor.train.method import Method

if TYPE_CHECKING:
    from butfor.lm import World
    from butfor.scm.analyst import Analyst

Floats = NDArray[np.float64]
STRONG = 10.0  # the smallest F of a first stage that is trusted
BATCH, START = 64, 50.0  # steps in a draw of the solver; t₀


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ValueIteration(Method):
    """Learn by an instrument what actions do, and plan with that."""

    worlds: ClassVar[tuple[str, ...]] = ("analyst",)
    solver: Literal["closed", "primal_dual"] = "closed"
    steps: Annotated[int, Field(ge=100)] = 20_000  # of the primal-dual solver
    least: Annotated[float, Field(ge=0)] = STRONG  # first-stage strength; 0: never refuse

    def model(self, world: World, rng: np.random.Generator) -> World:
        analyst, seed = cast("Analyst", world), int(rng.integers(2**31))
        analyst.learn = lambda logged: learnt(logged, self.solver, self.steps, self.least, seed)
        drawn = [self.steps, seed] if self.solver == "primal_dual" else []
        analyst.identity = digest("value iteration", self.solver, self.least, *drawn, analyst.identity)
        analyst.notes.append(f"what actions do is learnt by the instrument ({self.solver})")
        return world


def learnt(
    logged: Trajectories, solver: str = "closed", steps: int = 20_000, least: float = STRONG, seed: int = 0
) -> Dynamics:
    """What actions do, by the instrument; refused where that hardly moves them."""
    phi, psi = features(logged.state, logged.action), features(logged.state, logged.instrument)
    found = strength(logged)
    if found < least:
        raise Abstained(
            f"the instrument hardly moves the action: its first-stage strength is {found:.1f}, under {least:g}.\n"
            "What would be learnt from it is noise; randomise more strongly, or log more steps"
        )
    if solver == "closed":
        return Dynamics.of(logged, closed_form(phi, psi, logged.moved))
    return Dynamics.of(logged, primal_dual(phi, psi, logged.moved, steps, seed))


def closed_form(phi: Floats, psi: Floats, moved: Floats) -> Floats:
    """W [o, f] <- φ [n, f], ψ [n, g], (x', r) [n, o]."""
    first = _onto(psi, phi)  # φ as the instrument tells it
    return np.asarray(np.linalg.lstsq(first, moved, rcond=None)[0], dtype=np.float64).T


def primal_dual(phi: Floats, psi: Floats, moved: Floats, steps: int, seed: int = 0) -> Floats:
    """W [o, f] by descent in W and ascent in K on draws of rows."""
    rng = generator(seed, "primal dual")
    (phi, root), (psi, _) = _whitened(phi), _whitened(psi)
    scale = moved.std(0) + 1e-12
    y = moved / scale
    w, k = np.zeros((y.shape[1], phi.shape[1])), np.zeros((y.shape[1], psi.shape[1]))
    mean = np.zeros_like(w)
    rate = 1 / max(_least(psi.T @ phi / len(phi)) ** 2, 0.01)  # one over how curved W's problem is at its flattest
    for t in range(steps):
        rows = rng.integers(len(y), size=BATCH)
        p, q, step = phi[rows], psi[rows], START / (START + t)
        told = q @ k.T  # K ψ
        k += min(0.5, step) * ((y[rows] - p @ w.T - told).T @ q) / BATCH
        w += min(0.25, 2 * rate * step / START) * (told.T @ p) / BATCH
        if t >= steps // 2:
            mean += (w - mean) / (t - steps // 2 + 1)
    return scale[:, None] * mean @ root


def strength(logged: Trajectories) -> float:
    """The weakest direction of the first stage: the smallest eigenvalue of its F statistic."""
    state = np.column_stack([np.ones(len(logged.state)), logged.state])
    wide = state.shape[1]
    phi = _off(state, features(logged.state, logged.action)[:, wide:])
    psi = _off(state, features(logged.state, logged.instrument)[:, wide:])
    told = _onto(psi, phi)
    df = len(phi) - wide - psi.shape[1]
    noise = (phi - told).T @ (phi - told) / df
    size = np.trace(noise) / len(noise)
    if size <= 1e-12 * np.trace(phi.T @ phi):
        return float("inf")  # the instrument is the action
    values, vectors = np.linalg.eigh(noise + 1e-12 * size * np.eye(len(noise)))
    half = vectors / np.sqrt(values)
    return float(np.linalg.eigvalsh(half.T @ (told.T @ told) @ half)[0] / psi.shape[1])


def _onto(psi: Floats, phi: Floats) -> Floats:
    """What ψ tells of φ."""
    return psi @ np.linalg.lstsq(psi, phi, rcond=None)[0]


def _off(given: Floats, columns: Floats) -> Floats:
    return columns - _onto(given, columns)


def _whitened(columns: Floats) -> tuple[Floats, Floats]:
    """The columns with second moments of one, and what makes them so (it takes weights on them back). [n, f], [f, f]"""
    values, vectors = np.linalg.eigh(columns.T @ columns / len(columns))
    if values[0] < 1e-10 * values[-1]:
        raise DataError("states, actions and instruments repeat each other, so that what each does cannot be told")
    root = vectors @ np.diag(values**-0.5) @ vectors.T
    return columns @ root, root


def _least(matrix: Floats) -> float:
    return float(np.linalg.svd(matrix, compute_uv=False)[-1])
