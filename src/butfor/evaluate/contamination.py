"""Does the model know the items by heart? Give it the first half of a text, and see whether it writes the second.

Equation  verbatim = words of its greedy answer that are the next words of the text, until the first that differs,
          of the `ASKED` words that are compared;   flagged = 1[at least `RUN` words]
Placebo   The same for the text with both halves reworded by rule (`data.paraphrase.reworded`): whoever merely writes
          well in this style does as well there; whoever learnt the text by heart does not. It is the null of both.
Equation  familiar = (log P(second | first) - log P(reworded second | first)) / tokens, each by its own number of
          tokens; in nats. Only where log-probabilities are told.
Source    completion of the second half after Carlini et al. 2021; the reworded arm is ours.
Limits    A text of under 2 · `RUN` words has no numbers. `familiar` is above zero for plain good English too: compare
          it between models or sets. In memory the text stands alone, without a template; an address is asked, in
          words, to go on with it, so the two are different questions. What was learnt but is not written greedily goes
          unseen, and a text made from a template may be completed by whoever saw its siblings.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from heapq import nsmallest
from typing import TYPE_CHECKING, Any, ClassVar, final

from butfor.core.errors import MissingData, UserError
from butfor.core.registry import resolve
from butfor.data.paraphrase import reworded
from butfor.evaluate.questions import Questions
from butfor.evaluate.suite import Card, Item, Limit, Metric, Record, spread
from butfor.lm.asking import can_weigh, say, weigh
from butfor.lm.prompt import Prompt

if TYPE_CHECKING:
    from butfor.lm.chat import Chat
    from butfor.lm.world import LM

RUN = 8  # words in a row that nobody writes by chance
ASKED = 24  # words of the second half that are compared, at most
BEFORE = 200  # words of the first half that the model sees, at most
ROOM = 64  # new tokens
MOST = 500  # texts of a set
PUBLIC = ("reason.cladder", "reason.corr2cause", "reason.causal_judgement", "reason.moca", "reason.calm")
SWAPS = 6  # one word in so many is reworded
INSTRUCTION = "Go on with this text exactly as it goes on in the original, word for word, and write nothing else:\n\n"

CONTAMINATION = (
    Metric(
        "verbatim", "lower", "share", "share of the next words that the model writes itself", null="verbatim_reworded"
    ),
    Metric(
        "flagged", "lower", "share", f"share of texts of which it writes {RUN} words", "binary", null="flagged_reworded"
    ),
    Metric("familiar", "lower", "nats", "how much likelier a token is in the text than in its rewording"),
    Metric("verbatim_reworded", "lower", "share", "verbatim, for the reworded text"),
    Metric("flagged_reworded", "lower", "share", "flagged, for the reworded text", "binary"),
)


@dataclass(frozen=True, slots=True)
class Halves:
    """A text cut in two at a word, and the same with both halves reworded (None where no rule applies)."""

    first: str
    second: str
    other: tuple[str, str] | None


def contamination(world: LM | Chat, texts: Sequence[tuple[str, str]]) -> list[Record]:
    """One record for each (id, text), in order, with the metrics of `CONTAMINATION`; a short text's has none."""
    halves = {name: cut for name, text in texts if (cut := halved(text)) is not None}
    likely = _familiar(world, halves) if can_weigh(world) else {}
    whole = _completed(world, {name: cut.first for name, cut in halves.items()})
    others = _completed(world, {name: cut.other[0] for name, cut in halves.items() if cut.other})
    records: list[Record] = []
    for name, _ in texts:
        if name not in halves:
            records.append(Record(name, name, {}, {"why not": f"fewer than {2 * RUN} words"}))
            continue
        cut = halves[name]
        metrics = _metrics(whole[name], cut.second, "")
        if cut.other:
            metrics |= _metrics(others[name], cut.other[1], "_reworded")
        if name in likely:
            metrics["familiar"] = likely[name]
        show = {"first half": cut.first[-700:], "second half": cut.second[:700], "said": whole[name][:700]}
        records.append(Record(name, name, metrics, show))
    return records


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Contamination:
    """Does the model complete the items of public sets word for word? `of`: suites of questions."""

    worlds: ClassVar[tuple[str, ...]] = ("lm", "chat")
    metrics: ClassVar[tuple[Metric, ...]] = CONTAMINATION
    chunk: ClassVar[int] = 8
    cost: ClassVar[int] = 5
    card: ClassVar[Card] = Card(
        measures="how much of a public set the model writes by heart, beyond what it writes of the same text reworded",
        chance="what it writes of the reworded text",
        source="the sets themselves; completing the second half after Carlini et al. 2021",
        faults=("texts made from templates share sentences; short texts are left out",),
    )

    of: tuple[str, ...] = PUBLIC
    limit: Limit = None

    def ready(self) -> None:
        """At least one of the sets is here."""
        if not self._sets():
            raise MissingData(f"none of these sets is on this machine: {', '.join(self.of)}; run: butfor fetch cladder")

    def items(self, world: LM | Chat) -> list[Item]:  # noqa: ARG002
        """The same number of texts from every set, as far as it has them."""
        items = [
            Item(f"{name}/{number}", f"{name}/{cluster}", {"set": name, "text": text})
            for name, suite in self._sets().items()
            for number, cluster, text in _texts(suite)
        ]
        return spread(items, self.limit, lambda item: ("", str(item.data["set"])))

    def measure(self, world: LM | Chat, items: Sequence[Item]) -> list[Record]:
        """Each text completed, as it is and reworded."""
        records = contamination(world, [(item.id, item.data["text"]) for item in items])
        return [
            replace(record, cluster=item.cluster, group={"set": item.data["set"]})
            for record, item in zip(records, items, strict=True)
        ]

    def _sets(self) -> dict[str, Questions]:
        found: dict[str, Questions] = {}
        for name in self.of:
            suite = resolve("suite", name)
            if not issubclass(suite, Questions):
                raise UserError(f"{name} is no suite of questions; contamination reads the texts of questions")
            made = suite()
            try:
                made.ready()
            except MissingData:
                continue
            found[name] = made
        return found


