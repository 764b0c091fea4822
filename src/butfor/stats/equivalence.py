"""Is the difference small enough not to matter? Two one-sided tests (TOST; Schuirmann 1987).

To claim |treatment - control| < margin at 5 %, both "difference <= -margin" and "difference >= margin" must be
rejected at 5 % each, which is the same as the 90 % interval lying inside (-margin, margin). A large p-value of
`paired` says nothing of the kind: it may only mean that n is small. The margin is chosen before the data are seen.
Arms that are identical on every unit have the interval [0, 0], and still p = 2^-n: two units alike show little.
"""

from __future__ import annotations

from dataclasses import replace

from numpy.typing import ArrayLike

from butfor.stats.compare import Kind, paired_sample
from butfor.stats.effect import Check, Effect


def equivalent(
    treatment: ArrayLike,
    control: ArrayLike,
    *,
    margin: float,
    clusters: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    level: float = 0.95,
    kind: Kind = "mean",
    unit: str = "",
) -> Effect:
    """The difference with its interval at 2·level - 1; p is that of "not equivalent". `ratio`: within margin times."""
    ratio = kind == "ratio"
    if not margin > (1 if ratio else 0):
        told = "above 1 (1.1: at most a tenth more or less)" if ratio else "positive, in the metric's own unit"
        raise ValueError(f"margin must be {told}, not {margin}")
    if not 0.5 < level < 1:
        raise ValueError(f"level must lie between 0.5 and 1, not {level}; 0.95 is usual")
    sample = paired_sample(treatment, control, clusters=clusters, weights=weights, kind=kind)
    effect = sample.effect(round(2 * level - 1, 12), unit)
    floor, ceiling = (1 / margin, margin) if ratio else (-margin, margin)
    inside = floor < effect.estimate < ceiling
    p = 1.0
    if inside and sample.a.shape[1] > 1:
        reach, _ = sample.reach()  # differences that are all alike: one side of a sign test, 2^-n
        p = max(sample.p(reach, floor), sample.p(reach, ceiling)) / 2
    claim = f"{'' if p < 1 - level else 'not '}shown to lie inside ({floor:g}, {ceiling:g})"
    checks = (*effect.checks, Check("equivalent", p < 1 - level, claim))
    return replace(effect, p=p, method=f"TOST, {effect.method}", checks=checks)
