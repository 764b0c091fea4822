"""Put prompts to a world that can answer: a model in memory, or one behind an address.

weigh     how likely is each choice after the prompt (log-probabilities, summed over tokens)
say       what does it write
Both take either kind of world, and both keep the order of what they were given.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from butfor.lm.prompt import Prompt, is_chat, rendered

if TYPE_CHECKING:
    from typing_extensions import TypeIs

    from butfor.lm.chat import Chat
    from butfor.lm.scoring import Scored
    from butfor.lm.world import LM


def can_weigh(world: LM | Chat) -> bool:
    """Whether this world tells log-probabilities of given texts; an address is asked, once."""
    return bool(getattr(world, "weighs", False)) if is_remote(world) else True


def weighs(world: LM | Chat, by: str) -> bool:
    """Whether a suite that is scored `by` "auto", "likelihood" or "generation" weighs its choices here."""
    return by == "likelihood" or (by == "auto" and can_weigh(world))


def weigh(world: LM | Chat, asked: Sequence[tuple[Prompt, Sequence[str]]]) -> list[Scored]:
    """The log-probability of every choice after its prompt; a choice begins with its own space where it needs one."""
    from butfor.lm.scoring import score

    if is_remote(world):
        return world.weigh(asked)
    items = [{"prompt": rendered(world, prompt, scoring=True), "choices": list(choices)} for prompt, choices in asked]
    return score(world, items)


def say(world: LM | Chat, prompts: Sequence[Prompt], *, max_new_tokens: int) -> list[str]:
    """What the world answers to each prompt, greedily: the most likely token each time."""
    from butfor.lm.generation import generate

    if is_remote(world):
        return world.say(prompts, max_new_tokens=max_new_tokens)
    texts = list(dict.fromkeys(rendered(world, prompt, scoring=False) for prompt in prompts))
    said = dict(zip(texts, generate(world, texts, max_new_tokens=max_new_tokens), strict=True))
    return [said[rendered(world, prompt, scoring=False)] for prompt in prompts]


def is_base(world: LM | Chat) -> bool:
    """Whether the world goes on with plain text; what stands behind an address shows it by its answers."""
    return bool(getattr(world, "is_base", False)) if is_remote(world) else not is_chat(world)


def answer_of(world: LM | Chat, said: str) -> str:
    """The answer in what was written: a base model goes on after it, so that its first line is the answer."""
    return said.strip().partition("\n")[0] if is_base(world) else said


def is_remote(world: LM | Chat) -> TypeIs[Chat]:
    """Whether the world stands behind an address."""
    return getattr(world, "remote", False)
