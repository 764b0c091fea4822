"""Editors that fill blanks so that a text takes a value: a trained decoder, or one that was never trained for it.

Guided    Word by word from the left, on any decoder. With c the words before and r those after the blank,
              s(w) = log p(w r | v c) + pull (log p(w | v c) - log p(w | v' c)),
          v the prompt that says the wanted value, v' the one that says the present value. The first draft takes the
          best of the likeliest `choices` words, the others add Gumbel noise to s.
Trained   A decoder that learnt `rows()`: a line with blanks and the value in, what fills them out; see `blanks`.
Source    Trained: MiCE's editor (Ross et al. 2021), whose T5 is a decoder here. Guided: Bayes' rule for p(w | c, r),
          and the contrast of two prompts as in Liu et al. 2021 (DExperts). Written from the equations.
Limits    Guided fills every masked word with one word of one token; pull = 0 fills in what the wanted prompt makes
          likely. Trained may fill a blank with nothing or a phrase; an answer that does not fit its blanks is dropped.
          `rows` reads CEBaB's dev file: where edits are measured on it, train on rows(skip=["cebab/"]).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakKeyDictionary

from butfor.core.errors import UserError
from butfor.core.seeds import derive, generator
from butfor.data.cad import cad
from butfor.data.cebab import cebab
from butfor.data.counterfactual.blanks import ARROW, Unreadable, heard, phrases, sentences, shown, told
from butfor.data.pairs import Pair, Span, substitute
from butfor.data.swaps import WORD
from butfor.lm.world import LM

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SHORT = 60  # words: shorter film reviews are left out of `rows`, for trying editors on
WHOLE = 150  # words: longer ones take long to compare
LONG = 40  # words: longer sentences are left out, too
MORE = 0.15  # of a line's other words, that are masked beside those that people changed
_WORDS: WeakKeyDictionary[Any, tuple[NDArray[np.bool_], NDArray[np.bool_]]] = WeakKeyDictionary()


class Editor(Protocol):
    """What fills blanks."""

    def identity(self) -> Any:
        """What decides its drafts, as JSON."""
        ...

    def asked(self, text: str, words: Sequence[Span], before: str, wanted: str) -> str:
        """What it is asked with."""
        ...

    def fill(self, text: str, words: Sequence[Span], before: str, wanted: str, *, drafts: int, seed: int) -> list[str]:
        """Up to so many versions of the text in which other words stand in place of the given ones."""
        ...


@dataclass(frozen=True, slots=True)
class Trained:
    """A decoder that was trained on `rows()`."""

    lm: LM
    temperature: float = 0.7

    def identity(self) -> Any:
        return ["trained", self.lm.fingerprint(), self.lm.tokenizer_fingerprint(), self.temperature]

    def asked(self, text: str, words: Sequence[Span], before: str, wanted: str) -> str:
        del before
        return question(shown(text, joined(text, words)), wanted)

    def fill(self, text: str, words: Sequence[Span], before: str, wanted: str, *, drafts: int, seed: int) -> list[str]:
        from butfor.lm.generation import generate
        from butfor.lm.tokens import encode

        spans = joined(text, words)
        room = sum(map(len, encode(self.lm, [text[a:b] for a, b in spans]))) + 3 * len(spans) + 4
        asked = [self.asked(text, words, before, wanted)] * drafts
        found: list[str] = []
        for said in generate(self.lm, asked, max_new_tokens=room, temperature=self.temperature, seed=seed, stop="\n"):
            try:
                found.append(substitute(text, tuple(spans), heard(said, len(spans))))
            except Unreadable:
                continue
        return found


@dataclass(frozen=True, slots=True)
class Guided:
    """A decoder as it is; `prompt` says a value."""

    lm: LM
    prompt: str = "{value} review: "
    pull: float = 1.0
    choices: int = 8
    left: int = 24  # words before a blank that are read
    right: int = 5  # words after it

    def __post_init__(self) -> None:
        if "{value}" not in self.prompt:
            raise UserError(f"the prompt {self.prompt!r} says no value; put {{value}} where it belongs")
        if self.lm.is_encoder:
            raise UserError(f"{self.lm.name} is an encoder; to fill blanks use a decoder, e.g. smollm2-135m")
        if self.choices < 1 or self.left < 1 or self.right < 0 or self.pull < 0:
            raise UserError("an editor needs choices and left from 1 on, right and pull from 0 on")

    def identity(self) -> Any:
        model = self.lm.fingerprint(), self.lm.tokenizer_fingerprint()
        return ["guided", *model, self.prompt, self.pull, self.choices, self.left, self.right]

    def asked(self, text: str, words: Sequence[Span], before: str, wanted: str) -> str:
        del before
        return self.prompt.format(value=wanted) + shown(text, joined(text, words))

    def fill(self, text: str, words: Sequence[Span], before: str, wanted: str, *, drafts: int, seed: int) -> list[str]:
        made = [""] * drafts
        at = 0
        for number, (start, stop) in enumerate(words):
            made = [done + text[at:start] for done in made]
            after = text[stop : words[number + 1][0] if number + 1 < len(words) else len(text)]
            chosen = self._words(made, after, before, wanted, derive(seed, "guided", number))
            made = [done + word for done, word in zip(made, chosen, strict=True)]
            at = stop
        return [done + text[at:] for done in made]

    def _words(self, made: Sequence[str], after: str, before: str, wanted: str, seed: int) -> list[str]:
        """One word for the end of each draft; the first draft takes the best."""
        import numpy as np

        from butfor.lm.following import following
        from butfor.lm.scoring import score

        contexts = [_last(text, self.left) for text in made]
        opened = [self.prompt.format(value=wanted) + text for text in contexts]
        other = [self.prompt.format(value=before) + text for text in contexts]
        inside, bare = _words(self.lm)
        spaced = opened[0].endswith(" ") and bool(inside.any())  # where tokens are letters, the blank is one of its own
        if spaced:
            opened, other = [text.rstrip(" ") for text in opened], [text.rstrip(" ") for text in other]
        towards, away = following(self.lm, opened).double().numpy(), following(self.lm, other).double().numpy()
        pulled = self.pull * (towards - away)  # [n, V]
        towards = np.where(inside if spaced else bare, towards, -np.inf)
        best = np.argsort(-(towards + pulled), axis=1)[:, : self.choices]
        follows = _first(after, self.right)
        texts = [[str(self.lm.tokenizer.decode([token])) for token in row] for row in best]
        items = [
            {"prompt": prompt, "choices": [word + follows for word in row]}
            for prompt, row in zip(opened, texts, strict=True)
        ]
        values = np.array([scored.logprobs for scored in score(self.lm, items)])
        values += np.take_along_axis(pulled, best, 1)
        noise = generator(seed).gumbel(size=values.shape)
        noise[0] = 0.0
        return [
            row[at].removeprefix(" ") if spaced else row[at]
            for row, at in zip(texts, (values + noise).argmax(1), strict=True)
        ]


def question(blanked: str, value: str) -> str:
    """What a trained editor is asked with."""
    return f"{blanked}\n[{value}] {ARROW}"


def joined(text: str, words: Sequence[Span]) -> list[Span]:
    """The words as spans, those as one between which only blanks stand."""
    found: list[Span] = []
    for start, stop in sorted(words):
        if found and not text[found[-1][1] : start].strip():
            start = found.pop()[0]
        found.append((start, stop))
    return found


def rows(skip: Collection[str] = ()) -> list[dict[str, Any]]:
    """Lines with blanks where people edited a sentence, the value that they gave it, and their words as the answer.

    From film reviews of more than SHORT and up to WHOLE words, and from restaurant reviews with one aspect edited; a
    few other words of each line are masked as well, as a search does. Groups that begin with one of `skip` are left
    out.
    """
    pairs: list[tuple[str, str, str, str]] = []
    for review in cad():
        if SHORT < len(review.original.split()) <= WHOLE:
            other = {"Positive": "Negative", "Negative": "Positive"}[review.sentiment]
            sides = ((review.original, review.revised, other), (review.revised, review.original, review.sentiment))
            pairs += [(f"cad/{review.id}", *side) for side in sides]
    originals = {one.family: one.text for one in cebab("dev") if not one.concept}
    pairs += [
        (f"cebab/{one.family}", originals[one.family], one.text, one.goal)
        for one in cebab("dev")
        if one.concept and one.goal != "unknown" and one.family in originals
    ]
    found: list[dict[str, Any]] = []
    for name, base, counterfactual, value in pairs:
        if name.startswith(tuple(skip)):
            continue
        for number, (one, two) in enumerate(sentences(base, counterfactual)):
            key = f"{name}/{value}/{len(found)}/{number}"
            row = _row(one, two, value, derive(0, "infills", one, two))
            if row is not None:
                found.append({"id": key, "group": name, **row})
    return found


def _row(one: str, two: str, value: str, seed: int) -> dict[str, Any] | None:
    """A training row; None where a sentence is long, new, or mostly new."""
    import numpy as np

    spans = [span for _, span in phrases(Pair.of(one, two, ""))]
    if not one or sum(b - a for a, b in spans) > 0.6 * len(two) or len(two.split()) > LONG:
        return None
    free = [word.span() for word in WORD.finditer(two) if all(b < word.start() or word.end() < a for a, b in spans)]
    draw = generator(seed)
    also = np.flatnonzero(draw.random(len(free)) < MORE * draw.random())
    spans = joined(two, [*spans, *(free[at] for at in also)])
    asked = question(shown(two, spans), value)
    answers = told([two[a:b] for a, b in spans]).removeprefix(f" {ARROW}")
    return {"text": f"{asked}{answers}\n", "answer_at": len(asked)}


def _last(text: str, words: int) -> str:
    """The end of a text, from so many words before it on."""
    starts = [word.start() for word in WORD.finditer(text)]
    return text[starts[-words] :] if len(starts) > words else text


def _first(text: str, words: int) -> str:
    """The beginning of a text, up to so many words."""
    stops = [word.end() for word in WORD.finditer(text)]
    return text if len(stops) <= words else text[: stops[words - 1]] if words else ""


def _words(lm: LM) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which tokens are a word after a blank, and which are one without."""
    import numpy as np

    if lm.tokenizer not in _WORDS:
        size = int(lm.embedding.shape[0])
        texts = lm.tokenizer.batch_decode([[token] for token in range(min(size, len(lm.tokenizer)))])
        texts += [""] * (size - len(texts))
        both = [np.array([bool(re.fullmatch(form, text)) for text in texts]) for form in (r" [A-Za-z]+", r"[A-Za-z]+")]
        _WORDS[lm.tokenizer] = both[0], both[1]
    return _WORDS[lm.tokenizer]
