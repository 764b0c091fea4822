"""CaaM: a mask splits features into what causes the answer and what is confounded with it, in environments it finds.

Idea      Confounders differ from place to place, causes do not. So what predicts the answer alike in every environment
          is kept, what is left over is made to predict nothing; and environments, which nobody marked, are chosen to
          be those in which the left-over part predicts most differently.
Equation  x: the last hidden state where an answer token y is predicted;  A = σ(W₂ gelu(W₁ x) + b) in (0, 1)^d
          c = A ∘ x, s = x − c;   W the model's own output head, W_e = W + Δ_e − mean Δ, so that mean_e W_e = W
          (1) invariant  mean_e CE_e(W_e c) + penalty · mean_e (‖W_e − W‖₂ / ‖W_e‖₁)²,  CE_e: over the texts of e
          (2) all        CE(W (c + s)) = CE(W x): the plain loss of the batch, on all that it learns
          (3) left over  KL(uniform ‖ softmax W s), W frozen
          (4) split      q = hard Gumbel softmax of 10 (a_e h + b_e), one environment a text;  a, b maximise
                         mean_e (Σ_i q_ie g_i / M)², the IRM penalty of a head V that is fitted to s alone:
                         g_i = ∂CE_i(w · V s) / ∂w at w = 1, less its mean over all M (0 once V is fitted);
                         h = Σ g over the text's answer tokens, in units of its root mean square
          L = (2) + strength · ((1) + adversary · (3)) + CE(V s) − (4);  in (4) and for V, s is a constant
Source    Wang et al. 2021, "Causal Attention for Unbiased Visual Recognition" (ICCV), from its equations: the code has
          no licence and was not used. (4) is environment inference by Creager et al. 2021, as the paper takes it over.
Adapted   Pictures to text: the paper masks and pools a feature map; here a position's own attention has pooled the
          text, so A is a mask over channels at that position and there is none over tokens. Its label is one class;
          here each answer token is one, of those that occur as answers in this training. The paper alternates its
          steps; here all terms are taken in one step, each reaching only its own parameters as above. The paper's
          split is a table, a row for each example; ours is linear in h, so a text met once has one too, and nothing is
          lost: Σ_e (Σ q g)² is largest where g is parted by its sign, whatever else is known of a text. (Linear in s
          and y it ended, trained in one go, as a split by y or all in one.) The paper pre-trains its split and
          stacks masks over layers; not done.
Answers   Labels that are not −100; of a text without `answer_at` its last token.
Finished  reads = "causal": the head reads c, at every position, as the paper's does; the gate stays on the model, which
          is scored in memory and not saved. reads = "all": it reads x; everything is taken off, and it is saved.
Limits    strength = 0 attaches nothing: standard training bit for bit. One environment: Δ = 0, the penalty vanishes.
          More than two: by the same argument the split fills two, and the others with noise. It parts texts by
          whether s misleads V, so it finds the shortcut where that tells more of the answer than the cause does, and
          else the cause (both tested).
          Nothing is identified: where s holds the cause and c the shortcut, all four terms are as small. Where in
          training a shortcut never parts from the answer, no split of texts can tell it from a cause.

Example   [treatment]
          method = "pretrain.attention.caam"
          environments = 2
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, final

from pydantic import Field

from butfor.core.errors import UserError
from butfor.core.seeds import derive
from butfor.train.method import Batch, Method, fed

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor
    from torch.nn import ParameterDict
    from transformers import PreTrainedModel

    from butfor.lm import LM
    from butfor.train.batches import Batches

PARTS, READER = "caam", "caam_reader"  # attributes of the model: parameters, and what reads for them
GATE = ("inner", "outer", "open")  # the parameters of A
TINY = 1e-6
SHARP = 10.0  # of the split: a step of the optimiser moves it as far as ten would, against noise of size 1
MOST = 1024  # different answer tokens; a head for each environment has a row for each


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CaaM(Method):
    """A causal and a confounded stream, told apart by environments that training finds."""

    decoders_only: ClassVar[bool] = True
    strength: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0
    environments: Annotated[int, Field(ge=1, le=16)] = 2
    penalty: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1e4
    adversary: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0
    reads: Literal["causal", "all"] = "causal"

    @property
    def idle(self) -> frozenset[str]:
        return frozenset() if self.strength else frozenset({"attach", "loss"})

    def attach(self, lm: LM, planned: Batches, rng: np.random.Generator) -> AbstractContextManager[None]:
        return self._attached(lm, planned, rng) if self.strength else nullcontext()

    @contextmanager
    def _attached(self, lm: LM, planned: Batches, rng: np.random.Generator) -> Generator[None]:
        """Hang gate, heads and split on the model; of these the gate stays, if the finished model reads through it."""
        head: Any = lm.model.get_output_embeddings()
        if hasattr(lm.model, PARTS):
            raise UserError("caam is on this model already; train one that it is not on")
        with ExitStack() as stack:
            parts = self._parts(head.weight.shape[1], answers(planned), rng).to(lm.device, lm.embedding.dtype)
            reader = Reader(parts, int(rng.integers(2**62)))
            lm.model.add_module(PARTS, parts)
            stack.callback(delattr, lm.model, PARTS)
            setattr(lm.model, READER, reader)
            stack.callback(delattr, lm.model, READER)
            stack.callback(head.register_forward_pre_hook(reader.read).remove)
            yield
            if self.reads == "causal":
                stack.pop_all()
                for name in [name for name in parts if name not in GATE]:
                    del parts[name]
                del parts.answers
        lm.notes.append(
            f"caam: the finished model answers from {'c = A x' if self.reads == 'causal' else 'x, all of it'}"
        )

    def _parts(self, width: int, tokens: Tensor, rng: np.random.Generator) -> ParameterDict:
        """The gate; a head Δ, and rows of the split, for each environment; the head of what is left over."""
        import torch

        inner, count, size = max(8, width // 4), len(tokens), self.environments
        shapes = {"inner": (inner, width), "outer": (width, inner), "open": (width,), "delta": (size, count, width),
                  "left": (count, width), "split": (size,), "shift": (size,)}  # fmt: skip
        scales = {"inner": width**-0.5, "outer": inner**-0.5, "split": 0.1}  # all others start at 0
        parts = torch.nn.ParameterDict(
            {
                name: torch.nn.Parameter(torch.tensor(scales.get(name, 0.0) * rng.normal(size=shape)).float())
                for name, shape in shapes.items()
            }
        )
        parts.register_buffer("answers", tokens, persistent=False)
        return parts

    def loss(self, model: PreTrainedModel, batch: Batch, outputs: Any) -> Tensor:
        import torch

        if not self.strength:
            return outputs.loss
        reader: Reader = getattr(model, READER)
        parts: Any = reader.parts
        head: Any = model.get_output_embeddings()
        text, position, label = examples(batch["labels"])
        x, reader.hidden = reader.caught[text, position], None
        y = torch.searchsorted(parts.answers, label)
        bias = None if head.bias is None else head.bias[parts.answers]
        noise = gumbel(derive(reader.seed, int(batch["step"])), (len(batch["labels"]), self.environments))
        return outputs.loss + self.terms(parts, x, y, text, head.weight[parts.answers], bias, noise.to(x))

    def terms(
        self, parts: Any, x: Tensor, y: Tensor, text: Tensor, weight: Tensor, bias: Tensor | None, noise: Tensor
    ) -> Tensor:
        """All but the plain loss, from x [M, d], y [M], the text [M] of each, the head [K, d], noise [B, E]."""
        import torch
        from torch.nn.functional import cross_entropy, linear

        c = gate(parts, x) * x
        s = x - c
        fitted = linear(s.detach(), parts["left"])
        slope = slopes(fitted.detach(), y)
        q = split(parts, slope, text, noise)  # [M, E]
        heads = weight + parts["delta"] - parts["delta"].mean(0)  # [E, K, d]
        by_head = torch.stack([cross_entropy(linear(c, one, bias), y, reduction="none") for one in heads], 1)
        invariant = by_environment(by_head, q.detach()).mean() + self.penalty * variance(heads, weight)
        frozen = linear(s, weight.detach(), None if bias is None else bias.detach())
        uniform = -frozen.log_softmax(-1).mean(-1).mean() - torch.tensor(float(len(weight))).log()
        return self.strength * (invariant + self.adversary * uniform) + cross_entropy(fitted, y) - irm(slope, q)


@dataclass(slots=True)
class Reader:
    """Stands before the output head: in training it keeps what the head reads, afterwards it masks it."""

    parts: ParameterDict
    seed: int
    hidden: Tensor | None = None  # [B, L, d]

    def read(self, _: Any, args: tuple[Tensor, ...]) -> Tensor | None:
        if fed() is None:
            return gate(self.parts, args[0]) * args[0]
        self.hidden = args[0]
        return None

    @property
    def caught(self) -> Tensor:
        assert self.hidden is not None  # the model has read the batch
        return self.hidden


def gate(parts: Any, x: Tensor) -> Tensor:
    """A in (0, 1), of the shape of x [..., d]."""
    from torch.nn.functional import gelu, linear

    return linear(gelu(linear(x, parts["inner"])), parts["outer"], parts["open"]).sigmoid()


def slopes(logits: Tensor, y: Tensor) -> Tensor:
    """∂CE(w · logits) / ∂w at w = 1, less its mean [M] <- logits [M, K], y [M]: above 0 where the head is misled."""
    found = (logits.softmax(-1) * logits).sum(-1) - logits.gather(1, y[:, None])[:, 0]
    return found - found.mean()


def split(parts: Any, slope: Tensor, text: Tensor, noise: Tensor) -> Tensor:
    """q [M, E] in {0, 1}: the environment of each example's text, with the gradients of the soft choice."""
    import torch

    whole = slope.new_zeros(len(noise)).index_add(0, text, slope)  # [B]
    whole = whole / (whole.square().mean().sqrt() + TINY)
    soft = (SHARP * (whole[:, None] * parts["split"] + parts["shift"]) + noise).softmax(-1)
    hard = torch.zeros_like(soft).scatter(1, soft.argmax(-1, keepdim=True), 1.0)
    return (hard + soft - soft.detach())[text]


