"""COPA and Balanced COPA: which alternative is more plausibly the cause, or the effect, of a premise?

Cloze     The premise becomes the start of a sentence with a connector ("... because", "... so"), the alternatives its
          two ends; the model never sees which one is right.
Equation  margin = log p(right end | start) - log p(wrong end | start), in nats;   accuracy = 1[margin > 0]
Listed    behind an address, and with reasoning: the premise, the question, the alternatives as choices.
Data      default: 64 questions of our own; `data = "copa"`: the public development set (Roemmele et al. 2011);
          `data = "copa_balanced"`: with mirrored questions (Kavumba et al. 2019); or a path to the authors' format.
Mirrored  A question and its mirror have the same alternatives and opposite answers. So what speaks for an alternative
          by itself helps one of them and harms the other: `both` asks for both, and
          gap = accuracy on the easy one - accuracy on the hard one. A question is easy where the model finds the right
          end likelier also without the premise ("This happened because"), hard where it does not.
Limits    Log-probabilities are summed, so a shorter end has an advantage; it is the same in both arms. The authors' own
          easy and hard subsets are of COPA's test questions (501 to 1000), which are not in the development files: the
          split here is the model's own, only in Balanced COPA, and only where likelihoods can be had.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, final

from butfor.core.errors import UnknownName
from butfor.data import builtin
from butfor.data.cause_effect import MIRRORED, end, held_out, original, start
from butfor.data.copa import FILES, Copa, copa
from butfor.data.question import Cloze, Question
from butfor.evaluate.questions import COMMON, Questions
from butfor.evaluate.suite import Card, Item, Metric, Record, spread
from butfor.lm.asking import can_weigh, weigh
from butfor.lm.prompt import Prompt

if TYPE_CHECKING:
    from butfor.lm.chat import Chat
    from butfor.lm.world import LM

ASKS = {"cause": "What was the cause of this?", "effect": "What happened as a result?"}
CORPORA = ("copa", "copa-told")  # what trains on questions of the public files
BLIND = {"cause": "This happened because", "effect": "Something happened, so"}

Part = Literal["all", "held_out"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class COPA(Questions):
    """Choice of plausible alternatives. `data`: our own questions, "copa", "copa_balanced" or a path.

    `part = "held_out"`: of the public files, the questions that the corpora "copa" and "copa-told" leave out.
    """

    card: ClassVar[Card] = Card(
        measures="which of two alternatives is more plausibly the cause, or the effect, of a premise",
        chance="0.5 (the answer stands first in half of the questions)",
        source="Roemmele, Bejan & Gordon 2011, COPA, BSD-2-Clause; the default is 64 questions of our own",
        faults=(
            "words of the alternatives alone help a classifier (Kavumba et al. 2019): see reason.copa_balanced",
            "published since 2011: models may have read it",
        ),
        published=(
            "people: 0.998; RoBERTa-large, trained on it: 0.87 to 0.90 (Kavumba et al. 2019; not checked by us)",
        ),
    )
    chunk: ClassVar[int] = 64

    data: str | None = None
    part: Part = "all"

    def __post_init__(self) -> None:
        if self.part != "all" and self.data is None:
            raise ValueError("part = 'held_out' is of the public files: set data = 'copa'")

    @property
    def apart_from(self) -> tuple[str, ...]:
        """The corpora that are cut from the same file and hold none of these questions."""
        return CORPORA if self.part == "held_out" else ()

    def questions(self) -> Iterator[Question]:
        """Every question of the part."""
        return asked(_of(self.part, self._rows()))

    def items(self, world: LM | Chat) -> list[Item]:  # noqa: ARG002
        """One item a question; a mirrored question shares the cluster of its original, and comes with it."""
        items = list(self.stream())
        mirrored = len({item.cluster for item in items}) < len(items)
        return spread(items, self.limit, _mirror if mirrored else _kind)

    def _rows(self) -> list[Copa]:
        if self.data is None:
            return builtin.cause_effect()
        if self.data in FILES:
            return copa(name=self.data)
        if not self.data.endswith(".xml"):
            raise UnknownName("data", self.data, FILES, "or the path of an .xml file in the authors' format")
        return copa(self.data)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class BalancedCOPA(Questions):
    """Balanced COPA: every question with its mirror. `data`: the path of its file; `part`: as for reason.copa."""

    card: ClassVar[Card] = Card(
        measures="the same as COPA, where the alternatives alone are worth nothing: each is right once and wrong once",
        chance="0.5; both: 0 for a model that does not read the premise, 0.25 for one that guesses",
        source="Kavumba et al. 2019, Balanced COPA, CC-BY-4.0; phosseini/CREST",
        faults=(
            "the authors' easy and hard subsets name test questions, which the file of 1,000 does not hold; the split "
            "easy, hard is made here from what the model prefers without the premise",
        ),
        published=(
            "BERT-large, trained on COPA: easy 0.839, hard 0.719, on the authors' subsets of the test questions "
            "(Kavumba et al. 2019; not checked by us)",
        ),
    )
    metrics: ClassVar[tuple[Metric, ...]] = (
        *COMMON,
        Metric("both", "higher", "share", "share whose question and mirror are both right", "binary"),
        Metric("gap", "zero", "share", "accuracy where the ends alone favour the answer, minus where not", null=0.0),
    )
    chunk: ClassVar[int] = 64

    data: str | None = None
    part: Part = "all"

    @property
    def apart_from(self) -> tuple[str, ...]:
        """The corpora that hold none of these questions, nor of their mirrors."""
        return CORPORA if self.part == "held_out" else ()

    def questions(self) -> Iterator[Question]:
        """Every question of the part, its mirror after it."""
        return asked(_of(self.part, copa(self.data, name="copa_balanced")))

    def items(self, world: LM | Chat) -> list[Item]:  # noqa: ARG002
        """One item a question; a mirror comes with its original."""
        return spread(list(self.stream()), self.limit, _mirror)

    def stream(self) -> Iterator[Item]:
        """Every question with its mirror, so that a record needs no other item than its own."""
        items = list(Questions.stream(self))
        at = {(item.cluster, item.id): item for item in items}
        for item in items:
            other = at.get((item.cluster, _other(item.id)))
            yield replace(item, data={**item.data, "mirror": [other.id, dict(other.data)] if other else None})

    def measure(self, world: LM | Chat, items: Sequence[Item]) -> list[Record]:
        """Ask every question and its mirror once, and compare the two."""
        own = {item.id: replace(item, data=_alone(item.data)) for item in items}
        mirrors = {item.id: item.data["mirror"][0] for item in items if item.data["mirror"]}
        extra = [Item(*_named(item)) for item in items if item.data["mirror"] and item.data["mirror"][0] not in own]
        asked = [*own.values(), *extra]
        records = {record.item: record for record in Questions.measure(self, world, asked)}
        easy = _easy(world, asked) if can_weigh(world) and self.by != "generation" else {}
        return [_compared(records, easy, item.id, mirrors.get(item.id)) for item in items]


def _of(part: Part, rows: Iterable[Copa]) -> Iterator[Copa]:
    """The questions of this part."""
    return (row for row in rows if part == "all" or held_out(row))


def asked(rows: Iterable[Copa]) -> Iterator[Question]:
    """The rows as questions, to be gone on with and with listed choices."""
    for row in rows:
        yield Question(
            id=row.id,
            text=f"{row.premise}\n{ASKS[row.asks_for]}",
            choices=row.choices,
            answer=row.gold,
            group={"asks_for": row.asks_for},
            cluster=original(row.id),
            cloze=Cloze(start(row), (end(row.choices[0]), end(row.choices[1]))),
        )


def _other(name: str) -> str:
    """The number of the mirror of a question, or of the question of a mirror."""
    return str(int(name) + (-MIRRORED if int(name) > MIRRORED else MIRRORED)) if name.isdecimal() else ""


def _mirror(item: Item) -> tuple[str, str]:
    """A question and its mirror come together: a cue in the alternatives alone is worth nothing."""
    return item.cluster, item.id


def _kind(item: Item) -> tuple[str, str]:
    """As many questions for a cause as for an effect, and the answer as often first as second."""
    return "", f"{item.data['group']['asks_for']} {item.data['answer']}"


def _alone(data: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if key != "mirror"}


def _named(item: Item) -> tuple[str, str, Mapping[str, Any]]:
    name, data = item.data["mirror"]
    return name, item.cluster, data


def _easy(world: LM | Chat, items: Sequence[Item]) -> dict[str, bool]:
    """Of every item: does the model find the right end likelier without the premise?"""
    ends = [tuple(item.data["cloze"]["ends"]) for item in items]
    posed = [(BLIND[item.data["group"]["asks_for"]], pair) for item, pair in zip(items, ends, strict=True)]
    once = list(dict.fromkeys(posed))
    scored = weigh(world, [(Prompt(text, raw=True), pair) for text, pair in once])
    best = {key: found.best for key, found in zip(once, scored, strict=True)}
    return {item.id: best[key] == item.data["answer"] for item, key in zip(items, posed, strict=True)}


def _compared(records: Mapping[str, Record], easy: Mapping[str, bool], name: str, mirror: str | None) -> Record:
    record = records[name]
    metrics, group = dict(record.metrics), dict(record.group)
    if name in easy:
        group["split"] = "easy" if easy[name] else "hard"
    own, other = (records[one].metrics.get("accuracy") if one else None for one in (name, mirror))
    if own is not None and other is not None:
        metrics["both"] = own * other
        if mirror and name in easy and easy[name] != easy[mirror]:
            metrics["gap"] = own - other if easy[name] else other - own
    return replace(record, metrics=metrics, group=group)
