"""The same text, had the model or the prompt been another: counterfactual strings by coupled Gumbel noise.

Idea      Sampling is a structural equation: w[t] = argmax over v of l[t, v] + u[t, v], with l the model's
          log-probabilities and u independent standard Gumbel noise. A text that was seen says something about u; given
          u, an intervention on the model, or another prompt, changes l alone. So: infer the noise, act, speak again.
Equation  Abduction, for the token k that was seen: top ~ Gumbel(0) is the value of the best one;
              u[k] = top - l[k];   u[v] = -log(exp(-g[v]) + exp(l[v] - top)),  g[v] ~ Gumbel(0), for v other than k.
          Action: any intervention. Prediction: w'[t] = argmax over v of l'[t, v] + u[t, v]; fresh noise after the end.
Source    Oberst & Sontag 2019 (Gumbel-max structural equations); Maddison et al. 2014 (top-down sampling); Ravfogel et
          al. 2024 (strings of language models). Written from the equations.
Limits    No intervention gives the text back, token for token: both readings are one pass of the same shape, so that
          even rounding is the same. Averaged over texts that the model itself says, u is standard Gumbel. A token stays
          wherever its odds against every other one did not fall. Which mechanism made the text is not in the data:
          Gumbel-max is one that gives the same probabilities, and a stable one. The noise of a text weighs 8 bytes x
          tokens x vocabulary.

    noise = abduct(lm, ["Once upon a time"], [" there was a nurse, and she was kind."])
    coupled(lm, noise) == [" there was a nurse, and she was kind."]
    with do(lm, {Site(3, "mlp"): 0.0}):
        other = coupled(lm, noise)
    elsewhere = coupled(lm, noise, prompts=["Long ago, in France,"])
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from butfor.core.errors import UserError
from butfor.core.seeds import derive
from butfor.lm.forward import logits_at, scoring_mode
from butfor.lm.generation import continued, ends
from butfor.lm.probes import require_causal
from butfor.lm.tokens import beginning, checked_texts, decode, encode, opening, shortened
from butfor.lm.world import LM

if TYPE_CHECKING:
    from torch import Generator, Tensor

LEAST = 1e-300  # a uniform draw of zero would be infinite noise


@dataclass(frozen=True, slots=True, eq=False)
class Noise:
    """What was drawn when a text was said: `values` [T, V], one row a token of it, the end included if it ended."""

    prompt: str
    text: str
    ids: tuple[int, ...]  # of the text, and of its end
    values: Tensor = field(repr=False)
    temperature: float
    seed: int  # of the noise after the last token


def abduct(
    lm: LM,
    prompts: Sequence[str],
    texts: Sequence[str],
    *,
    temperature: float = 1.0,
    seed: int = 0,
    ended: bool = True,
) -> list[Noise]:
    """A draw of the noise with which the model would say each text after its prompt.

    `ended`: the model went on to end the text there; else it was cut off, and nothing is known of what came next.
    """
    _check(lm, temperature)
    prompts, texts = checked_texts("prompts", prompts), checked_texts("texts", texts)
    if len(prompts) != len(texts):
        raise UserError(f"{len(prompts)} prompts and {len(texts)} texts: give each text the prompt that it followed")
    stops = ends(lm)[:1] if ended else []
    if ended and not stops:
        raise UserError(f"{lm.name} has no token that ends a text; give ended=False")
    found: list[Noise] = []
    times: Counter[tuple[str, str]] = Counter()
    for number, (prompt, text) in enumerate(zip(prompts, texts, strict=True)):
        ids = encode(lm, [text])[0]
        if decode(lm, ids) != text:
            raise UserError(f"text {number}: the tokenizer of {lm.name} does not give {shortened(text)} back")
        ids += stops
        if not ids:
            raise UserError(f"text {number} is empty and was cut off: nothing is known of its noise")
        own = derive(seed, "coupled", prompt, text, times[prompt, text])
        times[prompt, text] += 1
        logprobs = logprobs_before(lm, beginning_of(lm, prompt), ids, temperature)
        found.append(Noise(prompt, text, tuple(ids), hindsight(logprobs, ids, _draw(own)), temperature, own))
    return found


def coupled(
    lm: LM, noises: Sequence[Noise], *, prompts: Sequence[str] | None = None, max_new_tokens: int | None = None
) -> list[str]:
    """What the model as it is now says with this noise: after the same prompts, or after others.

    At most `max_new_tokens`, or as many as were seen.
    """
    _check(lm, 1.0)
    asked = [noise.prompt for noise in noises] if prompts is None else checked_texts("prompts", prompts)
    if len(asked) != len(noises):
        raise UserError(f"{len(asked)} prompts for {len(noises)} texts; give one each")
    if max_new_tokens is not None and max_new_tokens < 1:
        raise UserError(f"max_new_tokens should be at least 1, not {max_new_tokens}")
    return [
        decode(lm, spoken(lm, noise, prompt, max_new_tokens or len(noise.ids)))
        for noise, prompt in zip(noises, asked, strict=True)
    ]


def hindsight(logprobs: Tensor, ids: Sequence[int], draw: Generator) -> Tensor:
    """Noise [T, V], given that these tokens came out at log-probabilities [T, V]."""
    import torch

    seen = torch.tensor(ids)[:, None]  # [T, 1]
    noise = _gumbel(logprobs.shape, draw)
    top = noise.gather(
        1, seen
    )  # the best value of softmax-normalised logits is standard Gumbel, whichever token has it
    beaten = -torch.logaddexp(-noise, logprobs - top)
    return beaten.scatter(1, seen, top - logprobs.gather(1, seen))


def spoken(lm: LM, noise: Noise, prompt: str, room: int) -> list[int]:
    """The tokens that are said with this noise after a prompt, the end not included.

    The seen text is tried first, in one pass; from the first other token on, one token at a time.
    """
    head = beginning_of(lm, prompt)
    ids = list(noise.ids)
    logprobs = logprobs_before(lm, head, ids, noise.temperature)
    if logprobs.shape != noise.values.shape:
        raise UserError(f"the noise of {shortened(noise.text)} is of another vocabulary than that of {lm.name}")
    values = logprobs + noise.values
    kept = _chosen(values, ids, room)
    stops = ends(lm)
    if len(kept) < room and not (kept and kept[-1] in stops):
        _room(lm, head, room)
        kept += continued(lm, [head + kept], room - len(kept), [_Replayed(noise, len(head))])[0]
    return kept[:-1] if kept and kept[-1] in stops else kept


def _chosen(values: Tensor, ids: list[int], room: int) -> list[int]:
    """The tokens that come out while the text is the one that was seen, and the first other one."""
    best: list[int] = values.argmax(1).tolist()
    seen = values.gather(1, values.new_tensor(ids).long()[:, None])[:, 0]
    same = (seen >= values.amax(1)).tolist()  # a tie by rounding belongs to the token that was seen
    first = next((at for at, alike in enumerate(same) if not alike), len(ids))
    return [*ids[:first], *best[first : first + 1]][:room]


class _Replayed:
    """A logits processor: tempered log-probabilities plus the noise of this place; fresh noise after the last."""

    def __init__(self, noise: Noise, before: int) -> None:
        self.noise = noise
        self.before = before  # tokens of the prompt
        self.draw = _draw(derive(noise.seed, "after"))

    def __call__(self, ids: Tensor, scores: Tensor) -> Tensor:  # [1, V] <- [1, T], [1, V]
        at = ids.shape[1] - self.before
        known = at < len(self.noise.values)
        values = self.noise.values[at][None] if known else _gumbel(scores.shape, self.draw)
        return (scores.double() / self.noise.temperature).log_softmax(-1) + values.to(scores.device)


def logprobs_before(lm: LM, head: list[int], ids: list[int], temperature: float) -> Tensor:
    """Tempered log-probabilities [T, V] before each of the tokens `ids` after `head`, on the CPU."""
    import torch

    _room(lm, head, len(ids))
    with scoring_mode(lm.model):
        require_causal(lm)
        row = torch.tensor([[*head, *ids[:-1]]], device=lm.device)
        keep = torch.arange(len(head) - 1, row.shape[1], device=lm.device)
        logits = logits_at(lm, keep, input_ids=row, attention_mask=torch.ones_like(row))[0]
    return (logits.double().cpu() / temperature).log_softmax(-1)


def beginning_of(lm: LM, prompt: str) -> list[int]:
    """The tokens of a prompt, with what the model's texts begin with."""
    head = opening(lm) + encode(lm, [prompt])[0] or beginning(lm)
    if not head:
        raise UserError(f"a prompt is empty, and the tokenizer of {lm.name} has no beginning-of-text token")
    return head


def _room(lm: LM, head: list[int], size: int) -> None:
    if lm.context is not None and len(head) + size > lm.context:
        raise UserError(f"prompt and text have {len(head) + size} tokens, but {lm.name} reads at most {lm.context}")


def _check(lm: LM, temperature: float) -> None:
    if getattr(lm, "remote", False):
        raise UserError(f"{lm.name} stands behind an address, which does not tell all its probabilities; load a model")
    if lm.is_encoder:
        raise UserError(f"{lm.name} is an encoder: it says nothing; use a decoder, e.g. smollm2-135m")
    if not temperature > 0:
        raise UserError(f"temperature should be above 0, not {temperature}: greedy text has no noise")


def _draw(seed: int) -> Generator:
    import torch

    return torch.Generator().manual_seed(seed)


def _gumbel(shape: Sequence[int], draw: Generator) -> Tensor:
    import torch

    uniform = torch.rand(tuple(shape), generator=draw, dtype=torch.float64)
    return -(-uniform.clamp_min(LEAST).log()).log()
