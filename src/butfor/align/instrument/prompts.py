"""Prompts as instruments and as mediators: what a model's own first answer does to its last one.

Idea      A model is asked twice about a text. The first prompt has K variants and yields a short answer; the second
          shows the text and that answer, and yields the last one. Texts move both answers, so that a regression of the
          last on the first says little. A variant drawn at random moves the first answer, and the last through it alone
          where the second prompt does not repeat it: an instrument. Where it does repeat it, the first answer is a
          mediator: part of what a variant does goes through what it makes the model say.
Equation  For text i: odds l_ip of the first answer under variant p; A_i(p) = 1{σ(l_ip / τ) > u_i}, one u_i a text for
          all variants (τ = 0: 1{l_ip > 0}); Y_i(p, a) the odds of the last answer, a being put into the prompt.
            instrument  logged (P, A = A(P), Y = Y(P, A)), P uniform: TwoStage of Y on A by P
            truth       mean of Y(p, 1) − Y(p, 0), and `moved`: what 2SLS says of every text under every variant
            mediator    total = Y(t, A(t)) − Y(c, A(c)) = direct [Y(t, A(c)) − Y(c, A(c))] + indirect
Checks    moves       share of texts whose answer the variants change: without it nothing is told
          monotone    share of texts that a variant moves against most, of two variants whichever is worst: with many,
                      an instrument's average has negative weights
          exclusion   the largest |Y(p, a) − Y(p', a)|: 0 where the variant acts through the answer alone
          These are seen, not assumed: the model is run under every variant with either answer put into its mouth. For a
          log that nobody can run again there are first-stage F, J and balance (`align.instrument.two_stage`); what goes
          through the answer is not told by a log that lacks what texts do to both (`logged` against `mediator`).
Source    potential outcomes with instruments: Angrist, Imbens & Rubin 1996; natural effects: Pearl 2001.
Example   python -m butfor.align.instrument.prompts --model smollm2-135m --limit 100
Limits    Two answers, and log-odds of two words; of one model. Intervals are over texts.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from butfor.align.instrument.two_stage import How, TwoStage
from butfor.core.errors import DataError, UserError
from butfor.core.seeds import generator
from butfor.scm.analyst import Table
from butfor.scm.columns import Columns, Floats
from butfor.scm.estimate.mediate import Mediate, Mediation
from butfor.stats import paired
from butfor.stats.effect import Check, Effect

if TYPE_CHECKING:
    from butfor.lm import LM
    from butfor.lm.chat import Chat

VARIANT, SAID, LAST = "variant", "said", "last"
FEW = 0.05  # of texts that move, too few; of texts that move the wrong way, too many
SAME = 1e-4  # of log-odds, rounding


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What the model is asked, twice; `then` repeats the variant where it holds {variant}."""

    variants: tuple[str, ...]
    first: str = "Review: {text}\n{variant} In one word, this review is"
    answers: tuple[str, str] = (" negative", " positive")
    then: str = "Review: {text}\nFirst impression:{said}.\nThe restaurant is"
    last: tuple[str, str] = (" bad", " good")
    temperature: float = 1.0

    def __post_init__(self) -> None:
        if len(set(self.variants)) < max(2, len(self.variants)):
            raise UserError("an instrument needs two prompt variants or more, each another: variants=('…', '…')")
        for name, needed in (("first", ("text", "variant")), ("then", ("text", "said"))):
            if missing := [part for part in needed if f"{{{part}}}" not in getattr(self, name)]:
                raise UserError(f"the prompt {name!r} lacks {{{missing[0]}}}: what stands there is filled in")
        if self.temperature < 0:
            raise UserError("temperature is 0 (the likelier answer) or more")


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """Every answer of one model to n texts: the first under each variant, the last under each variant and answer."""

    variants: tuple[str, ...]
    said: Floats  # [n, K], 0 or 1
    last: Floats  # [n, K, 2], log-odds

    def __post_init__(self) -> None:
        n, k = self.said.shape
        if self.last.shape != (n, k, 2) or len(self.variants) != k:
            raise DataError(f"{n} texts under {k} variants need last answers [{n}, {k}, 2], not {self.last.shape}")

    @property
    def under(self) -> Floats:
        """The last answer that each variant leads to. [n, K]"""
        return np.where(self.said == 1, self.last[..., 1], self.last[..., 0])

    @property
    def effect(self) -> Effect:
        """What the first answer does to the last, by putting either into the prompt."""
        return _difference(self.last[..., 1].mean(1), self.last[..., 0].mean(1))

    @property
    def moved(self) -> float:
        """What an instrument of endless draws would say: 2SLS of every text under every variant."""
        first, last = self.said.mean(0), self.under.mean(0)
        by = first - first.mean()
        if not by.any():
            raise DataError("no variant makes any answer likelier than another: there is nobody moved to speak of")
        return float(by @ last / (by @ first))

    def checks(self) -> tuple[Check, ...]:
        """The conditions of an instrument, as they are seen."""
        moves = float(np.mean(self.said.min(1) < self.said.max(1)))
        worst = 0.0
        for p in range(len(self.variants)):
            for q in range(p):
                up = float(np.mean(self.said[:, p] > self.said[:, q]))
                worst = max(worst, min(up, float(np.mean(self.said[:, p] < self.said[:, q]))))
        direct = float(np.max(self.last.max(1) - self.last.min(1)))
        return (
            Check("moves", moves >= FEW, f"variants change the first answer to {moves:.1%} of the texts"),
            Check("monotone", worst <= FEW, f"two variants move {worst:.1%} of the texts against the others"),
            Check("exclusion", direct <= SAME, f"with the first answer held, variants change the last by {direct:.3g}"),
        )

    def drawn(self, seed: int) -> Columns:
        """A log: one variant a text, drawn at random, with the answers that it led to."""
        n, k = self.said.shape
        rng = generator(seed, "prompts", "variants")
        which = rng.permutation(np.arange(n) % k)
        rows = np.arange(n)
        found = {SAID: self.said[rows, which], LAST: self.under[rows, which]}
        return Columns.read(found | {VARIANT: np.array([f"v{p}" for p in which])})

    def instrument(self, seed: int = 0, how: How = "2sls", weakest: float = 10.0) -> Effect:
        """The effect of the first answer on the last, from such a log; `how = "regression"` is the naive one."""
        table = Table(self.drawn(seed), SAID, LAST, (), instruments=(VARIANT,))
        found = TwoStage(how=how, weakest=weakest).answer(table).effect
        return found if how == "regression" else replace(found, checks=(*found.checks, *self.checks()))

    def mediator(self, treated: int, control: int) -> Mediation:
        """What goes through the first answer and what does not, where variant `treated` stands for `control`."""
        rows, before = np.arange(len(self.said)), self.said[:, control].astype(np.int64)
        under, crossed = self.under, self.last[rows, treated, before]  # Y(t, A(c))
        total = _difference(under[:, treated], under[:, control])
        direct = _difference(crossed, under[:, control])
        indirect = _difference(under[:, treated], crossed)
        other = _difference(under[:, treated], self.last[rows, control, self.said[:, treated].astype(np.int64)])
        moves = float(np.mean(self.said[:, treated] != before))
        told = f"the direct effect is {direct.estimate:.3g} with the answer to the one and {other.estimate:.3g} with it"
        apart = direct.excludes(other.estimate) and other.excludes(direct.estimate)
        checks = (
            Check("moves", moves >= FEW, f"the variant changes the first answer to {moves:.1%} of the texts"),
            Check("interaction", not apart, f"{told} to the other variant put into the prompt"),
        )
        return Mediation(*(replace(one, checks=(*one.checks, *checks)) for one in (total, direct, indirect)))

    def logged(self, treated: int, control: int, seed: int = 0) -> Mediation:
        """The same from a log: the variant is random, the first answer is not, and shares texts with the last."""
        data, names = self.drawn(seed), (f"v{treated}", f"v{control}")
        estimator = Mediate(VARIANT, (SAID,), LAST, treated=names[0], control=names[1], learner="linear", seed=seed)
        return estimator.fit(data.take(np.isin(data[VARIANT], names)))


