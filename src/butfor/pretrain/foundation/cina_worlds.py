"""Random data sets to train the amortised network on: covariates, a confounded treatment, and outcomes to balance.

Covariates  a factor model, d from 1 to 40; some columns are cut in two (binary), some skewed (exp), some squashed.
Functions   a line of a few columns plus waves cos(a'x + b) of a few columns, with mean 0 and variance 1 over the rows.
Treatment   W ~ Bernoulli(σ(s g(x) + b)), g such a function, s from 0 to 3, the share of the treated from 0.15 to 0.85.
Outcomes    many functions for each data set; those of the level are mixed with g, so that they are confounded.

There is no noise: a weighted difference of outcomes with noise of variance σ² has, given the covariates, the expected
squared error  (Σ_t w f − Σ_c w f)² + σ² Σ w²  for a level f, and (½ (Σ_t w τ + Σ_c w τ) − mean τ)² for an effect τ.

Apart       The worlds that the suite `effect.worlds` measures on are other families: polynomials, steps, products,
            bounded chances, Student's t covariates, up to 60 columns, and other rules of treatment. None of them has a
            wave or a factor model.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from butfor.pretrain.foundation.cina_net import COLUMNS, ROWS, standard

if TYPE_CHECKING:
    import torch
    from torch import Tensor

WAVES = 6
FEW = 4  # columns of a wave, in the mean


@dataclass(frozen=True, slots=True)
class Worlds:
    """Data sets of one shape: B of them, n rows, d columns, k functions of either kind."""

    x: Tensor  # [B, n, d] standardised
    w: Tensor  # [B, n] 0 or 1
    levels: Tensor  # [B, n, k]
    effects: Tensor  # [B, n, k]


def draw(generator: torch.Generator, *, rows: int, functions: int = 32) -> Worlds:
    """As many data sets of one random shape as have `rows` rows together."""
    import torch

    def uniform(low: float, high: float) -> float:
        return low + (high - low) * float(torch.rand((), generator=generator))

    n = round(math.exp(uniform(math.log(ROWS[0]), math.log(ROWS[1]))))
    d = min(max(round(math.exp(uniform(math.log(COLUMNS[0]), math.log(COLUMNS[1])))), COLUMNS[0]), COLUMNS[1])
    b = max(rows // n, 1)
    x = covariates(generator, b, n, d)
    made = functions_of(generator, x, 2 * functions + 1)  # [B, n, 2 k + 1]
    g, levels, effects = made[..., 0], made[..., 1 : functions + 1], made[..., functions + 1 :]
    strength = 3 * torch.rand(b, 1, generator=generator)
    share = 0.15 + 0.7 * torch.rand(b, 1, generator=generator)
    chance = torch.sigmoid(strength * g + torch.log(share / (1 - share))).clamp(0.02, 0.98)
    w = (torch.rand(b, n, generator=generator) < chance).to(x.dtype)
    w[:, :2], w[:, 2:4] = 1.0, 0.0  # no arm is empty
    mix = torch.rand(b, 1, functions, generator=generator)
    levels = mix * g[..., None] + torch.sqrt(1 - mix**2) * levels
    return Worlds(x, w, levels, effects)


def covariates(generator: torch.Generator, b: int, n: int, d: int) -> Tensor:
    """Standardised covariates [B, n, d] of a factor model whose columns are bent."""
    import torch

    factors = 1 + int(torch.randint(0, 4, (), generator=generator))
    load = torch.randn(b, factors, d, generator=generator) / math.sqrt(factors)
    common = torch.rand(b, 1, 1, generator=generator)
    z = torch.randn(b, n, factors, generator=generator) @ load * torch.sqrt(common)
    z = z + torch.randn(b, n, d, generator=generator) * torch.sqrt(1 - common)
    kind = torch.rand(b, 1, d, generator=generator)
    cut = torch.randn(b, 1, d, generator=generator) * 0.6
    x = torch.where(kind < 0.3, (z > cut).to(z.dtype), z)
    x = torch.where((kind >= 0.3) & (kind < 0.45), torch.exp(0.5 * z), x)
    x = torch.where((kind >= 0.45) & (kind < 0.6), torch.tanh(z), x)
    return standard(x)


def functions_of(generator: torch.Generator, x: Tensor, count: int) -> Tensor:
    """Random functions [B, n, count] of the covariates, with mean 0 and variance 1 over the rows."""
    import torch

    b, n, d = x.shape
    few = torch.exp(-2.5 * torch.rand(b, 1, count, generator=generator))  # share of columns that a line is made of
    line = torch.randn(b, d, count, generator=generator)
    line = line * (torch.rand(b, d, count, generator=generator) < few)
    line = line + 1e-3 * torch.randn(b, d, count, generator=generator)
    straight = _unit(x @ line)
    chosen = (torch.rand(b, d, count * WAVES, generator=generator) < min(1.0, FEW / d)).to(x.dtype)
    a = torch.randn(b, d, count * WAVES, generator=generator) * chosen * 0.8
    phase = 2 * math.pi * torch.rand(b, 1, count * WAVES, generator=generator)
    waves = torch.cos(x @ a + phase).view(b, n, count, WAVES)
    waves = _unit((waves * torch.randn(b, 1, count, WAVES, generator=generator)).sum(dim=3))
    bent = torch.rand(b, 1, count, generator=generator)
    return _unit(torch.sqrt(1 - bent) * straight + torch.sqrt(bent) * waves)


def _unit(f: Tensor) -> Tensor:
    f = f - f.mean(dim=1, keepdim=True)
    return f / (f.std(dim=1, keepdim=True, unbiased=False) + 1e-6)
