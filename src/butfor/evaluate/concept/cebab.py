"""CEBaB: what does one aspect of a restaurant review do to the rating that a model reads from it?

Idea      A person has rewritten a review in one concept (food, service, ambiance, noise) and left the rest. What the
          model says of the one text and of the other differs by the effect of that concept, for this review.
Equation  f(x) = the model's probabilities of 1 to 5 stars;   ICaCE = f(x') − f(x), a vector of five;
          effect = ± (E[stars | x'] − E[stars | x]), + where the concept got better (Negative < unknown < Positive);
          placebo: the same for a paraphrase edited at the same places by as many words.   size = ‖ICaCE‖.
Errors    l2_*, cosine_*, norm_*: the distance of an explainer's estimate from ICaCE (`explainers.py`). The explainers
          are fitted on reviews of the training split, which shares no family of edits with the one that is measured.
Known     A model that reads one concept alone: ICaCE is zero for all others. l2 of an estimate of zero is ‖ICaCE‖.
World     a decoder or an endpoint is asked, and its answer weighed;  a model with a head for five classes (a training
          on the corpus "cebab" with train.objective = "label") says its probabilities, and what the head reads are its
          features. Then `coordinates` is scored, too.
Source    Abraham et al. 2022. Here: pairs of an original and an edit whose label of the edited concept differs.
Limits    Edits change more than their concept now and then, and a person's label is a majority of five. The published
          errors are of models fine-tuned on these reviews, over all pairs of a family: read those of any other model
          against `random`. The explainers are fitted on reviews that a fine-tuned model has learnt from, as the
          published ones are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, final

import numpy as np
from pydantic import Field

from butfor.core.errors import UserError
from butfor.core.seeds import generator
from butfor.data.cebab import CONCEPTS, STARS, VALUES, RestaurantReview, cebab
from butfor.data.counterfactual.aspects import Aspects
from butfor.data.counterfactual.made import Case as MadeCase
from butfor.data.counterfactual.made import read as counterfactuals
from butfor.data.paraphrase import placebo
from butfor.evaluate.concept.explainers import DISTANCES, MADE, NAMES, Case, Seen, coordinates, distances, fitted
from butfor.evaluate.concept.pipeline import Pipeline
from butfor.evaluate.shortcut.asked import Answered, Put, answered
from butfor.evaluate.suite import Card, Item, Limit, Metric, Record, spread
from butfor.lm.head import decided, has_head, judged, read
from butfor.lm.prompt import Prompt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from butfor.evaluate.concept.explainers import Explainer, Floats
    from butfor.lm import LM

TASK = "How many stars out of 5 does the writer of this restaurant review give? Answer with a number from 1 to 5."
TITLES = {"l2": "L2 distance", "cosine": "cosine distance", "norm": "difference of norms"}
ERRORS = tuple(
    Metric(
        f"{distance}_{name}",
        "lower",
        "distance",
        f"{TITLES[distance]} of the explainer {name} from the true effect",
        null=None if name == "random" else f"{distance}_random",
    )
    for name in NAMES
    for distance in DISTANCES
)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CEBaB:
    """Effects of four concepts on a rating, and how well explainers guess them. `train`: reviews to fit these on."""

    card: ClassVar[Card] = Card(
        measures="the effect of each aspect of a restaurant review on the rating that the model reads from it",
        chance="effect = placebo where the model does not heed the aspect; an explainer's error is judged against that "
        "of a random review",
        source="Abraham et al. 2022, CEBaB 1.1, development split, CC-BY-4.0",
        faults=(
            "102 of 1,401 edits do not change the majority label of their concept and are left out; in 54 more it "
            "changes to another value than the editor was asked for (counted by us)",
            "raters have no majority for 292 of 1,755 training reviews; concepts that nobody was asked about count as "
            "unknown",
        ),
        published=(
            "L2 error of approximate counterfactuals / S-learner / INLP, models fine-tuned to rate: BERT 0.81 / 0.74 / "
            "0.80, RoBERTa 0.83 / 0.78 / 0.84, GPT-2 0.72 / 0.60 / 0.72, LSTM 0.86 / 0.73 / 0.79 (Abraham et al. 2022, "
            "from the authors' repository; not checked by us)",
        ),
    )
    worlds: ClassVar[tuple[str, ...]] = ("lm",)
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("effect", "higher", "stars", "how far the concept moves the expected rating its way", null="placebo"),
        Metric("size", "higher", "length", "length of the effect on the five probabilities", null="placebo_size"),
        Metric("placebo", "zero", "stars", "how far a paraphrase edited at the same places moves it that way"),
        Metric("placebo_size", "lower", "length", "length of the paraphrase's effect"),
        Metric("accuracy", "higher", "share", "share of originals given the raters' stars", "binary", null=0.2),
        *ERRORS,
    )
    apart_from: ClassVar[tuple[str, ...]] = ("cebab",)  # what is measured is of the other split
    chunk: ClassVar[int] = 100_000  # the explainers are fitted once
    cost: ClassVar[int] = 7  # five prompts an item, and those that the explainers are fitted on

    limit: Limit = None
    train: Annotated[int, Field(ge=20)] = 200
    rounds: Annotated[int, Field(ge=1)] = 5
    matches: Annotated[int, Field(ge=1)] = 5  # texts that are averaged in the learnt space
    size: Annotated[int, Field(ge=1)] = 16  # coordinates of a concept, as a causal proxy model was trained with
    written: str = ""  # a file of counterfactuals (`butfor counterfactuals`) for the explainer of that name
    seed: int = 0

    def ready(self) -> None:
        """Both splits are here and can be read."""
        cebab("train")
        cebab("dev")
        if self.written:
            _written(self.written)

    def items(self, world: LM) -> list[Item]:  # noqa: ARG002
        """One item an edit; all edits of a review are a cluster."""
        reviews = cebab("dev")
        originals = {review.family: review for review in reviews if not review.concept}
        found = [
            Item(review.id, review.family, _pair(originals[review.family], review))
            for review in reviews
            if review.concept and review.family in originals and changed(originals[review.family], review)
        ]
        chosen = spread(found, self.limit, lambda item: ("", item.data["concept"]))
        written = _written(self.written) if self.written else {}
        return [
            replace(item, data={**item.data, **_placebo(item.data), **_given(item.data, written)}) for item in chosen
        ]

    def measure(self, world: LM, items: Sequence[Item]) -> list[Record]:
        """Rate all texts, fit the explainers on training reviews, and compare their guesses with the effects."""
        texts, seen = self._seen(world)
        explainers = dict(fitted(seen, self.rounds, self.matches))
        if has_head(world):
            explainers["coordinates"] = partial(coordinates, seen, self.size, partial(_headed, world))
        made = _made(items, Pipeline.of(texts, seen.values, seen.features, partial(_features, world)))
        arms = ("base", "changed", "placebo")
        put = [item.data[arm] for item in items for arm in arms if arm in item.data]
        put = list(dict.fromkeys([*put, *(text for texts in made for text in texts.values())]))
        said = dict(zip(put, _said(world, put), strict=True))
        bases = list(dict.fromkeys(item.data["base"] for item in items))
        features = dict(zip(bases, _features(world, bases), strict=True))
        return [
            self._record(item, said, features[item.data["base"]], explainers, texts)
            for item, texts in zip(items, made, strict=True)
        ]

    def _seen(self, world: LM) -> tuple[list[str], Seen]:
        """The training reviews, chosen by hash, as the model sees them."""
        order = sorted(cebab("train"), key=lambda review: hashlib.blake2b(review.id.encode()).digest())
        reviews = order[: self.train]
        texts = [review.text for review in reviews]
        outputs = np.array([answer.shares for answer in _said(world, texts)])
        return texts, Seen(np.array([codes(review) for review in reviews]), outputs, _features(world, texts))

    def _record(
        self,
        item: Item,
        said: Mapping[str, Answered],
        feature: Floats,
        explainers: Mapping[str, Explainer],
        made: Mapping[str, str],
    ) -> Record:
        data = item.data
        base, changed_ = said[data["base"]], said[data["changed"]]
        output = np.array(base.shares)
        truth = np.array(changed_.shares) - output
        metrics = {"effect": data["sign"] * stars(truth), "size": float(np.linalg.norm(truth))}
        if "placebo" in data:
            moved = np.array(said[data["placebo"]].shares) - output
            metrics |= {"placebo": data["sign"] * stars(moved), "placebo_size": float(np.linalg.norm(moved))}
        if data["stars"]:
            metrics["accuracy"] = float(base.best == data["stars"] - 1)
        would = {name: np.array(said[text].shares) for name, text in made.items()}
        case = Case(np.array(data["values"]), data["concept_code"], data["target"], output, feature, would)
        for name, explain in explainers.items():
            if name in MADE and name not in made:
                continue
            estimate = explain(case, generator(self.seed, "cebab", name, item.id))
            metrics |= {f"{kind}_{name}": value for kind, value in distances(estimate, truth).items()}
        show = {
            "asked": base.asked,
            "edited": data["changed"],
            "placebo": data.get("placebo", "none"),
            **made,
            "stars": f"{stars(output):.2f} → {stars(output + truth):.2f}",
        }
        return Record(item.id, item.cluster, metrics, show, {"concept": data["concept"], "change": data["change"]})


def rated(text: str) -> Put:
    """The question about one review."""
    return Prompt(f"{TASK}\n\nReview: {text}", start="Stars:"), STARS


def changed(original: RestaurantReview, edit: RestaurantReview) -> bool:
    """Whether the edited concept has another label than before."""
    return original.values[edit.concept] != edit.values[edit.concept]


def codes(review: RestaurantReview) -> list[int]:
    """The values of the concepts as numbers, in the order of `CONCEPTS`."""
    return [VALUES.index(review.values[name]) for name in CONCEPTS]


def stars(effect: NDArray[np.float64]) -> float:
    """What an effect on the five probabilities does to the expected rating."""
    return float(effect @ np.arange(1, len(STARS) + 1))


def _pair(original: RestaurantReview, edit: RestaurantReview) -> dict[str, Any]:
    old, new = original.values[edit.concept], edit.values[edit.concept]
    return {
        "base": original.text,
        "changed": edit.text,
        "concept": edit.concept,
        "concept_code": CONCEPTS.index(edit.concept),
        "change": f"{old} to {new}",
        "values": codes(original),
        "target": VALUES.index(new),
        "sign": 1 if VALUES.index(new) > VALUES.index(old) else -1,
        "stars": original.stars,
    }


def _placebo(data: Mapping[str, Any]) -> dict[str, str]:
    found = placebo(data["base"], data["changed"])
    return {"placebo": found} if found else {}


def _given(data: Mapping[str, Any], written: Mapping[tuple[str, str, str], str]) -> dict[str, str]:
    """What was written of this review: a part of the item, so that scores of another file's text are never taken."""
    found = written.get((data["base"], data["concept"], VALUES[data["target"]]))
    return {} if found is None else {"written": found}


