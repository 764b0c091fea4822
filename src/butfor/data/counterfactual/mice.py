"""Minimal contrastive edits: the smallest change of a text after which a classifier says something else.

Idea      Which words would have to be others? Mask the words that the classifier's answer hangs on most, let an editor
          fill the blanks so that the text takes the wanted value, and look for the smallest share of masked words with
          which that works.
Method    beam = {x}; for each round: for each text of the beam, words in the order of their saliency; binary search
          over the share of masked words in (0, `most`], `levels` steps: after a share with which a draft flips a
          smaller one is tried, else a larger one; each step asks for `drafts`. As soon as a round has flips, the one
          with the fewest edited words wins; else the `beam` likeliest texts go into the next round.
          `tidy`: changes that the flip does not need are put back, one at a time, until each that is left is needed.
Source    Ross, Marasovic & Peters 2021 (MiCE). `tidy` is ours; tidy = False is the published procedure.
Limits    A flip is one of this classifier, no proof that a reader would agree: of a weak one the smallest edit shows
          what it leans on ("this film" → "this product"), and often leaves the text saying what it said. Whole words
          are masked, never marks. The edit is the smallest only as far as saliency puts the words in the right order,
          and the editor finds words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from butfor.core.errors import UserError
from butfor.core.seeds import derive
from butfor.data.counterfactual.infill import Editor
from butfor.data.counterfactual.judge import Judge, place
from butfor.data.counterfactual.made import Case, Draft
from butfor.data.counterfactual.scores import distance
from butfor.data.pairs import Pair, substitute
from butfor.data.swaps import WORD

if TYPE_CHECKING:
    from butfor.data.pairs import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Mice:
    """A maker of counterfactuals: the smallest edit that this judge follows."""

    judge: Judge
    editor: Editor
    most: float = 0.55
    levels: int = 4
    rounds: int = 3
    beam: int = 3
    drafts: int = 8
    tidy: bool = True
    name: str = "mice"
    batch: int = 1

    def __post_init__(self) -> None:
        if not 0 < self.most <= 1:
            raise UserError(f"most is a share of the words, above 0 and up to 1, not {self.most}")
        if min(self.levels, self.rounds, self.beam, self.drafts) < 1:
            raise UserError("levels, rounds, beam and drafts should be 1 or more")

    def identity(self) -> Any:
        knobs = self.most, self.levels, self.rounds, self.beam, self.drafts, self.tidy
        return [self.judge.identity(), self.editor.identity(), knobs]

    def make(self, cases: Sequence[Case], seed: int) -> list[Draft]:
        return [self._made(case, derive(seed, "mice", case.text, case.wanted)) for case in cases]

    def _made(self, case: Case, seed: int) -> Draft:
        wanted = place(self.judge, case.wanted)
        place(self.judge, case.before)
        if not WORD.search(case.text):
            return Draft(case.text, refused="no word to edit")
        if int(self.judge.likely([case.text])[0].argmax()) == wanted:
            return Draft(case.text, refused=f"the classifier says {case.wanted} already")
        beam, asked = [case.text], ""
        tried: dict[str, tuple[float, bool]] = {}  # a text → how likely the value is, and whether it is the likeliest
        for turn in range(self.rounds):
            for number, text in enumerate(beam):
                asked = self._searched(case, text, wanted, tried, derive(seed, turn, number)) or asked
            if flipped := [text for text, (_, flips) in tried.items() if flips]:
                texts = [self._tidied(case.text, text, wanted) for text in flipped] if self.tidy else flipped
                return Draft(
                    min(texts, key=lambda text: (distance(case.text, text), -tried.get(text, (0.0, True))[0])), asked
                )
            beam = sorted(tried, key=lambda text: -tried[text][0])[: self.beam] or beam
        best = beam[0]
        found = tried.get(best, (0.0, False))[0]
        return Draft(best, asked, refused=f"no edit flipped it: P({case.wanted}) came to {found:.2f} at most")

    def _searched(self, case: Case, text: str, wanted: int, tried: dict[str, tuple[float, bool]], seed: int) -> str:
        """Drafts at the shares of a binary search; returns what was asked last."""
        words = [word.span() for word in WORD.finditer(text)]
        weights = self.judge.saliency(text, wanted)
        order = sorted(range(len(words)), key=lambda at: (-weights[at], at))
        low, high, asked = 0.0, self.most, ""
        sizes: set[int] = set()
        for level in range(self.levels):
            share = (low + high) / 2
            size = max(1, round(share * len(words)))
            if size in sizes:
                break
            sizes.add(size)
            masked: list[Span] = [words[at] for at in sorted(order[:size])]
            asked = self.editor.asked(text, masked, case.before, case.wanted)
            made = self.editor.fill(
                text, masked, case.before, case.wanted, drafts=self.drafts, seed=derive(seed, level)
            )
            new = [draft for draft in dict.fromkeys(made) if draft not in tried and draft != case.text]
            if new:
                for draft, row in zip(new, self.judge.likely(new), strict=True):
                    tried[draft] = float(row[wanted]), int(row.argmax()) == wanted
            flips = any(tried[draft][1] for draft in made if draft in tried)
            low, high = (low, share) if flips else (share, high)
        return asked

    def _tidied(self, base: str, text: str, wanted: int) -> str:
        """The text with all changes put back that the flip can do without."""
        while True:
            pair = Pair.of(base, text, "")
            if len(pair.base_spans) < 2:
                return text
            each = zip(pair.contents, pair.counterfactual_spans, strict=True)
            fewer = [substitute(text, (span,), [before]) for (before, _), span in each]
            found = self.judge.likely(fewer)
            still = [at for at, row in enumerate(found) if int(row.argmax()) == wanted]
            if not still:
                return text
            text = fewer[max(still, key=lambda at: found[at][wanted])]
