"""Generate text: greedy, or sampled with randomness that belongs to the prompt.

Sampling is the Gumbel-max trick: argmax over tokens of (logits / temperature + g), with g standard Gumbel, is a
draw from softmax(logits / temperature). Each prompt draws its g from a generator of its own, seeded by (seed,
prompt, how often it stood before in the list), so a prompt's text does not depend on its neighbours or on the
batch, and the same seed under an intervention gives the coupled counterfactual. The decoding itself is
`transformers`' own greedy search, and of the model's generation settings only its end-of-text tokens count: penalties,
beams and the like would make it neither greedy nor that softmax.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from butfor.core.errors import UserError
from butfor.core.seeds import derive
from butfor.lm.forward import scoring_mode
from butfor.lm.probes import alike
from butfor.lm.rope import settle
from butfor.lm.tokens import beginning, checked_texts, decode, encode, opening
from butfor.lm.world import LM

if TYPE_CHECKING:
    from torch import Generator, Tensor
    from transformers import GenerationConfig

    from butfor.lm.exchange import Form


def generate(
    lm: LM,
    prompts: Sequence[str],
    *,
    max_new_tokens: int,
    temperature: float = 0.0,
    seed: int = 0,
    seeds: Sequence[int] = (),
    batch_tokens: int = 4096,
    stop: str = "",
    forms: Sequence[Form | None] = (),
) -> list[str]:
    """What the model writes after each prompt, up to its end-of-text token, `max_new_tokens`, or the text `stop`.

    `seeds`: one for each prompt, in the place of those that `seed`, the text and its repetition decide. `forms`: one
    for each prompt, what its text has to look like.
    """
    if temperature < 0 or max_new_tokens < 1:
        raise UserError("generate needs temperature ≥ 0 and max_new_tokens ≥ 1")
    prompts = checked_texts("prompts", prompts)
    texts = prompted(lm, prompts, max_new_tokens)
    seen: Counter[str] = Counter()
    drawn = [derive(one, "generate") for one in seeds]
    for prompt in prompts if not seeds else ():
        drawn.append(derive(seed, "generate", prompt, seen[prompt]))
        seen[prompt] += 1

    def write(batch: Sequence[int]) -> list[list[int]]:
        import torch

        draws = [torch.Generator().manual_seed(drawn[at]) for at in batch]
        chooses: list[Any] = []
        if any(forms):
            from butfor.lm.form import Allowed

            chooses.append(Allowed(lm, [forms[at] for at in batch]))
        chooses += [Gumbel(temperature, draws)] if temperature > 0 else []
        return continued(lm, [texts[at] for at in batch], max_new_tokens, chooses, stop)

    return written(lm, [len(ids) + max_new_tokens for ids in texts], write, batch_tokens, stop)


def prompted(lm: LM, prompts: Sequence[str], room: int) -> list[list[int]]:
    """The tokens of each prompt, beginning included; refused where `room` new ones would not fit in the context."""
    if lm.is_encoder:
        raise UserError(f"{lm.name} is an encoder: it cannot generate")
    head = opening(lm)
    texts = [head + ids for ids in encode(lm, prompts)]
    for number, ids in enumerate(texts):
        if not ids and not beginning(lm):
            raise UserError(f"prompt {number} is empty, and the tokenizer has no beginning-of-text token")
        if lm.context is not None and len(ids) + room > lm.context:
            raise UserError(
                f"prompt {number} has {len(ids)} tokens; with {room} new ones that is more than the {lm.context} "
                f"that {lm.name} reads"
            )
    return [ids or beginning(lm) for ids in texts]


def written(
    lm: LM, widths: Sequence[int], write: Callable[[Sequence[int]], list[list[int]]], budget: int, stop: str
) -> list[str]:
    """The texts, each up to `stop`, of the tokens that `write` gives for a batch of numbers."""
    result = [""] * len(widths)
    even = alike(lm, max(widths, default=0))
    with scoring_mode(lm.model):
        for batch in _batches(widths, budget, even):
            for at, ids in zip(batch, write(batch), strict=True):
                text = decode(lm, ids)
                result[at] = text.partition(stop)[0] if stop else text
    return result


def _batches(widths: Sequence[int], budget: int, even: bool) -> list[list[int]]:
    """Numbers of the rows, widest first, at most `budget` padded tokens a batch; if `even`, only rows of one width
    share one."""
    result: list[list[int]] = []
    width = 0
    for number in sorted(range(len(widths)), key=lambda at: -widths[at]):
        if not result or (len(result[-1]) + 1) * width > budget or (even and widths[number] < width):
            result.append([])
            width = widths[number]
        result[-1].append(number)
    return result


def continued(
    lm: LM, texts: Sequence[Sequence[int]], room: int, chooses: Sequence[Any] = (), stop: str = ""
) -> list[list[int]]:
    """The tokens that follow each text, the end not included; `chooses`: logits processors, argmax comes after them.

    A text that says `stop` has ended; what it says after that is not to be read.
    """
    import torch
    from transformers import GenerationConfig

    width = max(map(len, texts))
    stops = ends(lm)
    pad = lm.tokenizer.pad_token_id if lm.tokenizer.pad_token_id is not None else (stops[0] if stops else 0)
    settings = GenerationConfig(max_new_tokens=room, do_sample=False, pad_token_id=pad, eos_token_id=stops or None)
    search: Any = lm.model.generate
    settle(lm.model)
    with _settings(lm.model, settings):
        ids = search(
            input_ids=torch.tensor([[pad] * (width - len(text)) + list(text) for text in texts], device=lm.device),
            attention_mask=torch.tensor([[0] * (width - len(t)) + [1] * len(t) for t in texts], device=lm.device),
            **({"logits_processor": list(chooses)} if chooses else {}),
            **({"stopping_criteria": [_Stop(lm, stop, width)]} if stop else {}),
        )
    return [_until(row, stops) for row in ids[:, width:].tolist()]


@contextmanager
def _settings(model: Any, settings: GenerationConfig) -> Iterator[None]:
    """The model's generation settings, replaced: what passed settings leave open would be filled from them."""
    kept = model.generation_config
    model.generation_config = settings
    try:
        yield
    finally:
        model.generation_config = kept


