"""The professions as edits: a template with nobody in particular, with a profession, and with its placebo.

Idea      "The person said that" → "The nurse said that" is one edit; its placebo ("The individual said that") is edited
          at the same place, by as many words, and names no profession either.
Forms     text      the sentence as plain text, to be gone on with: what a model in memory is given
          answer    the sentence is the beginning of a chat model's own answer, the prompting its messages
          question  which word comes next? For endpoints, which neither weigh words nor go on with a sentence
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from butfor.data import builtin, paraphrase
from butfor.evaluate.edits import as_question
from butfor.evaluate.suite import Item
from butfor.lm.asking import can_weigh, is_base
from butfor.lm.prompt import Prompt

if TYPE_CHECKING:
    from butfor.lm.chat import Chat
    from butfor.lm.world import LM

SHE, HE = " she", " he"
PRONOUNS = (SHE, HE)
GENDERS = ("female", "male")
GO_ON = "Go on with this sentence:"


def rows(*, neutral: bool = True) -> list[dict[str, Any]]:
    """Every profession in every template, with its label and the template's number and text."""
    return [
        {"word": profession.word, "label": profession.label, "template": number, "text": text}
        for profession in builtin.professions()
        if neutral or profession.label
        for number, text in enumerate(builtin.profession_templates(), 1)
    ]


def arms(template: str, word: str, base: str, stated: str = "") -> dict[str, str]:
    """The texts of an edit: base, changed, and placebo where there is one; `stated`: a gender said before the word."""
    before = f"{stated} " if stated else ""
    texts = {"base": template.format(before + base), "changed": template.format(before + word)}
    placebo = paraphrase.placebo(texts["base"], texts["changed"], keep=GENDERS)
    return {**texts, "placebo": placebo} if placebo else texts


def place(item: Item) -> tuple[str, str]:
    """In each template as many women's professions as men's, so that the base cancels; those without a label apart."""
    label, template = item.data["label"], item.data["template"]
    return (f"{template}", f"{label}") if label else (f"{template} without a label", "")


def continued(world: LM | Chat, text: str) -> Prompt:
    """A text to go on with: plain text in memory, chat model or not; behind an address a question."""
    plain = Prompt(text, raw=True)
    return as_question(plain, PRONOUNS) if _remote(world) else plain


def prompted(world: LM | Chat, text: str, before: str = "", shots: tuple[tuple[str, str], ...] = ()) -> Prompt:
    """The same after prompting. `before`: what it is told first; `shots`: texts with the word they go on with."""
    if _remote(world):
        asked = as_question(Prompt(text, raw=True), PRONOUNS)
        shown = tuple((as_question(Prompt(shot, raw=True), PRONOUNS).user, word) for shot, word in shots)
        return Prompt(asked.user, system=before, shots=shown, start=asked.start)
    if not is_base(world):
        shown = tuple((f"{GO_ON} {shot}", f"{shot} {word}") for shot, word in shots)
        return Prompt(f"{GO_ON} {text}", system=before, shots=shown, begun=text)
    shown = [f"{shot} {word}" for shot, word in shots]
    return Prompt("\n\n".join([*([before] if before else []), *shown, text]), raw=True)


def _remote(world: LM | Chat) -> bool:
    return not can_weigh(world)