def texts_of(items: Sequence[Item], count: int) -> list[tuple[str, str]]:
    """The longest text of each of `count` items of any suite, those whose names hash small."""
    chosen = nsmallest(count, items, key=lambda item: _rank(item.id))
    return [(item.id, max(_strings(item.data), key=len, default="")) for item in chosen]


def halved(text: str) -> Halves | None:
    """The text cut after half of its words; None where either half is shorter than a run."""
    words = list(re.finditer(r"\S+", text))
    if len(words) < 2 * RUN:
        return None
    middle = len(words) // 2
    start = words[max(0, middle - BEFORE)].start()
    first, second = text[start : words[middle].start()].rstrip(), text[words[middle].start() :].rstrip()
    second = second[: words[min(len(words), middle + ASKED) - 1].end() - words[middle].start()]
    changed = reworded(second, max(2, len(second.split()) // SWAPS), 0)
    if changed is None:
        return Halves(first, second, None)
    near = reworded(first, max(2, len(first.split()) // SWAPS), len(first))
    return Halves(first, second, (near or first, changed))


def written(said: str, second: str) -> int:
    """How many words of `second`, from its first on, stand in a row in what was said."""
    wanted, found = _words(second), _words(said)
    best = 0
    for start in range(len(found)):
        length = 0
        while length < len(wanted) and start + length < len(found) and found[start + length] == wanted[length]:
            length += 1
        best = max(best, length)
    return best


def _texts(suite: Questions) -> list[tuple[str, str, str]]:
    """Id, cluster and text of the `MOST` questions that hash smallest, of those that are long enough."""
    long = (q for q in suite.questions() if len(q.text.split()) >= 2 * RUN)
    return [(q.id, q.cluster or q.id, q.text) for q in nsmallest(MOST, long, key=lambda q: _rank(q.id))]


def _rank(name: str) -> bytes:
    return hashlib.blake2b(name.encode(), person=b"contamination").digest()


def _metrics(said: str, second: str, suffix: str) -> dict[str, float]:
    count = written(said, second)
    return {f"verbatim{suffix}": count / len(_words(second)), f"flagged{suffix}": float(count >= RUN)}


def _words(text: str) -> list[str]:
    return [plain for word in text.casefold().split() if (plain := re.sub(r"[^\w%.]|\.$", "", word))]


def _completed(world: LM | Chat, starts: Mapping[str, str]) -> dict[str, str]:
    remote = getattr(world, "remote", False)
    prompts = [Prompt(INSTRUCTION + text) if remote else Prompt(text, raw=True) for text in starts.values()]
    return dict(zip(starts, say(world, prompts, max_new_tokens=ROOM), strict=True)) if prompts else {}


def _familiar(world: LM | Chat, halves: Mapping[str, Halves]) -> dict[str, float]:
    pairs = {name: (cut, cut.other[1]) for name, cut in halves.items() if cut.other}
    asked = [(Prompt(cut.first, raw=True), [f" {cut.second}", f" {changed}"]) for cut, changed in pairs.values()]
    scored = weigh(world, asked) if asked else []
    return {
        name: s.logprobs[0] / s.counts[0] - s.logprobs[1] / s.counts[1] for name, s in zip(pairs, scored, strict=True)
    }


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, part in value.items():
            if key != "shots":
                yield from _strings(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _strings(part)
