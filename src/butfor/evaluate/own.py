"""The user's own questions and pairs, from files of any size (formats: `data.items`).

Questions  asked, scored and varied like those of every other suite (see `questions`).
Pairs      what should come of changing `variable` from text a to text b:
           a>b        margin = log P(a) - log P(b), of the whole texts, nothing before them; as expected: margin > 0
           a>b        with choices x, y: y(t) = log P(x | t) - log P(y | t); odds = y(a) - y(b); as expected: odds > 0
           same,      moved = ½ Σ |p(next token | a) - p(next token | b)|, from 0 to 1; with choices: odds_moved =
           different  |y(a) - y(b)|. As expected: same: no more than the placebo moves it; different: more
Placebo    a paraphrase of a, edited where b differs from it and by as many words (`data.paraphrase`), put in b's place:
           the null of `odds` and of everything that moves. Where no rule makes one there is no placebo, the pair counts
           as unmatched, and what is judged against a placebo is left out. The null of `margin` is 0.
By words   without log-probabilities, or with by = "generation": flip = the answer changes (the choice that is written;
           without choices the first words of a greedy answer, but for case and marks). As expected: same: no flip;
           different: a flip; a>b with choices: x after a, y after b. a>b without choices has no meaning there.
Chance     the null of `as_expected`: 0.5 by likelihood (an edit that does nothing is as often above its placebo as
           below); by words, how often the placebo in b's place does what b should.
Asked      a and b are put as questions (a chat model's template, a base model's plain text); with choices that begin
           with a blank they are texts to go on with, and for `margin` nothing is put around them.
Unread     A written choice that cannot be read flips nothing, and is not as a>b expects; `parsed` counts it.
Limits     `limit` takes the items whose ids hash smallest, with a heap of that size; without it items are streamed.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar, final

from butfor.data.answers import plain_words
from butfor.data.items import OwnPair, own_items, own_pairs
from butfor.data.paraphrase import placebo
from butfor.data.question import Question
from butfor.evaluate.edits import as_question, choices_made, cut, log_odds
from butfor.evaluate.questions import By, Questions
from butfor.evaluate.suite import Card, Item, Limit, Metric, Record
from butfor.lm.asking import can_weigh, say, weigh
from butfor.lm.prompt import Prompt, rendered

if TYPE_CHECKING:
    from butfor.lm.chat import Chat
    from butfor.lm.world import LM

T = TypeVar("T")
Asked = tuple[Prompt, tuple[str, str]]
ROOM = 32  # new tokens of an answer whose words are compared
ARMS = ("a", "b", "placebo")


MOVES: tuple[tuple[str, str, Literal["mean", "binary"], str], ...] = (
    ("moved", "share", "mean", "distance of the next-token distributions"),
    ("odds_moved", "nats", "mean", "how far the log-odds of the choices move"),
    ("flip", "share", "binary", "share whose answer changes"),
)


def _moves(expect: Literal["same", "different"], better: Literal["lower", "higher"]) -> Iterator[Metric]:
    """How far the answer moves, and how far a placebo moves it, for pairs of one expectation."""
    for name, unit, kind, about in MOVES:
        null = f"{expect}_{name}_placebo"
        yield Metric(f"{expect}_{name}", better, unit, f"{expect}: {about}", kind, null=null)
        yield Metric(null, "lower", unit, f"{expect}: {about}, from a to a paraphrase of it", kind)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class OwnItems(Questions):
    """Questions from a file of JSON lines."""

    card: ClassVar[Card] = Card(
        measures="Are the user's own questions answered right?",
        chance="1 / number of choices; 0 for open answers",
        source="the file that was given",
    )

    path: str

    def questions(self) -> Iterator[Question]:
        """Every question of the file, read as it is needed."""
        for row in own_items(self.path):
            yield Question(
                row.id, row.prompt, row.choices, row.answer, row.match or "choice", dict(row.group), row.cluster,
                lures=row.lures,
            )  # fmt: skip

    def ready(self) -> None:
        """Every line can be read: a mistake in the last one is told before a model is loaded."""
        for _ in self.questions():
            pass

    def items(self, world: LM | Chat) -> Iterable[Item]:  # type: ignore[override]  # noqa: ARG002
        """The questions, streamed; under a limit those whose ids hash smallest."""
        return smallest(self.stream(), self.limit, lambda item: item.id)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class OwnPairs:
    """Pairs of texts from a file of JSON lines."""

    card: ClassVar[Card] = Card(
        measures="Does changing one variable of the user's own texts do what it should, and no more?",
        chance="0.5 by likelihood; by generation, what a paraphrase in the second text's place does",
        source="the file that was given",
    )
    worlds: ClassVar[tuple[str, ...]] = ("lm", "chat")
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("as_expected", "higher", "share", "share of pairs that do what is expected", "binary", null="chance"),
        Metric("chance", "higher", "share", "what a change without an effect would give"),
        Metric("margin", "higher", "nats", "a>b: log-probability of text a minus that of text b", null=0.0),
        Metric("odds", "higher", "nats", "a>b: log-odds of the choices after a minus after b", null="odds_placebo"),
        Metric("odds_placebo", "higher", "nats", "the same with a paraphrase of a in b's place"),
        *_moves("same", "lower"),
        *_moves("different", "higher"),
        Metric("unmatched", "lower", "share", "share of pairs for which no rule makes a placebo", "binary"),
        Metric("parsed", "higher", "share", "share of pairs whose written choices could all be read", "binary"),
    )
    chunk: ClassVar[int] = 32

    path: str
    limit: Limit = None
    by: By = "auto"

    def ready(self) -> None:
        """Every line can be read."""
        for _ in own_pairs(self.path):
            pass

    def items(self, world: LM | Chat) -> Iterable[Item]:  # noqa: ARG002
        """One item a pair with its placebo, streamed; under a limit those whose ids hash smallest."""
        chosen = smallest(own_pairs(self.path), self.limit, lambda pair: pair.id)
        return (Item(pair.id, pair.cluster or pair.id, {**asdict(pair), "placebo": _placebo(pair)}) for pair in chosen)

    def measure(self, world: LM | Chat, items: Sequence[Item]) -> list[Record]:
        """Every distinct text of the chunk once."""
        pairs = [_pair(item.data) for item in items]
        texts = [_arms(pair, item.data["placebo"]) for pair, item in zip(pairs, items, strict=True)]
        found = [_Found(pair, arms) for pair, arms in zip(pairs, texts, strict=True)]
        likely = self.by != "generation" and (self.by == "likelihood" or can_weigh(world))
        inside = likely and not getattr(world, "remote", False)
        with_choices = [one for one in found if one.pair.choices]
        bare = [one for one in found if not one.pair.choices]
        (_odds if likely else _chosen)(world, with_choices)
        if likely:
            _margins(world, [one for one in bare if one.pair.expect == "a>b"])
        rest = [one for one in bare if one.pair.expect != "a>b"]
        (_moved if inside else _said)(world, rest)
        return [one.record(item) for one, item in zip(found, items, strict=True)]


def smallest(rows: Iterable[T], limit: int | None, name: Callable[[T], str]) -> Iterable[T]:
    """The `limit` rows whose names hash smallest, in their order; all of them, as they come, without a limit.

    Which rows are chosen does not depend on their order, and a larger limit contains a smaller one.
    """
    if limit is None:
        return rows
    heap: list[tuple[int, int, T]] = []  # the largest hash first, as the smallest negative
    for number, row in enumerate(rows):
        key = -int.from_bytes(hashlib.blake2b(name(row).encode()).digest(), "big")
        if len(heap) < limit:
            heapq.heappush(heap, (key, number, row))
        elif key > heap[0][0]:
            heapq.heapreplace(heap, (key, number, row))
    return [row for _, _, row in sorted(heap, key=lambda kept: kept[1])]


class _Found:
    """What is known of one pair so far."""

    def __init__(self, pair: OwnPair, arms: Mapping[str, str]) -> None:
        self.pair, self.arms = pair, arms
        self.metrics: dict[str, float] = {"unmatched": float("placebo" not in arms)}
        self.show = {arm: cut(text) for arm, text in arms.items()}
        if pair.choices is None and pair.expect == "a>b":
            self.metrics = {}  # whole texts are compared with each other, not with a placebo

    def moved(self, name: str, distance: Callable[[str, str], float]) -> None:
        """How far the answer moves from a to b, and to the placebo: what `same` and `different` are judged by."""
        expect = self.pair.expect
        self.metrics[f"{expect}_{name}"] = far = distance("a", "b")
        if "placebo" in self.arms:
            self.metrics[f"{expect}_{name}_placebo"] = near = distance("a", "placebo")
            if name != "flip":
                self.expected(far > near if expect == "different" else far <= near, 0.5)
            else:
                self.expected(bool(far) is (expect == "different"), float(bool(near) is (expect == "different")))

    def expected(self, true: bool, chance: float) -> None:
        self.metrics |= {"as_expected": float(true), "chance": chance}

    def record(self, item: Item) -> Record:
        show = {"expect": f"{self.pair.expect} ({self.pair.variable})", **self.show}
        group = {"expect": self.pair.expect, "variable": self.pair.variable, **self.pair.group}
        return Record(item.id, item.cluster, self.metrics, show, group)


def _margins(world: Any, found: Sequence[_Found]) -> None:
    scored = weigh(world, [(Prompt("", raw=True), (one.pair.a, one.pair.b)) for one in found]) if found else []
    for one, s in zip(found, scored, strict=True):
        margin = s.logprobs[0] - s.logprobs[1]
        one.metrics["margin"] = margin
        one.show["margin"] = f"{margin:+.2f}"
        one.expected(margin > 0, 0.5)


def _odds(world: Any, found: Sequence[_Found]) -> None:
    asked = [{arm: _asked(text, one.pair) for arm, text in one.arms.items()} for one in found]
    odds = log_odds(world, [key for row in asked for key in row.values()]) if found else {}
    for one, row in zip(found, asked, strict=True):
        y = {arm: odds[key] for arm, key in row.items()}
        one.show |= {f"log-odds, {arm}": f"{value:+.2f}" for arm, value in y.items()}
        if one.pair.expect == "a>b":
            one.metrics["odds"] = y["a"] - y["b"]
            one.metrics |= {"odds_placebo": y["a"] - y["placebo"]} if "placebo" in y else {}
            one.expected(y["a"] > y["b"], 0.5)
        else:
            one.moved("odds_moved", lambda arm, other, y=y: abs(y[arm] - y[other]))


def _chosen(world: Any, found: Sequence[_Found]) -> None:
    asked = [{arm: _asked(text, one.pair) for arm, text in one.arms.items()} for one in found]
    made = choices_made(world, [key for row in asked for key in row.values()]) if found else {}
    for one, row in zip(found, asked, strict=True):
        one.show |= {f"said, {arm}": cut(made[key][1].strip()) for arm, key in row.items()}
        read = {arm: made[key][0] for arm, key in row.items()}
        one.metrics["parsed"] = float(None not in read.values())
        if one.pair.expect == "a>b":
            true = (read["a"], read["b"]) == (0, 1)
            if "placebo" in read:
                one.expected(true, float((read["a"], read["placebo"]) == (0, 1)))
        elif one.metrics["parsed"]:
            one.moved("flip", lambda arm, other, read=read: float(read[arm] != read[other]))


def _moved(world: Any, found: Sequence[_Found]) -> None:
    from butfor.lm.following import distance, following

    texts = {text: rendered(world, Prompt(text), scoring=False) for one in found for text in one.arms.values()}
    distinct = list(dict.fromkeys(texts.values()))
    place = {text: row for row, text in enumerate(distinct)}
    rows = following(world, distinct)  # [N, V]
    for one in found:
        at = {arm: place[texts[text]] for arm, text in one.arms.items()}
        one.moved("moved", lambda arm, other, at=at: min(1.0, distance(rows[at[arm]], rows[at[other]])))
        one.show["moved"] = f"{one.metrics[f'{one.pair.expect}_moved']:.3f}"


def _said(world: Any, found: Sequence[_Found]) -> None:
    texts = list(dict.fromkeys(text for one in found for text in one.arms.values()))
    said = dict(zip(texts, say(world, [Prompt(text) for text in texts], max_new_tokens=ROOM), strict=True))
    for one in found:
        words = {arm: plain_words(said[text]) for arm, text in one.arms.items()}
        one.show |= {f"said, {arm}": cut(said[text].strip()) for arm, text in one.arms.items()}
        one.moved("flip", lambda arm, other, words=words: float(words[arm] != words[other]))


def _asked(text: str, pair: OwnPair) -> Asked:
    """A text with its choices: to be gone on with, where they begin with a blank, else as a question."""
    assert pair.choices is not None
    first, second = pair.choices
    if first[0].isspace() and second[0].isspace():
        return Prompt(text.rstrip(), raw=True), (first, second)
    question = as_question(Prompt(text, start="Answer:"), pair.choices)
    return question, (f" {first.strip()}", f" {second.strip()}")


def _arms(pair: OwnPair, placebo_text: str | None) -> dict[str, str]:
    return {"a": pair.a, "b": pair.b, **({"placebo": placebo_text} if placebo_text else {})}


def _placebo(pair: OwnPair) -> str | None:
    """A paraphrase of a; the words of the choices stay as they are."""
    if pair.choices is None and pair.expect == "a>b":
        return None
    return placebo(pair.a, pair.b, [word for choice in pair.choices or () for word in choice.split()])


def _pair(data: Mapping[str, Any]) -> OwnPair:
    own = {key: value for key, value in data.items() if key != "placebo"}
    return OwnPair(**{**own, "choices": tuple(own["choices"]) if own["choices"] else None})
