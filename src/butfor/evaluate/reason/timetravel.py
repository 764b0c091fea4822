"""TimeTravel: does another second sentence change which ending a model expects?

Idea      The intervention sets the second sentence: `initial` or `counterfactual`. People have written how the story
          ends after each. What a model likes about an ending as such (length, fluency, frequency) is the same after
          both sentences, so it cancels in the difference of differences.
Equation  a(s, e) = log P(ending e | premise, sentence s) / tokens of e
          effect = [a(cf, edited) - a(cf, original)] - [a(in, edited) - a(in, original)], the mean over `edits` edits
          moved = 1[effect > 0]: chance 0.5, whatever the model likes;  follows = 1[a(cf, edited) > a(cf, original)],
          keeps = 1[a(in, original) > a(in, edited)], by the mean edit;  accuracy = follows x keeps
Written   by generation (all that an address offers) the model chooses between the first edit and the original, in both
          orders and after both sentences: s(.) = share of orders in which it takes the edit,
          moved = 1, 1/2 or 0 as s(cf) is above, at or below s(in), where all four choices can be read;  accuracy: all
          four are right
Source    Qin et al. 2019 (EMNLP), Apache-2.0 in the repository that the files are from.
Limits    People edited as little as they could: much of an edited ending is the original's. `accuracy` favours neither
          guessing (0.25) nor reading no second sentence at all (0): judge by `moved` and `effect`. An ending that
          repeats words of the second sentence gains by copying alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, final

from pydantic import Field

from butfor.data.adapt import ROOM, Asked, ways
from butfor.data.answers import read_answer
from butfor.data.question import Question
from butfor.data.timetravel import Story, rated, timetravel
from butfor.evaluate.questions import By
from butfor.evaluate.suite import Card, Item, Limit, Metric, Record, spread
from butfor.lm.asking import answer_of, say, weigh, weighs
from butfor.lm.prompt import Prompt

if TYPE_CHECKING:
    from butfor.lm.chat import Chat
    from butfor.lm.world import LM

ASK = "Which ending fits this beginning better?"
ORIGINAL, EDITED = 0, 1
PLAUSIBLE = 2.5  # mean mark of the readers, 1 to 3


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TimeTravel:
    """Counterfactual stories. `endings`: `edits` by people a story, or the 200 that readers rated."""

    card: ClassVar[Card] = Card(
        measures="how far replacing the second sentence of a story moves a model toward the ending people wrote for it",
        chance="moved 0.5, effect 0; accuracy 0.25 by guessing, 0 for a model that does not read the second sentence",
        source="Qin et al. 2019, TimeTravel (development part); daavidliu/CounterfactualTodorov, Apache-2.0",
        faults=(
            "sentences of the edited endings are joined without a space: it is put back where punctuation shows it",
            "in 3 of 1,871 stories the counterfactual sentence is the initial one, in 3 every edit is the original: "
            "left out, as are 105 of the 5,613 edits that are the original word by word",
            "of the 200 rated endings 11 are the original, word by word: left out",
        ),
    )
    worlds: ClassVar[tuple[str, ...]] = ("lm", "chat")
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("moved", "higher", "share", "share of stories where the sentence moves it the right way", null=0.5),
        Metric("effect", "higher", "nats per token", "by how much it moves the preference for an ending", null=0.0),
        Metric("accuracy", "higher", "share", "share with the right ending after both sentences", "binary"),
        Metric("follows", "higher", "share", "share preferring the edited ending after the counterfactual sentence"),
        Metric("keeps", "higher", "share", "share preferring the original ending after the initial sentence"),
        Metric("order_flip", "lower", "share", "share of choices that change with the order of the endings"),
        Metric("parsed", "higher", "share", "share of written choices that could be read"),
    )
    chunk: ClassVar[int] = 16

    limit: Limit = None
    by: By = "auto"
    edits: Annotated[int, Field(ge=1, le=3)] = 1
    endings: Literal["edits", "rated"] = "edits"
    data: str | None = None

    @property
    def cost(self) -> int:
        """How many questions of other suites a story is."""
        return 5 if self.by == "generation" or self.edits > 1 else 3

    def ready(self) -> None:
        """The stories are here and can be read."""
        self._stories()

    def items(self, world: LM | Chat) -> list[Item]:  # noqa: ARG002
        """One item a story and writer, but for those in which nothing is changed."""
        told = [(story, _changed(story)[: self.edits]) for story in self._stories()]
        return spread([_item(story, endings) for story, endings in told if endings], self.limit)

    def measure(self, world: LM | Chat, items: Sequence[Item]) -> list[Record]:
        """Weigh every ending after both sentences, or ask for a choice."""
        if weighs(world, self.by):
            return _weighed(world, items)
        return _written(world, items)

    def _stories(self) -> list[Story]:
        return timetravel(self.data) if self.endings == "edits" else rated(self.data)


def _changed(story: Story) -> tuple[str, ...]:
    """The endings that are not the original, word by word; none where the second sentence is the same."""
    if story.initial == story.counterfactual:
        return ()
    return tuple(ending for ending in story.endings if ending.split() != story.original.split())


def _item(story: Story, endings: Sequence[str]) -> Item:
    data = {
        "initial": f"{story.premise} {story.initial}",
        "counterfactual": f"{story.premise} {story.counterfactual}",
        "original": story.original,
        "endings": list(endings),
        "group": {"writer": "a person" if story.writer == "human" else story.writer},
    }
    if story.plausible is None:
        data["group"] = {}
    else:
        data["group"]["readers"] = "plausible" if story.plausible >= PLAUSIBLE else "doubtful"
    return Item(story.id, story.story, data)


def _weighed(world: Any, items: Sequence[Item]) -> list[Record]:
    texts = [(Prompt(item.data[key], raw=True), _ends(item)) for item in items for key in ("initial", "counterfactual")]
    scored = iter(weigh(world, texts))
    records: list[Record] = []
    for item in items:
        # preference for the edited ending over the original, nats per token, after each sentence
        before, after = (
            [own / n - one.logprobs[0] / one.counts[0] for own, n in zip(one.logprobs[1:], one.counts[1:], strict=True)]
            for one in (next(scored), next(scored))
        )
        effect = mean(after) - mean(before)
        follows, keeps = float(mean(after) > 0), float(mean(before) < 0)
        metrics = {
            "moved": 0.5 if effect == 0 else float(effect > 0),
            "effect": effect,
            "accuracy": follows * keeps,
            "follows": follows,
            "keeps": keeps,
        }
        records.append(_record(item, metrics, f"{mean(before):+.3f}", f"{mean(after):+.3f}"))
    return records


def _ends(item: Item) -> list[str]:
    return [f" {ending}" for ending in (item.data["original"], *item.data["endings"])]


def _written(world: Any, items: Sequence[Item]) -> list[Record]:
    asked = [form for item in items for key in ("initial", "counterfactual") for form in _forms(item, key)]
    said = say(world, [form.prompt for form in asked], max_new_tokens=ROOM["plain"])
    read = [read_answer(answer_of(world, text), form.listed, "choice") for text, form in zip(said, asked, strict=True)]
    chosen = [form.order[place] if isinstance(place, int) else None for place, form in zip(read, asked, strict=True)]
    records: list[Record] = []
    for n, item in enumerate(items):
        before, after = chosen[4 * n : 4 * n + 2], chosen[4 * n + 2 : 4 * n + 4]
        took = [mean(float(one == EDITED) for one in pair) for pair in (before, after)]
        follows, keeps = took[1], mean(float(one == ORIGINAL) for one in before)
        metrics = {
            "accuracy": float(follows == 1 and keeps == 1),
            "follows": follows,
            "keeps": keeps,
            "parsed": mean(float(one is not None) for one in (*before, *after)),
        }
        if None not in (*before, *after):
            metrics["moved"] = 0.5 if took[0] == took[1] else float(took[1] > took[0])
        if flips := [float(pair[0] != pair[1]) for pair in (before, after) if None not in pair]:
            metrics["order_flip"] = mean(flips)
        records.append(_record(item, metrics, *(" | ".join(said[4 * n + k : 4 * n + k + 2]) for k in (0, 2))))
    return records


def _forms(item: Item, key: str) -> list[Asked]:
    """The choice between both endings, in both orders."""
    choices = (item.data["original"], item.data["endings"][0])
    forms = ways(Question(item.id, f"{item.data[key]}\n\n{ASK}", choices), "plain")
    return [forms["as it is"], forms["reversed"]]


def _record(item: Item, metrics: dict[str, float], before: str, after: str) -> Record:
    show = {
        "counterfactual": item.data["counterfactual"],
        "initial": item.data["initial"],
        "original ending": item.data["original"],
        "edited ending": item.data["endings"][0],
        "after the initial": before,
        "after the counterfactual": after,
    }
    return Record(item.id, item.cluster, metrics, show, dict(item.data["group"]))
