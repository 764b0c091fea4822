"""Control codes: say which kind of change is wanted, and a decoder writes a text changed in that way.

Kinds     negation      a "not", "no", "never" … comes or goes
          quantifier    an amount or a number becomes another
          shuffle       the same words in another order
          insert        words are added, none is lost             delete   words are lost, none is added
          lexical       single words become other single words    resemantic   one phrase becomes another one
          restructure   anything else
          A pair is of the first kind that fits, in the order negation … restructure; `kind` says which.
Format    Trained on lines such as     The film was bad.
                                       [lexical] The film was ___. => good
          asked with what ends at the bracket, so that the model says where it changes the text, and how.
Rows      Sentence by sentence from people's pairs (film and restaurant reviews, swapped nouns, retold stories), both
          ways. People shuffle words too seldom to learn it from: "good and cheap" is turned round by rule as well.
Source    Wu, Ribeiro, Heer & Weld 2021 (Polyjuice), whose codes these are; the marks are plain text here, so that any
          decoder learns them without new tokens.
Limits    The kinds are told apart by counting words, not by a parser. An edit aims at no label: a judge, where there is
          one, picks the drafts that move a text towards the wanted value. The reviews of CEBaB are those of its dev
          file: where edits are measured on it, train on rows(skip=["cebab/"]).
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from butfor.core.errors import UnknownName, UserError
from butfor.core.seeds import derive, generator
from butfor.data.cad import cad
from butfor.data.cebab import cebab
from butfor.data.counterfactual.blanks import (
    ARROW,
    BLANK,
    SENTENCE,
    Unreadable,
    filled,
    heard,
    line,
    phrases,
    sentences,
    shown,
    told,
)
from butfor.data.counterfactual.infill import WHOLE
from butfor.data.counterfactual.judge import Judge, place
from butfor.data.counterfactual.made import Case, Draft
from butfor.data.monli import monli
from butfor.data.pairs import Pair, substitute
from butfor.data.swaps import NEGATIONS, NUMBERS, WORD
from butfor.data.timetravel import timetravel
from butfor.lm.world import LM

KINDS = ("negation", "quantifier", "shuffle", "insert", "delete", "lexical", "resemantic", "restructure")
QUANTIFIERS = NUMBERS | frozenset(
    re.findall(
        r"\w+",
        "all every each any some many much most more less several both few fewer little lots plenty enough always "
        "often sometimes rarely seldom everyone everything someone something anyone anything half",
    )
)
DENIALS = NEGATIONS - {"few", "little"}
SIDES = re.compile(r"\b([a-z]{3,}) (and|or) ([a-z]{3,})\b")
LONG, CHANGED, MOST = 40, 0.7, 1500  # words of a sentence; share of it that may be new; rows of one kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Coded:
    """A maker: a decoder trained on `rows()` changes sentences, and a judge picks the changes."""

    lm: LM
    judge: Judge | None = None
    kinds: tuple[str, ...] = KINDS
    temperature: float = 0.7
    name: str = "codes"
    batch: int = 1

    def __post_init__(self) -> None:
        if unknown := [kind for kind in self.kinds if kind not in KINDS]:
            raise UnknownName("kind of change", unknown[0], KINDS)
        if not self.kinds or self.temperature < 0:
            raise UserError("give one kind of change or more, and a temperature from 0 on")
        if self.lm.is_encoder:
            raise UserError(f"{self.lm.name} is an encoder: it writes nothing; use a decoder, e.g. smollm2-135m")

    def identity(self) -> Any:
        judge = None if self.judge is None else self.judge.identity()
        return [self.lm.fingerprint(), self.lm.tokenizer_fingerprint(), judge, self.kinds, self.temperature]

    def make(self, cases: Sequence[Case], seed: int) -> list[Draft]:
        return [self._made(case, derive(seed, "codes", case.text, case.wanted)) for case in cases]

    def _made(self, case: Case, seed: int) -> Draft:
        spans = parts(case.text)
        asked = [question(case.text[a:b], kind) for a, b in spans for kind in self.kinds]
        found: dict[int, list[str]] = defaultdict(list)  # number of the sentence → what it may become
        for number, said in enumerate(self._said(asked, spans, case.text, seed)):
            at = number // len(self.kinds)
            text = edited(said)
            if text and text != line(case.text[slice(*spans[at])]) and text not in found[at]:
                found[at].append(text)
        if not any(found.values()):
            return Draft(case.text, asked[0] if asked else "", "no edit that can be read: train on the corpus 'codes'")
        if self.judge is None:
            draw = generator(seed)
            at = int(draw.choice([number for number, drafts in found.items() if drafts]))
            return Draft(substitute(case.text, (spans[at],), [str(draw.choice(found[at]))]), asked[0])
        return self._picked(self.judge, case, spans, found, asked[0])

    def _said(self, asked: Sequence[str], spans: Sequence[tuple[int, int]], text: str, seed: int) -> list[str]:
        from butfor.lm.generation import generate
        from butfor.lm.tokens import encode

        longest = max(map(len, encode(self.lm, [text[a:b] for a, b in spans])), default=0)
        return generate(
            self.lm, asked, max_new_tokens=2 * longest + 16, temperature=self.temperature, seed=seed, stop="\n"
        )

    def _picked(
        self, judge: Judge, case: Case, spans: Sequence[tuple[int, int]], found: dict[int, list[str]], asked: str
    ) -> Draft:
        """The change that helps most, then the next sentence's, until the judge says the wanted value."""
        wanted = place(judge, case.wanted)
        now: dict[int, str] = {}
        best, text = float(judge.likely([case.text])[0][wanted]), case.text
        while True:
            options = [(at, draft) for at, drafts in found.items() if at not in now for draft in drafts]
            texts = [_with(case.text, spans, {**now, at: draft}) for at, draft in options]
            likely = judge.likely(texts) if texts else []
            top = max(range(len(texts)), key=lambda at: likely[at][wanted], default=-1)
            if top < 0 or likely[top][wanted] <= best:
                return Draft(text, asked, f"no edit flipped it: P({case.wanted}) came to {best:.2f} at most")
            now[options[top][0]], text, best = options[top][1], texts[top], float(likely[top][wanted])
            if int(likely[top].argmax()) == wanted:
                return Draft(text, asked)