class Gumbel:
    """A logits processor: tempered logits plus each row's own Gumbel noise, drawn on the CPU so that devices agree."""

    def __init__(self, temperature: float, draws: Sequence[Generator]) -> None:
        self.temperature = temperature
        self.draws = draws

    def __call__(self, _: Tensor, scores: Tensor) -> Tensor:  # [B, V] <- [B, T], [B, V]
        import torch

        size = scores.shape[-1]
        uniform = torch.stack([torch.rand(size, generator=draw, dtype=torch.float64) for draw in self.draws])
        noise = -(-uniform.clamp_min(1e-300).log()).log()
        return scores.double() / self.temperature + noise.to(scores.device)


class _Stop:
    """A stopping criterion: rows that have said a text since the prompt are done."""

    def __init__(self, lm: LM, text: str, before: int) -> None:
        self.lm, self.text, self.before = lm, text, before

    def __call__(self, ids: Tensor, _: Tensor) -> Tensor:  # [B] <- [B, T], [B, V]
        return ids.new_tensor([self.text in decode(self.lm, row) for row in ids[:, self.before :].tolist()]).bool()


def ends(lm: LM) -> list[int]:
    """The tokens that end a text, by the model's generation settings, else by its tokenizer."""
    settings = getattr(lm.model, "generation_config", None)
    ends: Any = getattr(settings, "eos_token_id", None)
    if ends is None:
        ends = lm.tokenizer.eos_token_id
    if ends is None:
        return []
    return list(ends) if isinstance(ends, (list, tuple)) else [int(ends)]


def _until(ids: Sequence[int], ends: Sequence[int]) -> list[int]:
    stop = next((at for at, token in enumerate(ids) if token in ends), len(ids))
    return list(ids[:stop])
