"""An encoder for which chains that say the same lie close: MiniLM, tuned on chains and their paraphrases.

Equation  InfoNCE over a batch of pairs (x_i, y_i):  L = −(1/2B) Σ_i [ log softmax_j s(x_i, y_j)|_i + log softmax_j
          s(x_j, y_i)|_i ],   s = cosine / τ, of the mean over a text's last hidden states (`lm.pooling`)
          A chain and its paraphrase are drawn together; the other chains of the batch are pushed away.
Pairs     by rule (`data.paraphrase`): the same text with words swapped for others that say the same; or any pairs of
          your own, such as a chain and what a model made of it.
Told      how often, of held-out pairs, a text's own paraphrase is the nearest of all; before and after.
Source    van den Oord et al. 2018 (InfoNCE); for chains of thought as in Causal Prompting (2025).
Example   python -m butfor.infer.prompt.encoder chains.txt --out encoder     then   encoder = "encoder"
Limits    steps = 0 leaves every weight as it is. Rules change few words, so that the untuned encoder finds nearly all
          pairs already; harder pairs teach more. Texts are cut at `length` tokens.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from butfor.core.errors import DataError, UserError
from butfor.core.seeds import derive, generator

if TYPE_CHECKING:
    from torch import Tensor

    from butfor.lm.world import LM

Pair = tuple[str, str]
SWAPPED = 6  # words of a paraphrase that are others, where the rules find as many


def info_nce(x: Tensor, y: Tensor, temperature: float) -> Tensor:
    """The loss of a batch [] <- [B, d], [B, d]: each row of x belongs to the same row of y."""
    import torch
    from torch.nn.functional import cross_entropy, normalize

    alike = normalize(x, dim=-1) @ normalize(y, dim=-1).T / temperature  # [B, B]
    own = torch.arange(len(x), device=x.device)
    return (cross_entropy(alike, own) + cross_entropy(alike.T, own)) / 2


def tune(
    lm: LM,
    pairs: Sequence[Pair],
    *,
    steps: int = 60,
    batch: int = 16,
    temperature: float = 0.05,
    learning_rate: float = 2e-5,
    length: int = 64,
    seed: int = 0,
) -> list[float]:
    """Tune the encoder in place on these pairs; the loss of each step."""
    import torch

    if steps and len(pairs) < 2:
        raise DataError(f"{len(pairs)} pairs have nothing to tell apart; give two or more")
    rng = generator(seed, "encoder", "batches")
    torch.manual_seed(derive(seed, "encoder", "dropout") % 2**31)
    optimiser = torch.optim.AdamW(lm.model.parameters(), lr=learning_rate)
    losses: list[float] = []
    lm.model.train()
    for _ in range(steps):
        chosen = [pairs[int(at)] for at in rng.permutation(len(pairs))[:batch]]
        states = _read(lm, [text for pair in chosen for text in pair], length)
        loss = info_nce(states[0::2], states[1::2], temperature)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    lm.model.eval()
    return losses


def found(lm: LM, pairs: Sequence[Pair], length: int = 64) -> float:
    """The share of texts whose own paraphrase is the nearest of all paraphrases."""
    import numpy as np

    from butfor.lm.pooling import features

    x, y = (features(lm, [pair[side] for pair in pairs], length=length) for side in (0, 1))
    x, y = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (x, y))
    return float(np.mean((x @ y.T).argmax(1) == np.arange(len(pairs))))


def paired(texts: Sequence[str]) -> list[Pair]:
    """Each text with its paraphrase by rule; those that no rule changes are left out."""
    from butfor.data.paraphrase import reworded

    made = [(text, reworded(text, SWAPPED, len(text) // 2)) for text in dict.fromkeys(texts)]
    return [(text, other) for text, other in made if other and other != text]


def _read(lm: LM, texts: Sequence[str], length: int) -> Tensor:
    """Features with gradients [B, d]."""
    from butfor.lm.pooling import pool

    batch: Any = lm.tokenizer(
        list(texts), padding=True, truncation=True, max_length=length, return_tensors="pt", verbose=False
    ).to(lm.device)
    hidden = lm.model.base_model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"])[0]
    return pool(hidden, batch["attention_mask"])


def main() -> None:
    """The command."""
    from butfor.lm.load import load
    from butfor.lm.save import save

    parser = argparse.ArgumentParser(prog="python -m butfor.infer.prompt.encoder")
    parser.add_argument("texts", type=Path, help="a file of chains, one a line")
    parser.add_argument("--out", type=Path, required=True, help="the folder of the tuned encoder")
    parser.add_argument("--model", default="minilm")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--held", type=int, default=64, help="pairs that are not learnt, to be told by")
    options = parser.parse_args()
    if options.out.exists():
        raise UserError(f"{options.out} is there already; give another folder")
    pairs = paired([line.strip() for line in options.texts.read_text(encoding="utf-8").splitlines() if line.strip()])
    held, learnt = pairs[: options.held], pairs[options.held :]
    if len(learnt) < 2 or len(held) < 2:
        raise UserError(f"{options.texts} gives {len(pairs)} pairs, and {options.held} are held out; give more texts")
    lm: Any = load(options.model)
    before = found(lm, held)
    losses = tune(lm, learnt, steps=options.steps)
    ends = f"; loss {losses[0]:.3f} at first, {losses[-1]:.3f} at last" if losses else ""
    print(f"{len(learnt)} pairs, {len(losses)} steps{ends}")
    print(f"own paraphrase nearest, of {len(held)} held out: {before:.3f} before, {found(lm, held):.3f} after")
    save(lm, options.out)


if __name__ == "__main__":
    main()