def run(lm: LM | Chat, texts: Sequence[str], setup: Setup, seed: int = 0) -> Trial:
    """Ask a model, or an endpoint that tells log-probabilities, everything that is needed; nothing is generated."""
    if not texts:
        raise UserError("no texts were given")
    return Trial(setup.variants, first_answers(lm, texts, setup, seed), last_answers(lm, texts, setup))


def first_answers(lm: LM | Chat, texts: Sequence[str], setup: Setup, seed: int = 0) -> Floats:
    """The first answer to each text under each variant. [n, K]"""
    asked = [_filled(setup.first, text=text, variant=variant) for text in texts for variant in setup.variants]
    odds = _odds(lm, asked, setup.answers).reshape(len(texts), -1)
    draws = np.array([generator(seed, "prompts", "answer", text).random() for text in texts])[:, None]
    over = np.log(draws) - np.log1p(-draws) if setup.temperature else 0.0
    return (odds > over * setup.temperature).astype(np.float64)


def last_answers(lm: LM | Chat, texts: Sequence[str], setup: Setup) -> Floats:
    """The odds of the last answer to each text, under each variant, with either answer in the prompt. [n, K, 2]"""
    repeats = "{variant}" in setup.then
    variants = setup.variants if repeats else ("",)
    asked = [
        _filled(setup.then, text=text, variant=variant, said=answer)
        for text in texts for variant in variants for answer in setup.answers
    ]  # fmt: skip
    found = _odds(lm, asked, setup.last).reshape(len(texts), len(variants), 2)
    return found if repeats else np.repeat(found, len(setup.variants), axis=1)


