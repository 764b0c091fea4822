"""What a server's answer says: a text, first tokens, or the log-probabilities of a given text.

What is no answer (no choices, no text) raises `Passing`: it is asked for again. An answer that is empty for a reason
that the server names (its tokens were used up, a filter withheld it) is an answer, with a label: asking again would
give the same.
"""

from __future__ import annotations

import math
from typing import Any

from butfor.core.errors import UserError
from butfor.lm.chat_memory import Entry
from butfor.lm.chat_wire import Passing, Refusal

EMPTY = {"length": "cut", "content_filter": "withheld"}  # reasons that a server gives for an answer without a text


def written(reply: dict[str, Any]) -> Entry:
    """The text of an answer from either interface."""
    choice = _choice(reply)
    message = choice.get("message")
    said = message.get("content") if isinstance(message, dict) else choice.get("text")
    if isinstance(said, list):
        said = "".join(str(part.get("text") or "") for part in said if isinstance(part, dict))
    if said is None and isinstance(message, dict):
        said = message.get("refusal")
    labels: list[str] = []
    if not said and choice.get("finish_reason") in EMPTY:
        said, labels = "", [EMPTY[choice["finish_reason"]]]
    if not isinstance(said, str):
        raise Passing("an answer without a text")
    return {"said": said.encode("utf-8", "replace").decode(), "tokens_used": _used(reply), "as": labels}


def first_tokens(reply: dict[str, Any]) -> Entry:
    """The likeliest first tokens of an answer."""
    told = _choice(reply).get("logprobs")
    rows = told.get("content") if isinstance(told, dict) else None
    if not rows:
        raise Refusal(422, "it tells no log-probabilities of its answers", "no_logprobs")
    top = rows[0].get("top_logprobs") or [rows[0]]
    return {"first": {str(row["token"]): float(row["logprob"]) for row in top}, "tokens_used": _used(reply)}


def echoed(reply: dict[str, Any]) -> Entry:
    """The prompt's tokens and log-probabilities, none where the server does not tell them; not what it wrote."""
    told = _choice(reply).get("logprobs")
    tokens: Any = told.get("tokens") if isinstance(told, dict) else None
    values: Any = told.get("token_logprobs") if isinstance(told, dict) else None
    used = _used(reply)
    if not isinstance(tokens, list) or not isinstance(values, list) or len(tokens) != len(values):
        return {"tokens": [], "logprobs": [], "tokens_used": used}
    size = used[0] if used else len(tokens) - 1
    if len(tokens) < size or size < 2:  # these are the tokens that it wrote, not those of the prompt
        return {"tokens": [], "logprobs": [], "tokens_used": used}
    logprobs = [float(value) if isinstance(value, int | float) and math.isfinite(value) else None for value in values]
    return {"tokens": tokens[:size], "logprobs": logprobs[:size], "tokens_used": used}


def weighed(text: str, alone: list[str], rows: list[Entry]) -> tuple[list[float], list[int]]:
    """Sums of log-probabilities and numbers of tokens of the choices, all after the same context."""
    whole = [row["tokens"] for row in rows]
    context = min(len(alone), *(len(tokens) - 1 for tokens in whole))
    for at in range(context):
        if any(tokens[at] != alone[at] for tokens in whole):
            context = at
            break
    parts = [row["logprobs"][context:] for row in rows]
    if not all(parts) or any(value is None for part in parts for value in part):
        raise UserError(
            f"nothing stands before the choices of {text[:40]!r}, and the server tells nothing of a first token; "
            "give a prompt"
        )
    return [sum(part) for part in parts], [len(part) for part in parts]


def _choice(reply: dict[str, Any]) -> dict[str, Any]:
    choices = reply.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise Passing("an answer without choices")
    return choices[0]


def _used(reply: dict[str, Any]) -> list[int] | None:
    usage = reply.get("usage")
    if not isinstance(usage, dict) or not isinstance(usage.get("prompt_tokens"), int):
        return None
    written = usage.get("completion_tokens")
    return [usage["prompt_tokens"], written if isinstance(written, int) else 0]
