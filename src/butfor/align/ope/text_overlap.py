"""Do weights of whole texts hold? Judged by the weights themselves, by texts of the target, and by what a judge says.

Equation  w = π / μ of a logged text; of many, the effective number (Σ w)² / Σ w², the largest, the tail
          (`align.ope.overlap`). The log shows no text that it lacks, however much the target would write it. But
          E_μ[w²] = E_π[w]: the mean ratio of the target's own texts says how many logged ones should count,
          n / mean of π/μ over these. Where the log is silent on them, only what was seen is judged.
          balance: Σ w S / Σ w over the logged texts is the mean judgement S of the target's own texts, within BALANCED
          standard errors, or weights or judge are wrong. Texts of one prompt hang together.
Verdict   `why`, "" where nothing speaks against an answer.
Limits    Equal policies pass everything. A judge that sees nothing of what the policies differ in balances any weights.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from butfor.align.ope.overlap import FEWEST, of_weights
from butfor.core.errors import Abstained, DataError
from butfor.stats.effect import Check

if TYPE_CHECKING:
    from butfor.scm.columns import Codes, Floats
    from butfor.scm.policies import Answers

FAR = 700.0  # logarithm of a weight beyond which it is no number any more
BALANCED = 3.5  # standard errors between weighted judgements and those of the target's own texts


@dataclass(frozen=True, slots=True)
class TextOverlap:
    """What was found."""

    checks: tuple[Check, ...]  # of the weights
    balance: Check | None  # None where the target has no texts
    enough: bool  # whether the weights may answer, balance aside

    @property
    def all(self) -> tuple[Check, ...]:
        """All checks."""
        return (*self.checks, self.balance) if self.balance else self.checks

    @property
    def why(self) -> str:
        """What forbids an answer."""
        bad = [] if self.enough else [check.message for check in self.checks if not check.ok]
        return "; ".join([*bad, *([self.balance.message] if self.balance and not self.balance.ok else [])])


def bare_weights(given: Answers) -> Floats:
    """How much likelier each logged text is under the target. [n]"""
    if given.ratio is None:
        raise DataError(
            "weights need log-probabilities of the logged texts under both policies, and they are not there"
        )
    if (largest := float(given.ratio.max())) > FAR or largest < -FAR:
        raise Abstained(f"no answer: the largest weight of a logged text is exp({largest:.0f})")
    return np.exp(given.ratio)


def text_overlap(given: Answers, weights: Floats) -> TextOverlap:
    """Judge the bare weights of a log."""
    found = of_weights(weights)
    checks = [check for check in found.checks if check.code != "support"]  # nobody knows what is never written
    enough = found.verdict != "abstain"
    if given.fresh_ratio is not None and len(given.fresh_ratio):
        count = len(weights) / float(np.exp(np.minimum(given.fresh_ratio, FAR)).mean())
        told = f"by the target's own texts {len(weights)} logged ones count as {count:.0f}; by themselves as "
        told += f"{found.effective:.0f}"
        checks.append(Check("unseen-texts", count >= min(FEWEST, len(weights) / 2), told))
        enough = enough and checks[-1].ok
    return TextOverlap(tuple(checks), _balance(given, weights) if len(given.fresh) > 1 else None, enough)


def _balance(given: Answers, weights: Floats) -> Check:
    share = weights / weights.sum()
    said, own = float(share @ given.judge), float(given.fresh.mean())
    error = math.hypot(
        by_prompt(share * (given.judge - said), given.prompt),
        by_prompt((given.fresh - own) / len(given.fresh), given.fresh_prompt),
    )
    told = f"weighted, the judge says {said:.3f} of the logged texts, and {own:.3f} of the target's own"
    return Check("balance", abs(said - own) <= BALANCED * error + 1e-9, told)


def by_prompt(parts: Floats, prompt: Codes) -> float:
    """The standard error of a sum of centred parts, where those of one prompt hang together."""
    return float(np.linalg.norm(np.bincount(np.unique(prompt, return_inverse=True)[1], parts)))