def _odds(lm: LM | Chat, prompts: Sequence[str], words: tuple[str, str]) -> Floats:
    """The log-odds of the second word against the first after each prompt. [N]"""
    from butfor.lm.asking import weigh
    from butfor.lm.prompt import Prompt

    found = weigh(lm, [(Prompt(prompt, raw=True), words) for prompt in prompts])
    return np.array([one.logprobs[1] - one.logprobs[0] for one in found])


def _filled(template: str, **parts: str) -> str:
    for name, value in parts.items():
        template = template.replace(f"{{{name}}}", value) if name != "text" else template
    return template.replace("{text}", parts["text"])  # last: a text may hold braces


def _difference(one: Floats, other: Floats) -> Effect:
    found = paired(one, other, unit="log-odds")
    return replace(found, checks=tuple(check for check in found.checks if check.code != "one-seed"))


VARIANTS = ("Everybody loves this place.", "Here is what I think.", "Everybody hates this place.")
REPEATED = "Review: {text}\n{variant}\nFirst impression:{said}.\nThe restaurant is"


def page(trial: Trial, repeated: Trial, draws: int = 200) -> str:
    """The worked example: prompts as an instrument, and, repeated in the second prompt, with a mediator."""
    lines = [
        *map(str, trial.checks()),
        "",
        f"by intervention   {trial.effect}",
        f"of those moved    {trial.moved:.3f}",
        "",
    ]
    lines += ["| by | first draw | mean of draws | holds the effect of those moved | called weak |"]
    lines += ["|---|---|---:|---:|---:|"]
    for how in ("regression", "2sls", "liml"):
        found = [trial.instrument(n, how, weakest=0) for n in range(draws)]
        held = np.mean([not one.excludes(trial.moved) for one in found])
        weak = np.mean([any(not check.ok for check in one.checks if check.code == "weak-instrument") for one in found])
        mean = np.mean([one.estimate for one in found])
        lines.append(f"| {how} | {found[0]} | {mean:.3f} | {held:.1%} | {weak:.1%} |")
    parts, (*_, exclusion) = repeated.mediator(0, len(repeated.variants) - 1), repeated.checks()
    lines += ["", f"{repeated.variants[0]!r} for {repeated.variants[-1]!r}, repeated in the second prompt:", ""]
    logs = [repeated.logged(0, len(repeated.variants) - 1, n) for n in range(draws // 5)]
    for name in ("total", "direct", "indirect"):
        mean = np.mean([getattr(log, name).estimate for log in logs])
        lines.append(f"{name:9} {getattr(parts, name)}, from logs {mean:.3f}")
    return "\n".join([*lines, "", str(exclusion), str(parts.total.checks[-1])])


def main() -> None:
    """The command."""
    from butfor.data.cebab import rated
    from butfor.lm.load import load

    parser = argparse.ArgumentParser(prog="python -m butfor.align.instrument.prompts")
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--limit", type=int, default=100, help="reviews, the shortest of CEBaB's")
    options = parser.parse_args()
    texts = sorted({row["text"] for row in rated("dev")}, key=lambda text: (len(text.split()), text))
    texts = texts[: options.limit]
    lm: Any = load(options.model)
    setup = Setup(variants=VARIANTS)
    trial = run(lm, texts, setup)
    repeated = replace(trial, last=last_answers(lm, texts, replace(setup, then=REPEATED)))
    print(f"{lm.name}, {len(texts)} texts, log-odds of{setup.last[1]!r} against{setup.last[0]!r}\n")
    print(page(trial, repeated))


if __name__ == "__main__":
    main()