def kind(base: str, counterfactual: str) -> str:
    """Which of the eight kinds of change leads from one text to the other."""
    one, two = _words(base), _words(counterfactual)
    if one == two:
        return "restructure"
    if _denials(one) != _denials(two):
        return "negation"
    changed = [
        (_words(base[a:b]), _words(counterfactual[c:d]))
        for (a, b), (c, d) in phrases(Pair.of(base, counterfactual, ""))
    ]
    if any(_amounts(left) != _amounts(right) and _amounts(left) | _amounts(right) for left, right in changed):
        return "quantifier"
    if sorted(one) == sorted(two):
        return "shuffle"
    if _within(one, two):
        return "insert"
    if _within(two, one):
        return "delete"
    if all(len(left) == len(right) <= 1 for left, right in changed):
        return "lexical"
    return "resemantic" if sum(bool(left or right) for left, right in changed) == 1 else "restructure"


def rows(most: int = MOST, skip: Collection[str] = ()) -> list[dict[str, Any]]:
    """Training rows, at most so many of each kind; what is learnt begins behind the code.

    Groups that begin with one of `skip` ("cad/12", "cebab/") are left out.
    """
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    seen: set[tuple[str, str]] = set()
    for group, base, counterfactual in _pairs():
        if group.startswith(tuple(skip)) or (base, counterfactual) in seen:
            continue
        seen.add((base, counterfactual))
        spans = [span for _, span in phrases(Pair.of(base, counterfactual, ""))]
        new = sum(stop - start for start, stop in spans)
        if max(len(base.split()), len(counterfactual.split())) <= LONG and new <= CHANGED * len(counterfactual):
            code = kind(base, counterfactual)
            asked = question(base, code)
            contents = [counterfactual[start:stop] for start, stop in spans]
            text = f"{asked} {shown(counterfactual, spans)}{told(contents)}\n"
            key = f"{group}/{code}/{len(found[code])}"
            found[code].append({"id": key, "group": group, "kind": code, "text": text, "answer_at": len(asked)})
    return [row for code in KINDS for row in _some(found[code], most, code)]


def question(sentence: str, code: str) -> str:
    """What a trained model is asked with."""
    return f"{line(sentence)}\n[{code}]"


def edited(said: str) -> str:
    """The changed sentence of a model's answer; "" where it cannot be read."""
    blanked, arrow, answers = said.strip().partition(f" {ARROW}")
    try:
        return filled(blanked, heard(answers, blanked.count(BLANK))) if arrow and BLANK in blanked else ""
    except Unreadable:
        return ""


def parts(text: str) -> list[tuple[int, int]]:
    """Where the sentences of a text stand."""
    edges = [0, *(edge for found in SENTENCE.finditer(text) for edge in found.span()), len(text)]
    both = list(zip(edges[::2], edges[1::2], strict=True))
    return [(a, b) for a, b in both if WORD.search(text, a, b)]


def _with(text: str, spans: Sequence[tuple[int, int]], now: dict[int, str]) -> str:
    chosen = sorted(now)
    return substitute(text, tuple(spans[at] for at in chosen), [now[at] for at in chosen])


def _pairs() -> Iterator[tuple[str, str, str]]:
    """Group, sentence, changed sentence: people's, both ways, and shuffles by rule."""
    for group, one, two in _texts():
        for left, right in sentences(one, two):
            if left and right:
                yield group, left, right
                yield group, right, left
                turned = SIDES.sub(r"\3 \2 \1", left, count=1)
                if turned != left:
                    yield group, left, turned


def _texts() -> Iterator[tuple[str, str, str]]:
    for review in cad():
        if len(review.original.split()) <= WHOLE:
            yield f"cad/{review.id}", review.original, review.revised
    originals = {one.family: one.text for one in cebab("dev") if not one.concept}
    for one in cebab("dev"):
        if one.concept and one.family in originals:
            yield f"cebab/{one.family}", originals[one.family], one.text
    for polarity in ("plain", "negated"):
        for row in monli(polarity):
            yield f"monli/{row.id}", row.premise, row.hypothesis
    for story in timetravel():
        yield f"timetravel/{story.id}", story.initial, story.counterfactual
        yield f"timetravel/{story.id}", story.original, story.endings[0]


def _some(found: list[dict[str, Any]], most: int, code: str) -> list[dict[str, Any]]:
    order = generator(0, "codes", code).permutation(len(found))[:most]
    return [found[at] for at in sorted(order)]


def _words(text: str) -> list[str]:
    return [word.lower().replace("’", "'") for word in WORD.findall(text)]


def _denials(words: Sequence[str]) -> Counter[str]:
    return Counter("not" if word.endswith("n't") or word == "cannot" else word for word in words if _denies(word))


def _denies(word: str) -> bool:
    return word in DENIALS or word.endswith("n't")


def _amounts(words: Sequence[str]) -> set[str]:
    return {word for word in words if word in QUANTIFIERS or word[:1].isdigit()}


def _within(few: Sequence[str], many: Sequence[str]) -> bool:
    """Whether the words of one text stand in the other, in order."""
    rest = iter(many)
    return all(word in rest for word in few)