def by_environment(values: Tensor, q: Tensor) -> Tensor:
    """The mean [E] of the values [M, E] over the examples of each environment; an empty one has 0."""
    return (values * q).sum(0) / q.sum(0).clamp(min=1.0)


def variance(heads: Tensor, mean: Tensor) -> Tensor:
    """(‖W_e − W‖₂ / ‖W_e‖₁)², the mean over the heads [E, K, d]."""
    return ((heads - mean).square().sum((1, 2)) / heads.abs().sum((1, 2)).square()).mean()


def irm(slope: Tensor, q: Tensor) -> Tensor:
    """The mean over environments of (∂R_e / ∂w)² [] <- slopes [M], q [M, E]; R_e is a sum over e, divided by M."""
    return (slope[:, None] * q).mean(0).square().mean()


def examples(labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Text, position and label [M] of each answer token of labels [B, L]; the position is where it is predicted."""
    import torch

    learnt = labels != -100
    whole = learnt[:, :1]  # learnt from its first token on: no answer is marked
    last = learnt & ~torch.cat([learnt[:, 1:], torch.zeros_like(whole)], 1)
    wanted = torch.where(whole, last, learnt)[:, 1:]
    text, position = wanted.nonzero(as_tuple=True)
    return text, position, labels[:, 1:][text, position]


def answers(planned: Batches) -> Tensor:
    """Every token that is an answer in this training, sorted."""
    import torch

    found = torch.cat([examples(planned[step]["labels"])[2] for step in range(len(planned))]).unique()
    if not 1 < len(found) <= MOST:
        raise UserError(
            f"caam needs 2 to {MOST} different answer tokens, and these texts have {len(found)}; "
            "say with answer_at where each text's answer begins"
        )
    return found


def gumbel(seed: int, shape: tuple[int, int]) -> Tensor:
    """Gumbel noise that the seed decides."""
    import torch

    drawn = torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return -torch.log(-torch.log(drawn.clamp(1e-12, 1 - 1e-12)))
