"""How many pairs do I need? Power of the paired t test, before the run.

With n pairs whose differences have standard deviation sd, T is noncentral t with n - 1 degrees of freedom and
noncentrality effect · sqrt(n) / sd. Pairs that are clustered count as clusters. The sd comes from a pilot run, or,
for right-or-wrong items, from how often the arms disagree (`paired_sd`).
"""

from __future__ import annotations

import math

from butfor.stats.quantiles import noncentral_t_below, t_quantile


def power_of(effect: float, sd: float, n: int, *, level: float = 0.95) -> float:
    """Chance that n pairs show an effect of this size."""
    _positive(sd=sd)
    if n < 2:
        raise ValueError(f"n must be 2 or more, not {n}")
    critical = float(t_quantile((1 + level) / 2, n - 1))
    shift = abs(effect) * math.sqrt(n) / sd
    below, above = noncentral_t_below(-critical, n - 1, shift), 1 - noncentral_t_below(critical, n - 1, shift)
    return min(1.0, below + above)


def detectable(sd: float, n: int, *, target: float = 0.8, level: float = 0.95) -> float:
    """Smallest effect that n pairs show with chance `target`."""
    _share(target, level)
    low, high = 0.0, sd / math.sqrt(n)
    while power_of(high, sd, n, level=level) < target:
        low, high = high, 2 * high
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if power_of(middle, sd, n, level=level) >= target else (middle, high)
    return high


def pairs_needed(effect: float, sd: float, *, target: float = 0.8, level: float = 0.95) -> int:
    """Fewest pairs that show this effect with chance `target`."""
    _share(target, level)
    _positive(effect=abs(effect), sd=sd)
    high = 2
    while power_of(effect, sd, high, level=level) < target:
        high *= 2
        if high > 1 << 40:
            raise ValueError(f"an effect of {effect} at sd {sd} is too small to be shown by any number of pairs")
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power_of(effect, sd, max(middle, 2), level=level) >= target else (middle, high)
    return max(high, 2)


def pairs_for_equivalence(margin: float, sd: float, *, target: float = 0.8, level: float = 0.95) -> int:
    """Pairs that show |difference| < margin with chance `target` when there is none.

    The chance that either one-sided test fails is bounded by the sum of both: at most one pair too many.
    """
    _share(target, level)
    _positive(margin=margin, sd=sd)

    def chance(n: int) -> float:
        critical, shift = float(t_quantile(level, n - 1)), margin * math.sqrt(n) / sd
        return max(0.0, 1 - 2 * noncentral_t_below(critical, n - 1, shift))

    high = 2
    while chance(high) < target:
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if chance(max(middle, 2)) >= target else (middle, high)
    return max(high, 2)


def paired_sd(won: float, lost: float) -> float:
    """Standard deviation of right-or-wrong differences: treatment alone is right on `won`, control alone on `lost`."""
    if min(won, lost) < 0 or won + lost > 1:
        raise ValueError(f"shares of items must be 0 or more and sum to 1 or less: won = {won}, lost = {lost}")
    return math.sqrt(won + lost - (won - lost) ** 2)


def _positive(**numbers: float) -> None:
    for name, value in numbers.items():
        if not (value > 0 and math.isfinite(value)):
            raise ValueError(f"{name} must be positive, not {value}")


def _share(target: float, level: float) -> None:
    if not 1 - level < target < 1:
        raise ValueError(f"target must lie between {1 - level:.3g} and 1, not {target}; 0.8 is usual")
