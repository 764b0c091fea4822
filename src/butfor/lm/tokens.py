"""What is a prompt's last token, and what is a continuation's first?

A text is tokenised as a whole, as a reader would see it: tokens(prompt + continuation), never the two apart. A
token that straddles the boundary belongs to the continuation. To compare choices fairly all of an item's choices
are conditioned on the same tokens: the longest run of tokens that they share and that lies wholly inside the
prompt. So

    logprob(choice) = log P(tokens of prompt + choice) − log P(shared context tokens)

and where nothing straddles, the context is simply the prompt. Example: prompt "The engin", choices "eer" and "e":
the tokens are [The][ engineer] and [The][ engine]; the context is [The]; both choices are scored whole. Boundaries
are character offsets from the tokenizer, before any trimming of blanks. A tokenizer without offsets is asked
twice, with and without the choice, and the context is what the two have in common.
"""

from __future__ import annotations

import copy
import reprlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from butfor.core.errors import UserError
from butfor.lm.world import LM

DOCUMENT = "<|endoftext|>"  # between the documents of a corpus, in the vocabularies that have it
_PLAIN: WeakKeyDictionary[Any, tuple[int, Any]] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Choices:
    """The tokens of an item's choices, each with the prompt; the first `start` are the context that all share."""

    ids: list[list[int]]
    start: int


def tokenized(lm: LM, items: Iterable[Mapping[str, Any]]) -> list[Choices]:
    """Tokens and context of every item; a wrong item is a `UserError` that names it."""
    items = listed("items", items, {"prompt": "…", "choices": ["…", "…"]})
    for number, item in enumerate(items):
        _check(number, item)
    pairs = [(item["prompt"], choice) for item in items for choice in item["choices"]]
    split = iter(_split(lm, pairs))
    head, first = opening(lm), []
    result: list[Choices] = []
    for number, item in enumerate(items):
        parts = [next(split) for _ in item["choices"]]
        start = _shared([ids for ids, _ in parts], min(inside for _, inside in parts))
        before = head
        if not head and start == 0:
            before = first = first or beginning(lm)
            if not before:
                raise UserError(
                    f"item {number}: nothing stands before the choices, and the tokenizer has no beginning-of-text "
                    "token; give a prompt"
                )
        result.append(_fitting(lm, number, Choices([before + ids for ids, _ in parts], len(before) + start)))
    return result


def encode(lm: LM, texts: Sequence[str]) -> list[list[int]]:
    """Tokens of whole texts, without special tokens."""
    texts = checked_texts("texts", texts)
    backend = _plain(lm.tokenizer)
    if backend is None:
        return [lm.tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]
    return [encoding.ids for encoding in backend.encode_batch_fast(texts, add_special_tokens=False)]


def decode(lm: LM, ids: Sequence[int]) -> str:
    """The text of tokens, without special tokens."""
    return str(lm.tokenizer.decode(list(ids), skip_special_tokens=True))


def opening(lm: LM) -> list[int]:
    """The special tokens that this tokenizer puts before every text."""
    bare: list[int] = lm.tokenizer("a", add_special_tokens=False)["input_ids"]
    full: list[int] = lm.tokenizer("a")["input_ids"]
    for at in range(len(full) - len(bare) + 1):
        if full[at : at + len(bare)] == bare:
            return full[:at]
    return []


def beginning(lm: LM) -> list[int]:
    """What stands before a text that nothing else stands before; [] where the tokenizer has no such token.

    The special tokens that the tokenizer itself puts before every text; else its beginning-of-text token, unless the
    chat template uses that one to mark turns; else the token between documents: <|endoftext|>, or end-of-text by the
    same rule. (SmolLM2-Instruct calls <|im_start|> its beginning of text: after it the model expects a speaker's role.)
    """
    tokenizer: Any = lm.tokenizer
    vocabulary = tokenizer.get_vocab()
    marks = [mark for mark in (tokenizer.bos_token, DOCUMENT, tokenizer.eos_token) if mark in vocabulary]
    free = (mark for mark in marks if mark == DOCUMENT or not _marks_turns(tokenizer, mark))
    return opening(lm) or [vocabulary[mark] for mark in free][:1]


def listed(what: str, values: Any, example: Any) -> list[Any]:
    """A list of whatever was given; a single text, a mapping and what cannot be listed are a `UserError`."""
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        raise UserError(f"{what}: give a list, as in [{example!r}], not {shortened(values)}")
    return list(values)


