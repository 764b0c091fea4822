"""Causal-structure augmentation: an attribute that came along with the label is set to each of its values in turn.

Idea      Y is caused by a part of the text; an attribute C (who writes, in which style) is confounded with it, by the
          site E. A model that predicts Y from C fails where the confounding is another. So every row is told again as
          it would read under do(C = c') for each other value c', with the label as it is.
Equation  rows' = rows ∪ {text(do(C = c')), y, e : c' ≠ c};   then P(C | Y = y, E = e) is uniform in every cell (y, e)
          whose rows could be edited, whatever it was. Versions of a row take turns in its slot: the budget is the same.
Source    Feder et al. 2023 (data augmentations for improved generalization under confounding).
Editor    a variable of `substitute` ("gender+names", a file of word pairs, "module:function"): two values are each
          other's counterfactual; of nationality and religion, and wherever there are more than two, they must be
          values that the variable knows (Irish, French).
          "lm:MODEL": a language model rewrites what stands before the answer, by greedy generation.
          "column": the row has it, {"counterfactual": "text"}, or {"counterfactual": {"value": "text", …}}.
Example   [treatment]
          method = "pretrain.corpus.structure"
          editor = "gender+names"
Limits    Balance is as good as the editor: what else in a text tells of C stays. A row that the editor leaves as it is
          stays alone, and a note says how many did. Nothing behind `answer_at` is edited. Without confounding this is
          augmentation: less variety for the same budget.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

from butfor.core.errors import UserError
from butfor.data.pairs import Pair
from butfor.pretrain.corpus.cells import shares
from butfor.pretrain.corpus.edits import Edit, carried
from butfor.pretrain.corpus.variables import editor, reads
from butfor.train.columns import column, values
from butfor.train.method import Method, Rows
from butfor.train.naming import named

if TYPE_CHECKING:
    import numpy as np

    from butfor.lm import LM
    from butfor.train.batches import Batches

READY, MODEL = "counterfactual", "lm:"
DRAWN = frozenset({"nationality", "religion"})  # whose partners a seed draws, from among many
ROOM = 1.5  # new tokens for each token of the text to rewrite
ASKED = (
    "Rewrite the text so that its {attribute} is {new} instead of {old}. Change nothing else, and write only the "
    "rewritten text.\n\n{text}"
)

Task = tuple[int, Hashable]  # the place of a row, and the value that its attribute is set to


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Structure(Method):
    """Balance an attribute within every label and site by counterfactual rows."""

    editor: str = "gender+names"
    label: str = "label"
    attribute: str = "attribute"
    site: str = "site"

    def __post_init__(self) -> None:
        if len({self.label, self.attribute, self.site}) < 3:
            raise ValueError("label, attribute and site name three columns")
        if self.editor == MODEL:
            raise ValueError('name the model: editor = "lm:smollm2-135m"')
        if self.editor == "column" or self.editor.startswith(MODEL):
            return
        try:
            editor(self.editor)
        except UserError as error:
            raise ValueError(f"{error}; or lm:MODEL, or column") from error

    @property
    def rests_on(self) -> list[str]:
        if self.editor.startswith(MODEL):
            from butfor.lm.load import stamp

            return [stamp(self.editor.removeprefix(MODEL))]
        return [] if self.editor == "column" else reads(self.editor)

    def fits(self, rows: Rows) -> None:
        for name in (self.label, self.site):
            column(rows, name)
        values(rows, self.attribute)

    def data(self, rows: Rows, rng: np.random.Generator) -> Rows:  # noqa: ARG002
        """The rows and their counterfactuals, which keep their numbers."""
        self.fits(rows)
        known = values(rows, self.attribute)
        tasks = [(place, to) for place, row in enumerate(rows) for to in known if to != row[self.attribute]]
        made: Rows = []
        for (place, to), edits in zip(tasks, self._edits(rows, tasks, known), strict=True):
            if edits:
                made.append(_plain({**carried(rows[place], edits), self.attribute: to}))
        if not made:
            raise UserError(f"the editor {self.editor!r} changes no row; look at the editor, or at the corpus")
        return [*map(_plain, rows), *made]

    @contextmanager
    def attach(self, lm: LM, planned: Batches, rng: np.random.Generator) -> Generator[None]:  # noqa: ARG002
        """Say how well the attribute is balanced; nothing hangs on the model."""
        cells = shares(planned.rows, self.label, self.attribute, self.site)
        numbers = {row["row"]: 0 for row in planned.rows}
        for row in planned.rows:
            numbers[row["row"]] += 1
        alone = sum(count == 1 for count in numbers.values())
        most = max(share for parts in cells.values() for share in parts.values())
        lm.notes.append(
            f"structure: {len(numbers) - alone} of {len(numbers)} rows have counterfactuals; within a label and a site "
            f"no value of {self.attribute} has more than {most:.3f} of the rows"
        )
        yield

    def _edits(self, rows: Rows, tasks: Sequence[Task], known: Sequence[Hashable]) -> list[list[Edit]]:
        """The edits of each task; none where the editor leaves the text as it is."""
        if self.editor == "column":
            return [_before(rows[place], _told(rows[place], place, to)) for place, to in tasks]
        if self.editor.startswith(MODEL):
            return self._rewritten(rows, tasks)
        swapped = len(known) == 2 and not DRAWN & set(self.editor.split("+"))
        found: dict[Any, Callable[[str], list[Edit]]] = {}
        made: list[list[Edit]] = []
        for place, to in tasks:
            side = "both" if swapped else f"{rows[place][self.attribute]}:{to}"
            if side not in found:
                found[side] = editor(self.editor, side).edits
            end = rows[place].get("answer_at", len(rows[place]["text"]))
            made.append([edit for edit in found[side](rows[place]["text"]) if edit.stop <= end])
        return made

    def _rewritten(self, rows: Rows, tasks: Sequence[Task]) -> list[list[Edit]]:
        """What a language model makes of the texts."""
        from butfor.lm.asking import say
        from butfor.lm.load import load
        from butfor.lm.prompt import Prompt

        lm: Any = load(self.editor.removeprefix(MODEL))
        parts = [_kept(rows[place]) for place, _ in tasks]
        prompts = [
            Prompt(ASKED.format(attribute=self.attribute, new=to, old=rows[place][self.attribute], text=part.rstrip()))
            for (place, to), part in zip(tasks, parts, strict=True)
        ]
        room = max(8, int(ROOM * max(len(lm.tokenizer(part)["input_ids"]) for part in parts)))
        said = say(lm, prompts, max_new_tokens=room)
        return [
            _before(rows[place], new.strip()) if new.strip() else []
            for (place, _), new in zip(tasks, said, strict=True)
        ]


def _kept(row: dict[str, Any]) -> str:
    """The text before the answer."""
    return row["text"][: row.get("answer_at", len(row["text"]))]


def _before(row: dict[str, Any], new: str) -> list[Edit]:
    """The edits that lead from what stands before the answer to `new`, which may tell the answer again."""
    old = _kept(row)
    answer = row["text"][len(old) :]
    if answer.strip():
        new = new.rstrip().removesuffix(answer.strip()).rstrip() + old[len(old.rstrip()) :]
    pair = Pair.of(old, new, "attribute")
    return [
        Edit(start, was, put, "text") for (start, _), (was, put) in zip(pair.base_spans, pair.contents, strict=True)
    ]


def _told(row: dict[str, Any], place: int, to: Hashable) -> str:
    """The row's own counterfactual text."""
    ready = row.get(READY)
    text = ready.get(str(to)) if isinstance(ready, dict) else ready
    if not isinstance(text, str) or not text:
        raise UserError(
            f'row {named(row, place)} has no {{"{READY}": …}} for the value {to!r}; give the text, or another editor'
        )
    return text


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """The row without its ready counterfactuals."""
    return {name: value for name, value in row.items() if name != READY}
