"""CInA: self-attention as optimal balancing of covariates; on one data set exactly, or for any in one forward pass.

Idea      An effect is a difference of weighted means, with weights α that make two arms alike in their covariates. The
          weights of a support vector machine do, and its primal is a layer of self-attention, whose values V say them.
          So a network that gives V for a data set that it has never seen gives the effect without any fitting.
Equation  α_i = λ h_i v_i W_i in [0, 1];   effect = Σ_treated α Y / Σ_treated α − Σ_control α Y / Σ_control α
Forms     exact      α from the dual (`cina_dual.py`), by data set; up to 2,000 rows
          trained    the same by gradient descent on the attention layer (`cina_trained.py`)
          amortised  V from a network trained once on random data sets (`cina_net.py`, `train_cina.py`), one pass
Calibrate The weights of the amortised form, moved as little as can be so that the weighted means of every covariate
          are everyone's: one linear system of the columns, which is what a weighted linear regression would correct.
          `calibrate = false` reads them off as they are.
Interval  Influence values with the weights taken as given: residuals from each arm's weighted mean, or from its
          weighted line where calibrated, with their degrees of freedom. It does not know about imbalance that is left:
          at many rows, where sampling error is small, that bias shows as coverage below 95 %, calibrated or not.
Source    Zhang et al. 2024, "Towards causal foundation model: on duality between optimal balancing and attention",
          from memory; that network learns the loss of the primal, ours the error of the effect over random functions,
          for everyone and not for the subset that is easily balanced. No published code or weights were used.
Limits    exact, λ → ∞, equal arms: the difference of means. No covariates: the difference of means. Columns or rows in
          another order: the same effect. The weights never see an outcome.
Example   [treatment]
          method = "pretrain.foundation.cina"
          form = "amortised"
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, cast, final

import numpy as np
from pydantic import Field

from butfor.core.errors import DataError, MissingData, UserError
from butfor.core.keys import digest, file_digest
from butfor.scm.analyst import Analyst, Answer, Table
from butfor.scm.columns import Floats
from butfor.scm.estimate.design import Arms, read_arms
from butfor.scm.estimate.result import effect_of
from butfor.stats.effect import Check
from butfor.train.method import Method

if TYPE_CHECKING:
    from torch import Tensor

    from butfor.lm import World

SHIPPED = Path(__file__).with_name("cina.safetensors")
FEWEST = 10.0  # rows that an arm's weights should be worth
RIDGE = 1.0  # of calibrating: see cina_net.calibrated


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CInA(Method):
    """Estimate effects by balancing weights that self-attention gives."""

    worlds: ClassVar[tuple[str, ...]] = ("analyst",)
    form: Literal["exact", "trained", "amortised"] = "amortised"
    checkpoint: str = ""  # of the amortised form; "" is the one that ships
    calibrate: bool = True  # the amortised form's weights
    strength: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0  # λ of the other forms

    @property
    def file(self) -> Path:
        """The weights of the amortised form."""
        return Path(self.checkpoint).expanduser() if self.checkpoint else SHIPPED

    @property
    def rests_on(self) -> list[str]:
        if self.form != "amortised":
            return []
        if self.checkpoint:
            loaded(self.file)
        return [file_digest(there(self.file))]

    def model(self, world: World, rng: np.random.Generator) -> World:  # noqa: ARG002
        analyst = cast("Analyst", world)
        if self.form == "amortised":
            file = self.file
            weights = loaded(file)
            analyst.estimate = lambda table: amortised(table, weights, self.calibrate)
            told = f"weights and effect are read off one pass of {file.name}"
            analyst.identity = digest("cina", file_digest(file), self.calibrate, analyst.identity)
        else:
            analyst.estimate = lambda table: fitted(table, self.form == "trained", self.strength)
            told = "balancing weights are solved for each table"
            analyst.identity = digest("cina", self.form, self.strength, analyst.identity)
        analyst.notes.append(f"cina, {self.form}: {told}")
        return world


def there(file: Path) -> Path:
    """The file, or what to do without it."""
    if not file.is_file():
        raise MissingData(f"the checkpoint {file} does not exist; leave `checkpoint` out for the one that ships")
    return file


def loaded(file: Path) -> dict[str, Tensor]:
    """The network's weights, from safetensors alone."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from butfor.pretrain.foundation.cina_net import scores

    try:
        weights = {name: value.float() for name, value in load_file(there(file)).items()}
        import torch

        scores(weights, torch.zeros(1, 4, 2), torch.tensor([[0.0, 1.0, 0.0, 1.0]]))
    except (SafetensorError, KeyError, RuntimeError, ValueError) as error:
        raise UserError(
            f"{file} is no checkpoint of CInA ({error});\n"
            "make one: python -m butfor.pretrain.foundation.train_cina --out FILE.safetensors"
        ) from error
    return weights


