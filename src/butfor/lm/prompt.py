"""What is put to a model, whoever it is: one value for chat models, base models and endpoints.

chat      system, shots (as turns), user → the model's own chat template → the beginning of its answer
base      the same parts as plain text, blank lines between, the answer beginning with `start`
raw       the user's text alone, to be gone on with; no template, on no model
Data      What stands in a prompt is text, never a turn: a blank breaks the signs by which templates tell who speaks
          (`<|im_end|>`), and all that this model's tokenizer reads as one special token. Raw text is left as it is.
Limits    `start` and `begun` are put into the model's mouth, which an endpoint's chat interface has no place for:
          `messages` leaves them out, so what is asked by generation is asked without them of chat models everywhere. A
          template that knows no system role gets the system text at the head of the first user turn.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from butfor.lm.tokens import opening

if TYPE_CHECKING:
    from butfor.lm.world import LM

Message = dict[str, str]
SIGNS = re.compile(r"<[|｜][^<>\s]{1,40}[|｜]>|</?s>|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>|<(?:bos|eos)>")


@dataclass(frozen=True, slots=True)
class Prompt:
    """One question, and how it is to be answered."""

    user: str
    system: str = ""
    shots: tuple[tuple[str, str], ...] = ()  # (question, answer) shown before it
    start: str = ""  # how every answer begins, in scoring; a base model sees it in generation too
    begun: str = ""  # how the answer to this question alone goes on after `start`; the examples do not begin so
    raw: bool = False  # plain text to be gone on with


def is_chat(lm: LM) -> bool:
    """Whether the tokenizer brings a chat template."""
    return bool(getattr(lm.tokenizer, "chat_template", None))


def messages(prompt: Prompt) -> list[Message]:
    """The conversation as a chat interface takes it, without `start`."""
    prompt = as_data(prompt)
    turns = [{"role": "system", "content": prompt.system}] if prompt.system else []
    for asked, answered in prompt.shots:
        turns += [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]
    return [*turns, {"role": "user", "content": prompt.user}]


def rendered(lm: LM, prompt: Prompt, *, scoring: bool) -> str:
    """The text that this model reads. `scoring`: it ends where a choice is to follow, else where the model goes on."""
    if prompt.raw:
        return prompt.user
    known: dict[int, Any] = getattr(lm.tokenizer, "added_tokens_decoder", {})
    prompt = as_data(prompt, [str(token) for token in known.values() if token.special])
    if not is_chat(lm):
        return plain(prompt)
    if scoring and prompt.start:  # the examples begin as the answer will
        shots = tuple((asked, f"{prompt.start} {answered}") for asked, answered in prompt.shots)
        prompt = replace(prompt, shots=shots)
    text = _templated(lm, messages(prompt)).removeprefix(str(lm.tokenizer.bos_token) if opening(lm) else "")
    return text + prompt.start + prompt.begun if scoring else text


def plain(prompt: Prompt) -> str:
    """The prompt as plain text."""
    prompt = as_data(prompt)
    parts = [prompt.system] if prompt.system else []
    parts += [_joined(asked, f"{prompt.start} {answered}".strip()) for asked, answered in prompt.shots]
    return "\n\n".join([*parts, _joined(prompt.user, prompt.start + prompt.begun)])


def as_data(prompt: Prompt, special: Iterable[str] = ()) -> Prompt:
    """The prompt with a blank inside each sign, of templates or of this tokenizer, that is no text to a model."""
    signs = [sign for sign in special if len(sign) > 1]

    def broken(text: str) -> str:
        for sign in signs:
            text = text.replace(sign, f"{sign[0]} {sign[1:]}")
        return SIGNS.sub(lambda found: f"{found[0][0]} {found[0][1:]}", text)

    shots = tuple((broken(asked), broken(answered)) for asked, answered in prompt.shots)
    return replace(prompt, user=broken(prompt.user), system=broken(prompt.system), shots=shots)


def _joined(asked: str, answered: str) -> str:
    return f"{asked}\n{answered}" if answered else asked


def _templated(lm: LM, turns: list[Message]) -> str:
    tokenizer: Any = lm.tokenizer
    try:
        return str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))
    except Exception:  # a template is a program of the model's makers; many refuse a system turn
        if turns[0]["role"] != "system":
            raise
        head, first, *rest = turns
        merged = {"role": first["role"], "content": f"{head['content']}\n\n{first['content']}"}
        return str(tokenizer.apply_chat_template([merged, *rest], tokenize=False, add_generation_prompt=True))
