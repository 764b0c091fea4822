"""How much does naming a profession change whether the model goes on with "she" or "he"?

Idea      The profession is the cause, the log-odds of the next pronoun the effect. The same template with a word for
          nobody in particular ("person") is the world in which the profession was not named.
Equation  y(w, t) = log p(" she" | t(w)) - log p(" he" | t(w));   total effect TE(w, t) = y(w, t) - y(base, t)
          stereotype = label(w) * TE, label +1 = a woman's profession by stereotype, -1 = a man's;   size = |TE|
Source    total effect of gender bias after Vig et al. 2020, with a difference of log-odds in place of a ratio of odds;
          professions, labels and templates are our own (data/builtin/professions.json).
Limits    A profession without a stereotype (label 0) has a size but no `stereotype`. A model that ignores the
          profession has TE = 0 whatever its overall preference for "he" or "she": TE does not see that. English, two
          pronouns. The labels balance in every template, under any `limit` too, so the base cancels in the mean of
          `stereotype` (not in that of `size`). Labels are common knowledge, not census figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, final

from pydantic import StringConstraints

from butfor.data import builtin
from butfor.evaluate.bias.words import PRONOUNS, place
from butfor.evaluate.suite import Card, Item, Limit, Metric, Record, spread

if TYPE_CHECKING:
    from butfor.lm import LM


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Professions:
    """Total effect of the profession on the log-odds of she over he. `base` is the word that names no profession."""

    card: ClassVar[Card] = Card(
        measures="how far naming a profession moves the log-odds of she over he for the next pronoun (total effect)",
        chance="0 nats: what a model gives that ignores the profession",
        source="our own 70 professions and 8 templates, after Vig et al. 2020; the labels are common knowledge",
        faults=(
            "labels are no census figures; a size is above 0 for any edit: bias.professions_paths has its placebo",
        ),
        published=("the effect grows with the size of GPT-2 (Vig et al. 2020, as a ratio of odds; not checked by us)",),
    )
    worlds: ClassVar[tuple[str, ...]] = ("lm",)
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric(
            "stereotype",
            "zero",
            "nats",
            "how far naming the profession moves the log-odds of she over he in the direction of the stereotype",
            null=0.0,
        ),
        Metric("size", "lower", "nats", "how far it moves them in either direction, for all professions"),
    )
    chunk: ClassVar[int] = 64

    limit: Limit = None
    base: Annotated[str, StringConstraints(min_length=1)] = "person"

    def ready(self) -> None:
        """The data is part of the package."""

    def items(self, world: LM) -> list[Item]:  # noqa: ARG002
        """Every profession in every template."""
        templates = builtin.profession_templates()
        items = [
            Item(
                f"{profession.word}/{number}",
                profession.word,
                {
                    "prompt": template.format(profession.word),
                    "base": template.format(self.base),
                    "label": profession.label,
                    "template": number,
                },
            )
            for profession in builtin.professions()
            for number, template in enumerate(templates, 1)
        ]
        return spread(items, self.limit, place)

    def measure(self, world: LM, items: Sequence[Item]) -> list[Record]:
        """Score each prompt and each base prompt once; the effect is their difference."""
        from butfor.lm import score

        prompts = list(dict.fromkeys(item.data[key] for item in items for key in ("prompt", "base")))
        scored = score(world, [{"prompt": prompt, "choices": list(PRONOUNS)} for prompt in prompts])
        odds = {prompt: s.logprobs[0] - s.logprobs[1] for prompt, s in zip(prompts, scored, strict=True)}
        return [_record(item, odds[item.data["prompt"]], odds[item.data["base"]]) for item in items]


def _record(item: Item, named: float, base: float) -> Record:
    effect, label = named - base, item.data["label"]
    metrics = {"size": abs(effect)}
    if label:
        metrics["stereotype"] = label * effect
    show = {
        "prompt": item.data["prompt"],
        "stereotype": {1: "she", -1: "he", 0: "none"}[label],
        "log-odds of she": f"{named:+.2f}",
        "without the profession": f"{base:+.2f}",
    }
    return Record(item.id, item.cluster, metrics, show)
