"""Let a model write only what keeps to a form: a JSON schema, a regular expression, or a grammar.

Allowed   a logits processor. Each row of a batch has a matcher of its own; a token that no text of the form can go on
          with gets minus infinity. Where the form is complete, the end of text is allowed; where nothing more may
          follow, it alone is.
Changed   log-probabilities are renormalised over what is allowed, step by step: a draw is not a draw from
          P(text | text keeps to the form), and a likely text may be missed that begins unlikely.
JSON      is written without needless blanks.
Limits    A form keeps the shape and not the truth. A text that needs more tokens than there is room for is cut, and is
          then no whole text of the form. Needs `llguidance`, a tokenizer that is fast, and an end-of-text token.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from butfor.core.errors import MissingExtra, UserError

if TYPE_CHECKING:
    from torch import Tensor

    from butfor.lm.exchange import Form
    from butfor.lm.world import LM

OPEN = 200_000  # ways to go on from one place, at most: the package's own 2,000 are fewer than some grammars have
TRIED = 2_000_000  # of them for one token
_READERS: WeakKeyDictionary[Any, tuple[tuple[int, ...], Any]] = WeakKeyDictionary()


class Allowed:
    """A logits processor for one batch, a form for each row or none; the prompts may be of any lengths, padded on the
    left."""

    def __init__(self, lm: LM, forms: Sequence[Form | None]) -> None:
        from butfor.lm.generation import ends

        self.ends = ends(lm)
        starts = {form: grammar(lm, form) for form in set(forms) if form}
        self.rows = [starts[form].deep_copy() if form else None for form in forms]
        self.width = 0  # of what each row has read so far, its prompt and padding included; 0 before the first token
        self.allowed: Any = None  # [B, V]: what might follow it

    def __call__(self, ids: Tensor, scores: Tensor) -> Tensor:  # [B, V] <- [B, T], [B, V]
        import torch

        new = ids[:, self.width or ids.shape[1] :].tolist()
        self.width = ids.shape[1]
        self.allowed = torch.stack([self._after(at, said, scores.shape[1]) for at, said in enumerate(new)])
        return scores.masked_fill(~self.allowed.to(scores.device), -torch.inf)

    def _after(self, at: int, said: list[int], size: int) -> Tensor:
        """[V]: what may follow in this row."""
        import torch

        if (row := self.rows[at]) is None:
            return torch.ones(size, dtype=torch.bool)
        for token in said:
            if not row.is_stopped() and not row.consume_token(token) and self.allowed[at, token]:
                raise _too_wide(row)  # what is not allowed is padding
        allowed = torch.zeros(size, dtype=torch.bool)
        if row.is_stopped():
            allowed[self.ends] = True
        else:
            bits = torch.frombuffer(bytearray(row.compute_bitmask()), dtype=torch.uint8)  # [V / 8]
            if row.is_error():
                raise _too_wide(row)
            flags = (bits[:, None] >> torch.arange(8, dtype=torch.uint8)) & 1
            room = min(size, flags.numel())
            allowed[:room] = flags.flatten()[:room].bool()
        return allowed


def grammar(lm: LM, form: Form) -> Any:
    """A matcher at the beginning of a text; one `UserError` for a form that says nothing, or nothing that is known."""
    guidance = _guidance()
    given = {name: text for name, text in asdict(form).items() if text}
    if len(given) != 1:
        raise UserError(
            "a form is a JSON schema, a regular expression or a grammar: give one of schema, pattern and grammar"
        )
    ((what, text),) = given.items()
    try:
        if what == "schema":
            options = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
            made = guidance.LLMatcher.grammar_from_json_schema(json.loads(text), overrides=options)
        elif what == "pattern":
            made = guidance.LLMatcher.grammar_from_regex(text)
        else:
            made = guidance.LLMatcher.grammar_from_lark(text)
    except ValueError as error:
        wanted = "JSON object" if what == "schema" else "text in UTF-8"
        raise UserError(f"the {what} is no {wanted}: {str(error)[:200]}") from None
    limits = guidance.LLParserLimits(max_items_in_row=OPEN, step_max_items=TRIED)
    matcher = guidance.LLMatcher(_reader(lm), made, log_level=0, limits=limits)
    if matcher.is_error():
        raise UserError(f"the {what} cannot be kept to ({_problem(matcher)}); look at it for a mistake")
    return matcher


def _too_wide(matcher: Any) -> UserError:
    return UserError(f"a form cannot be kept to any further ({_problem(matcher)}); take a smaller one")


def _problem(matcher: Any) -> str:
    """What a matcher says is wrong, in a line."""
    return next((line for line in matcher.get_error().splitlines() if line.strip()), "unknown")[:200]


def _reader(lm: LM) -> Any:
    """The tokenizer as the matcher reads it; made once, for it takes a second."""
    from butfor.lm.generation import ends

    stops = tuple(ends(lm))
    if not stops:
        raise UserError(f"{lm.name} has no end-of-text token: a text of a form could not end")
    tokenizer: Any = lm.tokenizer
    kept = _READERS.get(tokenizer)
    if kept is None or kept[0] != stops:
        _guidance()
        from llguidance.hf import from_tokenizer

        try:
            kept = stops, from_tokenizer(tokenizer, eos_token=list(stops))
        except ValueError:
            raise UserError(f"the tokenizer of {lm.name} is not a fast one; a form cannot be kept to") from None
        _READERS[tokenizer] = kept
    return kept[1]


def _guidance() -> Any:
    try:
        import llguidance
    except ImportError:
        raise MissingExtra("llguidance", "lm") from None
    return llguidance
