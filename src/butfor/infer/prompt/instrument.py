"""The instruction as an instrument: does a behaviour help a model to be right, or does it come with easy questions?

Idea      A model that writes at length, or counts its steps, is right more or less often than one that does not. But
          questions move both: what is hard is written about longer, and answered wrong. An instruction drawn at random
          moves how the model writes, and whether it is right through that alone: an instrument.
Equation  variant z uniform over `variants`; D = how the answer is written (`behaviour`); Y = 1[it is right];
            as seen         cov(D, Y) / var(D), which questions confound
            by instrument   cov(E[D | z], Y) / var(E[D | z]): two-stage least squares, or LIML, with first-stage F and
                            an Anderson–Rubin region beside it (`scm.estimate.instrument`)
Behaviour "words" (tens of words), "steps" (lines that count themselves), "reasons" (because, since, therefore, so; how
          often), or a function of the text.
Beside    `align.instrument.prompts` asks for one of two answers, which can be put into the model's mouth, so that it
          sees what must be assumed here. A way of writing cannot be put there; it can only be asked for.
Source    Angrist, Imbens & Rubin 1996.
Example   python -m butfor.infer.prompt.instrument --model smollm2-135m --limit 60
Limits    That a variant acts through the behaviour alone is assumed; with three variants or more, J tests whether they
          agree. One answer a question, so that rows are independent: questions of one cluster are not. What cannot be
          read counts as wrong, as in the suites. A linear effect, averaged over the questions that the variants move.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from butfor.core.errors import DataError, UserError
from butfor.core.seeds import derive, generator
from butfor.data.adapt import ways
from butfor.data.answers import is_right, read_answer
from butfor.data.question import Question
from butfor.lm.exchange import Exchange, Said, Say
from butfor.scm.columns import Columns
from butfor.scm.estimate.instrument import Instrument, IVFit
from butfor.scm.estimate.result import Pull, effect_of
from butfor.stats.effect import Effect

if TYPE_CHECKING:
    from butfor.lm.chat import Chat
    from butfor.lm.chat_memory import Memory
    from butfor.lm.world import LM

Behaviour = Callable[[str], float]
Estimator = Literal["2sls", "liml"]
VARIANT, BEHAVIOUR, RIGHT = "variant", "behaviour", "right"
VARIANTS = (
    "Answer in one short sentence.",
    "Answer as you see fit.",
    "Explain your answer at length, in several sentences.",
)
COUNTED = re.compile(r"^\s*(?:step\s*)?\d+[.):]", re.IGNORECASE | re.MULTILINE)
REASON = re.compile(r"\b(?:because|since|therefore|thus|hence|so)\b", re.IGNORECASE)
BEHAVIOURS: dict[str, Behaviour] = {
    "words": lambda text: len(text.split()) / 10,
    "steps": lambda text: float(len(COUNTED.findall(text))),
    "reasons": lambda text: float(len(REASON.findall(text))),
}


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """One written answer a question, each under the variant that was drawn for it."""

    variants: tuple[str, ...]
    which: tuple[int, ...]  # of each question, its variant
    texts: tuple[str, ...]
    right: tuple[bool, ...]

    def columns(self, behaviour: str | Behaviour = "words") -> Columns:
        """The log that an instrument needs."""
        measure = BEHAVIOURS[behaviour] if isinstance(behaviour, str) else behaviour
        done = np.array([measure(text) for text in self.texts], dtype=np.float64)
        if len(set(done)) < 2:
            raise DataError("every answer behaves alike: there is no effect to speak of; ask for another behaviour")
        right = np.array(self.right, dtype=np.float64)
        return Columns.read({VARIANT: np.array([f"v{one}" for one in self.which]), BEHAVIOUR: done, RIGHT: right})

    def effect(self, behaviour: str | Behaviour = "words", how: Estimator = "2sls") -> IVFit:
        """What one unit more of the behaviour does to the share of right answers, by the variants."""
        return Instrument(BEHAVIOUR, RIGHT, (VARIANT,), how=how).fit(self.columns(behaviour))

    def seen(self, behaviour: str | Behaviour = "words") -> Effect:
        """The slope as seen: no effect where questions move both."""
        data = self.columns(behaviour)
        x, y = (data[name] - data[name].mean() for name in (BEHAVIOUR, RIGHT))
        slope, n = float(x @ y / (x @ x)), len(x)
        pull = Pull(slope, x * (y - slope * x) / float(np.mean(x**2)))
        return effect_of(slope, pull.se, n, level=0.95, method="least squares, robust", df=n - 2)


def run(
    lm: LM | Chat | None,
    questions: Sequence[Question],
    *,
    variants: Sequence[str] = VARIANTS,
    room: int = 96,
    temperature: float = 0.7,
    seed: int = 0,
    memory: Memory | None = None,
) -> Trial:
    """Ask each question once, under a variant drawn for it; as many questions under each variant as under another."""
    if len(set(variants)) < max(2, len(variants)):
        raise UserError("an instrument needs two instructions or more, each another: variants=('…', '…')")
    if len(questions) < 2 * len(variants):
        raise UserError(f"{len(questions)} questions for {len(variants)} variants: give two a variant at least")
    order = generator(seed, "instrument", "variants").permutation(len(questions))
    which = tuple(int(one) % len(variants) for one in order)
    forms = [ways(question.blind(), "cot")["as it is"] for question in questions]
    said = Exchange(lm, memory)(
        [
            Say(
                replace(form.prompt, user=f"{form.prompt.user}\n{variants[one]}"),
                room,
                temperature,
                derive(seed, "instrument", question.id),
            )
            for question, form, one in zip(questions, forms, which, strict=True)
        ]
    )
    right = [_right(one, form.listed, question) for one, form, question in zip(said, forms, questions, strict=True)]
    return Trial(tuple(variants), which, tuple(one.text for one in said), tuple(right))


def _right(said: Said, listed: Sequence[str], question: Question) -> bool:
    return not said.why and is_right(read_answer(said.text, listed, question.match), question)


def page(trial: Trial, behaviour: str) -> str:
    """What the variants did, and the effect of the behaviour as seen and by them."""
    data = trial.columns(behaviour)
    lines = [f"{len(trial.texts)} questions, behaviour: {behaviour}", "", "| instruction | n | behaviour | right |"]
    lines.append("|---|---:|---:|---:|")
    for number, variant in enumerate(trial.variants):
        at = np.array(trial.which) == number
        lines.append(f"| {variant} | {at.sum()} | {data[BEHAVIOUR][at].mean():.2f} | {data[RIGHT][at].mean():.2f} |")
    fit = trial.effect(behaviour)
    lines += ["", f"as seen        {trial.seen(behaviour)}", f"by instrument  {fit.effect}"]
    lines.append(
        f"first-stage F {fit.first_stage_f:.1f}; Anderson–Rubin {fit.anderson_rubin}; J p = {fit.hansen.p:.2f}"
    )
    return "\n".join([*lines, *map(str, fit.effect.checks)])


def main() -> None:
    """The command."""
    from butfor.data.builtin import cause_effect
    from butfor.lm.load import load

    parser = argparse.ArgumentParser(prog="python -m butfor.infer.prompt.instrument")
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--limit", type=int, default=64, help="questions, of our 64 on causes and effects")
    parser.add_argument("--behaviour", choices=BEHAVIOURS, default="words")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    asks = {"cause": "What was the cause of this?", "effect": "What happened as a result?"}
    questions = [
        Question(row.id, f"{row.premise}\n{asks[row.asks_for]}", row.choices, row.gold)
        for row in cause_effect()[: options.limit]
    ]
    print(page(run(load(options.model), questions, seed=options.seed), options.behaviour))  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
