"""Spurious Token Game: does the answer follow the numbers that cause it, or those that only came along with them?

Idea      Three numbers decide a person's risk; in the worked examples three others always move with them. Then one
          spurious number is set to the other end of its range while the causes keep their values.
Equation  y = log P(High Risk) − log P(Low Risk).   strength = direction · (y(spurious changed) − y), the direction
          being that in which the number went together with the risk.   placebo: the same with a number that never
          meant anything, moved the same way.   causal: the same with a cause.   accuracy: the likeliest of three risks.
Known     A reader of the causes alone: strength 0, iid = ood. A reader of what is spurious: strength > 0, iid > ood.
Prompt    `shots` worked examples from the iid split, each risk as often as can be. There are `lessons` such lists;
          people who share one are a cluster, as they share what was to be learnt.
Data      our own draw of the game (`data/stg.py`); `data = "published"`: the authors' files, with their labels.
Limits    An untrained model learns the game from its examples alone, and from few: its accuracy is a floor. One
          spurious number is changed at a time; two others still tell the truth, so the three may add up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, final

from pydantic import Field

from butfor.core.seeds import generator
from butfor.data.stg import RISKS, START, Person, Split, drawn, stg, told
from butfor.evaluate.questions import By
from butfor.evaluate.shortcut.asked import Answered, answered
from butfor.evaluate.shortcut.token_game import MOVES, STRENGTH, arms, by_arm, effects, numbers, signs
from butfor.evaluate.suite import Card, Item, Limit, Metric, Record, spread
from butfor.lm.prompt import Prompt

if TYPE_CHECKING:
    from butfor.lm import LM
    from butfor.lm.chat import Chat

ASKED: tuple[Split, ...] = ("iid", "ood")
TASK = f"{START} Answer with one of: {', '.join(RISKS)}."


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SpuriousToken:
    """Accuracy in and out of distribution, and the effect of a spurious number with the causes held fixed."""

    card: ClassVar[Card] = Card(
        measures="whether an answer rests on numbers that cause it or on numbers that go together with these",
        chance="1/3 (three risks, about equally frequent in our draw); a constant answer reaches 0.34",
        source="the game: Han et al. 2025 (CAT), whose files carry no licence; our own draw, with its labels mended",
        faults=(
            "published files: Middle Risk has 6 of 1,600 training rows and 1 of 800 test rows, because the generator "
            "compares with one number where it means a range; 798 of 2,400 rows are Low that should be Middle "
            "(counted by us)",
            "published files: out of distribution the spurious numbers leave their old range too (Hormones up to 10, "
            "before at most 5)",
        ),
        published=(
            "Llama-3.1-8B fine-tuned on STG_M: ood accuracy 0.645, with causal attention tuning 0.905 "
            "(Han et al. 2025; not checked by us)",
        ),
    )
    worlds: ClassVar[tuple[str, ...]] = ("lm", "chat")
    metrics: ClassVar[tuple[Metric, ...]] = (
        STRENGTH,
        Metric("accuracy", "higher", "share", "share of risks told right", "binary", null="chance"),
        *MOVES,
        Metric("parsed", "higher", "share", "share of written answers that could be read", "binary"),
    )
    chunk: ClassVar[int] = 16
    cost: ClassVar[int] = 4  # long prompts, four an item

    limit: Limit = None
    by: By = "auto"
    data: Literal["own", "published"] = "own"
    people: Annotated[int, Field(ge=1)] = 200  # a split, of our own draw
    shots: Annotated[int, Field(ge=0)] = 6
    lessons: Annotated[int, Field(ge=1)] = 10
    seed: int = 0

    def ready(self) -> None:
        """The published files are here and can be read; our own need nothing."""
        if self.data == "published":
            for split in ("train", *ASKED):
                self._people(split)

    def items(self, world: LM | Chat) -> list[Item]:  # noqa: ARG002
        """One item a person, the three spurious numbers in turn; half of them out of distribution."""
        lessons = self._lessons()
        found: list[Item] = []
        for split in ASKED:
            for number, person in enumerate(self._people(split)):
                lesson = number % len(lessons)
                data = {**_data(person, *numbers(number, len(lessons))), "shots": lessons[lesson], "split": split}
                found.append(Item(person.id, f"lesson {lesson + 1}", data))
        return sorted(
            spread(found, self.limit, lambda item: (item.data["number"], item.data["split"])),
            key=lambda item: int(item.cluster.split()[1]),  # what shares its examples is asked together
        )

    def measure(self, world: LM | Chat, items: Sequence[Item]) -> list[Record]:
        """Ask about every person as they are, and with one number changed."""

        def ask(put: list[tuple[Item, str]]) -> list[Answered]:
            return answered(world, [(_prompt(item, text), RISKS) for item, text in put], self.by)

        return [_record(*pair) for pair in zip(items, by_arm(items, ask), strict=True)]

    def _people(self, split: Split) -> list[Person]:
        if self.data == "published":
            return stg(split)
        return drawn(split, self.people, self.seed)

    def _lessons(self) -> list[list[list[str]]]:
        """Lists of worked examples: the risks in turn, people at random, in a random order."""
        pools: dict[str, list[Person]] = {}
        for person in self._people("train"):
            pools.setdefault(person.risk, []).append(person)
        risks = [risk for risk in RISKS if risk in pools]
        found: list[list[list[str]]] = []
        for lesson in range(self.lessons):
            rng = generator(self.seed, "spurious token game", "lesson", lesson)
            pool = [pools[risks[(lesson + n) % len(risks)]] for n in range(self.shots)]
            people = [people[int(rng.integers(len(people)))] for people in pool]
            found.append([[told(people[n].values), people[n].risk] for n in rng.permutation(self.shots)])
        return found


def _data(person: Person, name: str, cause: str) -> dict[str, Any]:
    """The person as they are and with one number changed, and which way that number should move the risk."""
    changed = arms(person, name, cause)
    return {
        "texts": {arm: told(values) for arm, values in changed.items()},
        "risk": person.risk,
        "number": name,
        **signs(changed, name, cause),
    }


def _prompt(item: Item, text: str) -> Prompt:
    shots = tuple((asked, risk) for asked, risk in item.data["shots"])
    return Prompt(text, system=TASK, shots=shots, start="Answer:")


def _record(item: Item, answers: Mapping[str, Answered]) -> Record:
    base, gold = answers["base"], RISKS.index(item.data["risk"])
    metrics = {"accuracy": float(base.best == gold), **effects(item.data, answers)}
    if not base.logprobs:
        metrics["parsed"] = float(base.best is not None)
    show = {
        "asked": base.asked,
        "right": item.data["risk"],
        "said": base.said,
        "spurious number changed": item.data["texts"]["spurious"],
    }
    error = "" if base.best == gold else "wrong format" if base.best is None else "other"
    group = {"split": item.data["split"], "number": item.data["number"]}
    return Record(item.id, item.cluster, metrics, show, group, error)
