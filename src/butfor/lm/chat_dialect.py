"""What one server understands, learned from what it refuses: the same request in the words it takes.

Chat      POST /chat/completions with the conversation; where there is none (a base model), POST /completions with the
          prompt as plain text, as a base model in memory reads it.
Raw       POST /completions with the text; where there is none, the text as a user turn.
Words     max_tokens or max_completion_tokens; temperature 0 and seed 0 where they are taken; a system turn, or its text
          at the head of the first user turn.
Every departure has a label that goes with the answer, and a note for the report.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from butfor.lm.chat_wire import Refusal
from butfor.lm.prompt import Prompt, messages, plain

CHAT, TEXT = "/chat/completions", "/completions"
ABSENT = {404, 405, 501}
NOTES = {
    "user turn": "raw texts were put as user turns, because this address has no /completions: "
    "the model answered them instead of going on with them",
    "plain text": "the prompts were put as plain text, because this address has no chat interface: "
    "as with a base model in memory",
    "no seed": "this address takes no seed",
    "no temperature": "this model does not take temperature 0: its answers are drawn, not greedy, "
    "and another run may get others",
    "no form": "this address takes no form of an answer (response_format): its answers are read as they come",
    "no system": "this model takes no system turn: its text stands at the head of the first user turn",
    "cut": "some answers are empty, because the model used up its tokens before it said anything",
    "withheld": "some answers are empty, because the server's content filter withheld them",
    "too long": "some answers are empty, because the prompt is longer than the model reads",
}


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a server takes; everything, until it refuses."""

    chat: bool = True
    text: bool = True
    room: str = "max_tokens"
    seed: bool = True
    temperature: bool = True
    system: bool = True
    form: bool = True

    def request(self, prompt: Prompt, room: int) -> tuple[str, dict[str, Any]]:
        """Path and body for a greedy answer of at most `room` tokens; without the model's name."""
        body: dict[str, Any] = {}
        if self.as_text(prompt):
            path, body["prompt"] = TEXT, prompt.user if prompt.raw else plain(prompt)
        else:
            path, body["messages"] = CHAT, messages(prompt) if self.system else _without_system(prompt)
        body["max_tokens" if path == TEXT else self.room] = room
        if self.temperature:
            body["temperature"] = 0
        if self.seed:
            body["seed"] = 0
        return path, body

    def as_text(self, prompt: Prompt) -> bool:
        """Whether this prompt goes to the text interface."""
        return self.text if prompt.raw else not self.chat

    def taken(self, more: Mapping[str, Any]) -> dict[str, Any]:
        """Of what is asked for beyond a greedy answer, the part that the server takes."""
        without = {"seed": not self.seed, "temperature": not self.temperature, "response_format": not self.form}
        return {key: value for key, value in more.items() if not without.get(key)}

    def labels(self, prompt: Prompt, more: Mapping[str, Any]) -> list[str]:
        """How the request for this prompt departs from the plain one."""
        departs = {
            "user turn": prompt.raw and not self.text,
            "plain text": not prompt.raw and not self.chat,
            "no seed": not self.seed,
            "no temperature": not self.temperature,
            "no form": "response_format" in more and not self.form,
            "no system": bool(prompt.system) and not prompt.raw and self.chat and not self.system,
        }
        return [label for label, true in departs.items() if true]

    def after(self, refusal: Refusal, path: str) -> Dialect:
        """What is known after a refusal: the same, where it says nothing about the words."""
        says = refusal.says.lower()
        if refusal.status in ABSENT and "model" not in says:
            return self._without(path)
        if refusal.status not in {400, 404, 422}:
            return self
        if "chat template" in says or re.search(r"not (supported )?in the v1/(chat/)?completions", says):
            return self._without(path)
        if "max_completion_tokens" in says and self.room == "max_tokens":
            return replace(self, room="max_completion_tokens")
        if re.search(r"\bseed\b", says) and self.seed:
            return replace(self, seed=False)
        if re.search(r"\btemperature\b", says) and self.temperature:
            return replace(self, temperature=False)
        if re.search(r"response_format|json_schema|structured output", says) and self.form:
            return replace(self, form=False)
        if re.search(r"\bsystem\b.*\brole\b|\brole\b.*\bsystem\b", says) and self.system:
            return replace(self, system=False)
        return self

    def _without(self, path: str) -> Dialect:
        """The other interface, unless that one is missing too."""
        if path == CHAT:
            return replace(self, chat=False) if self.text else self
        return replace(self, text=False) if self.chat else self


def _without_system(prompt: Prompt) -> list[dict[str, str]]:
    turns = messages(prompt)
    if turns[0]["role"] != "system":
        return turns
    head, first, *rest = turns
    return [{"role": first["role"], "content": f"{head['content']}\n\n{first['content']}"}, *rest]
