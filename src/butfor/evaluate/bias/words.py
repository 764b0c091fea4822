"""The professions as edits: a template with nobody in particular, with a profession, and with its placebo.

Idea      "The person said that" → "The nurse said that" is one edit; its placebo ("The individual said that") is edited
          at the same place, by as many words, and names no profession either.
Forms     text      the sentence, to be gone on with: what a base model is given
          question  which word comes next? For chat models and endpoints, which answer questions
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from butfor.data import builtin, paraphrase
from butfor.evaluate.edits import as_question
from butfor.lm.prompt import Prompt, is_chat

if TYPE_CHECKING:
    from butfor.lm.chat import Chat
    from butfor.lm.world import LM

SHE, HE = " she", " he"
PRONOUNS = (SHE, HE)
GENDERS = ("female", "male")


def rows(*, neutral: bool = True) -> list[dict[str, Any]]:
    """Every profession in every template: its word, label, number and template; `neutral`: also those without a label."""
    return [
        {"word": profession.word, "label": profession.label, "number": number, "template": template}
        for profession in builtin.professions()
        if neutral or profession.label
        for number, template in enumerate(builtin.profession_templates(), 1)
    ]


def arms(template: str, word: str, base: str, stated: str = "") -> dict[str, str]:
    """The texts of an edit: base, changed, and placebo where there is one; `stated`: a gender said before the word."""
    before = f"{stated} " if stated else ""
    texts = {"base": template.format(before + base), "changed": template.format(before + word)}
    placebo = paraphrase.placebo(texts["base"], texts["changed"], keep=GENDERS)
    return {**texts, "placebo": placebo} if placebo else texts


def posed(world: LM | Chat, text: str, *, before: str = "", shots: tuple[tuple[str, str], ...] = ()) -> Prompt:
    """A text as this kind of world is asked to go on with it; `before`: told first, `shots`: (text, word)."""
    if not getattr(world, "remote", False) and not is_chat(world):  # pyright: ignore[reportArgumentType]
        shown = [f"{shot} {word}" for shot, word in shots]
        return Prompt("\n\n".join([*([before] if before else []), *shown, text]), raw=True)
    asked = as_question(Prompt(text, raw=True), PRONOUNS)
    examples = tuple((as_question(Prompt(shot, raw=True), PRONOUNS).user, word) for shot, word in shots)
    return Prompt(asked.user, system=before, shots=examples, start=asked.start)