def checked_texts(what: str, values: Any) -> list[str]:
    """A list of texts that a tokenizer can read."""
    texts = listed(what, values, "a text")
    for number, text in enumerate(texts):
        if not isinstance(text, str):
            raise UserError(f"{what}: number {number} must be a text, not {shortened(text)}")
        _readable(f"{what}: number {number}", text)
    return texts


def shortened(value: object) -> str:
    """How a wrong value is shown in an error: its beginning, on one line."""
    return reprlib.repr(value).replace("\n", " ")


def _marks_turns(tokenizer: Any, mark: str) -> bool:
    """Whether the chat template writes this token more than once in a conversation of two turns."""
    if not tokenizer.chat_template:
        return False
    said = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    try:
        text = tokenizer.apply_chat_template(said, tokenize=False)
    except Exception:  # a template is a program of the model's makers, and may ask for anything
        text = str(tokenizer.chat_template)
    return text.count(mark) > 1


def _readable(where: str, text: str) -> None:
    """Refuse halves of a surrogate pair, which no tokenizer reads."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UserError(
            f"{where}: character {error.start} is {text[error.start]!r}, half of a character; "
            "mend the text with text.encode('utf-8', 'replace').decode()"
        ) from None


def _check(number: int, item: Any) -> None:
    if not isinstance(item, Mapping):
        raise UserError(f'item {number}: give {{"prompt": "…", "choices": ["…", "…"]}}, not {shortened(item)}')
    prompt, choices = item.get("prompt"), item.get("choices")
    if not isinstance(prompt, str):
        raise UserError(f"item {number}: 'prompt' must be a text, not {shortened(prompt)}")
    if not isinstance(choices, Sequence) or isinstance(choices, str) or not choices:
        raise UserError(f"item {number}: 'choices' must be a list of texts, not {shortened(choices)}")
    for choice in choices:
        if not isinstance(choice, str) or not choice:
            raise UserError(
                f"item {number}: a choice must be a text of at least one character, not {shortened(choice)}"
            )
        _readable(f"item {number}", prompt + choice)


def _fitting(lm: LM, number: int, choices: Choices) -> Choices:
    longest = max(map(len, choices.ids))
    if lm.context is not None and longest > lm.context:
        raise UserError(
            f"item {number} has {longest} tokens, but {lm.name} reads at most {lm.context}; shorten the prompt"
        )
    return choices


def _split(lm: LM, pairs: Sequence[tuple[str, str]]) -> list[tuple[list[int], int]]:
    """For every (prompt, choice): the tokens of both together, and how many of them lie inside the prompt."""
    backend = _plain(lm.tokenizer)
    wholes = [prompt + choice for prompt, choice in pairs]
    if backend is None:
        alone, joint = encode(lm, [prompt for prompt, _ in pairs]), encode(lm, wholes)
        return [(ids, min(_shared([ids, own], len(own)), len(ids) - 1)) for ids, own in zip(joint, alone, strict=True)]
    result: list[tuple[list[int], int]] = []
    for (prompt, choice), encoding in zip(pairs, backend.encode_batch(wholes, add_special_tokens=False), strict=True):
        if not encoding.ids:
            raise UserError(f"the tokenizer finds no token in {prompt + choice!r}")
        ends = [end for _, end in encoding.offsets]
        inside = next((at for at, end in enumerate(ends) if end > len(prompt)), len(ends))
        if inside == len(ends):
            raise UserError(
                f"the choice {choice!r} adds no token to the prompt {prompt!r}; give it a visible character"
            )
        result.append((encoding.ids, inside))
    return result


def _shared(rows: Sequence[Sequence[int]], limit: int) -> int:
    """Length of the prefix that all rows share, at most `limit`."""
    for at in range(limit):
        if any(row[at] != rows[0][at] for row in rows):
            return at
    return limit


def _plain(tokenizer: Any) -> Any:
    """A copy of the tokenizer's engine (None without one) that adds nothing, cuts nothing and trims no offsets."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        return None
    size, plain = _PLAIN.get(tokenizer, (-1, None))
    if size != len(tokenizer):  # new, or tokens were added since
        plain = copy.deepcopy(backend)
        plain.post_processor = None
        plain.no_padding()
        plain.no_truncation()
        _PLAIN[tokenizer] = (len(tokenizer), plain)
    return plain