def _made(items: Sequence[Item], pipeline: Pipeline) -> list[dict[str, str]]:
    """The texts that are made of each item's text, by who makes them."""
    data = [item.data for item in items]
    told = [
        MadeCase(item.id, d["base"], d["concept"], "", VALUES[d["target"]]) for item, d in zip(items, data, strict=True)
    ]
    rules = Aspects().make(told, 0)
    steps = pipeline.make([(d["base"], d["concept_code"], d["target"]) for d in data])
    return [
        {"rules": rule.text, "pipeline": step, **({"written": d["written"]} if "written" in d else {})}
        for rule, step, d in zip(rules, steps, data, strict=True)
    ]


def _written(file: str) -> dict[tuple[str, str, str], str]:
    """The counterfactuals of a file that no filter objects to: what is asked for, and what was written."""
    found = {(m.pair.base, m.pair.variable, m.wanted): m.pair.counterfactual for m in counterfactuals(file) if m.kept}
    texts = {review.text for review in cebab("dev")}
    if not any(text in texts and name in CONCEPTS and value in VALUES for text, name, value in found):
        raise UserError(
            f"{file} holds no counterfactual that is kept of a review of CEBaB's development split; "
            f"a variable is one of {', '.join(CONCEPTS)}, wanted is {', '.join(VALUES)}"
        )
    return found


def _said(world: LM, texts: Sequence[str]) -> list[Answered]:
    """How many stars a world reads from each text."""
    if not has_head(world):
        return answered(world, [rated(text) for text in texts])
    logits = judged(world, texts, STARS, 0)
    return [
        Answered(int(row.argmax()), tuple(map(float, row)), STARS[row.argmax()], text)
        for text, row in zip(texts, logits, strict=True)
    ]


def _features(world: LM, texts: Sequence[str]) -> Floats:
    from butfor.lm import features

    return (read(world, texts) if has_head(world) else features(world, texts)).astype(np.float64)


def _headed(world: LM, features: Floats) -> Floats:
    """The head's probabilities [n, K] of features [n, d]."""
    logits = decided(world, features)
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)