def amortised(table: Table, weights: dict[str, Tensor], calibrate: bool) -> Answer:
    """The effect by the network's weights, one pass and no fitting."""
    import torch

    from butfor.pretrain.foundation.cina_net import scores, standard

    arms = _arms(table)
    w = arms.treated.astype(np.float64)
    if not arms.z.shape[1]:
        return _answer(arms, np.ones(arms.n), "CInA, no covariates")
    with torch.no_grad():
        x = standard(torch.from_numpy(arms.z))
        u = scores(weights, x.float()[None], torch.from_numpy(w).float()[None])[0]
    alpha = np.asarray(torch.sigmoid(u.double()).numpy()) + 1e-9
    if calibrate:
        return _calibrated(arms, alpha, np.asarray(x.numpy()))
    return _answer(arms, alpha, "CInA, amortised")


def fitted(table: Table, by_descent: bool, strength: float) -> Answer:
    """The effect by weights that are solved for this table."""
    import torch

    from butfor.pretrain.foundation.cina_dual import Balance, solve
    from butfor.pretrain.foundation.cina_net import standard
    from butfor.pretrain.foundation.cina_trained import train

    arms = _arms(table)
    if not arms.z.shape[1]:
        return _answer(arms, np.ones(arms.n), "CInA, no covariates")
    x = np.asarray(standard(torch.from_numpy(arms.z)).numpy())
    problem = Balance.of(x, np.where(arms.treated, 1.0, -1.0), strength)
    alpha = train(problem) if by_descent else solve(problem)
    gap = problem.gap(alpha)
    check = Check("duality", gap < 0.02, f"primal and dual are {gap:.2g} a row apart; 0 is the solution")
    return _answer(arms, alpha, f"CInA, {'trained' if by_descent else 'exact'}", check)


def _arms(table: Table) -> Arms:
    arms = read_arms(table.data, table.x, table.y, table.given, 1, 0)
    if not arms.two:
        raise DataError(f"{table.x} has other values than 0 and 1; CInA compares two arms: leave out the other rows")
    return arms


def _answer(arms: Arms, alpha: Floats, method: str, *checks: Check) -> Answer:
    """The weighted difference of means, with residuals from the arms' weighted means."""
    estimate, psi = 0.0, np.zeros(arms.n)
    worth: list[float] = []
    for mask, sign in arms.arms:
        share = alpha * mask
        if not share.sum() > 0:
            raise DataError("the weights of an arm are all 0: the arms have no rows that are alike")
        share = share / share.sum()
        mean = float(share @ arms.y)
        size = 1 / float(share @ share)
        estimate += sign * mean
        psi += sign * share * (arms.y - mean) * np.sqrt(size / max(size - 1, 0.5))
        worth.append(size)
    return _told(arms, estimate, psi, worth, method, *checks)


def _calibrated(arms: Arms, alpha: Floats, x: Floats) -> Answer:
    """Calibrated weights, and residuals from the weighted lines that calibrating amounts to."""
    estimate, psi = 0.0, np.zeros(arms.n)
    worth: list[float] = []
    lines: list[Floats] = []
    for mask, sign in arms.arms:
        share = alpha * mask / float((alpha * mask).sum())
        size, mean = 1 / float(share @ share), share @ x
        away = x - mean
        spread = (away * share[:, None]).T @ away
        inverse = np.linalg.inv(spread + RIDGE * x.shape[1] / size * np.eye(x.shape[1]))
        line = inverse @ ((away * share[:, None]).T @ arms.y)
        fit = float(share @ arms.y) + away @ line
        moved = share * (1 + away @ (inverse @ (x.mean(axis=0) - mean)))
        used = 1 + float(np.trace(inverse @ spread))
        estimate += sign * float(moved @ arms.y)
        psi += sign * moved * (arms.y - fit) * np.sqrt(size / max(size - used, 0.25 * size))
        worth.append(1 / float(moved @ moved))
        lines.append(fit)
    effects = lines[0] - lines[1]
    psi += (effects - effects.mean()) / arms.n
    return _told(arms, estimate, psi, worth, "CInA, amortised, calibrated")


def _told(arms: Arms, estimate: float, psi: Floats, worth: list[float], method: str, *checks: Check) -> Answer:
    se = float(np.sqrt(np.sum(psi**2)))
    least = min(worth)
    told = f"the weights of the arms are worth {worth[0]:.0f} and {worth[1]:.0f} rows"
    enough = Check("worth", least >= FEWEST, told)
    options: dict[str, Any] = {"level": 0.95, "method": method, "df": max(least - 1, 1.0), "checks": (enough, *checks)}
    return Answer(effect_of(estimate, se, arms.n, **options))
