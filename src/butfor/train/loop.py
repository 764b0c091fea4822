"""One loop for every arm, on `transformers.Trainer`: same batches, same budget, exact resume, separate overhead.

Training  AdamW, linear warm-up then linear decay to zero, gradients clipped at norm 1, the weights' own dtype.
          theta <- AdamW(theta, clip(grad method.loss(model, batch, model(**batch))))
Encoders  guess hidden words (`masked.py`); decoders predict the next token, with the model's own loss.
Method    `train` calls the method's `data` hook on the numbered rows, enters its `attach`, and calls its `loss` hook on
          every batch. The `model` hook is the caller's: it edits the model before any training, or without any.
Diverged  A training that left the weights without finite values, or more than BLOWN times as long as they were, is
          refused: what it made measures like any other model. A last loss more than RISEN above the first is noted in
          `lm.notes` (a method's own loss may rise for good reasons).
trl       `loop = "trl"` takes the same steps with trl's trainers (`trl.py`): the baselines that people know.
Resume    The same call on the same folder goes on from the last checkpoint. Final weights and `train.jsonl` are those
          of an uninterrupted training, bit for bit: nothing in that file depends on the clock.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

from butfor.core.errors import Mistake, RunError, SpecError, UserError, disk_errors
from butfor.core.keys import code_version, digest, environment, source_version
from butfor.core.seeds import derive, generator
from butfor.train import checkpoint, trl
from butfor.train.adapt import Adapt
from butfor.train.batches import ROW, Batches, batches, numbered
from butfor.train.borrow import borrowed
from butfor.train.masked import mask_token, masked_head, masked_outputs
from butfor.train.meter import Clock, Meter, count_flops
from butfor.train.method import Method, Rows, feeding, touched
from butfor.train.naming import named
from butfor.train.task import HEADS, INPUTS, Objective, labelled, read, ready
from butfor.train.trainer import shell

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

    from butfor.lm import LM

BLOWN = 10.0  # times the length of all weights; training from a random start stays well below
RISEN = 1.0  # nats, mean of the last tenth of the steps over the first step
LEAST = {"batch_size": 1, "length": 2, "warmup": 0, "save_every": 1, "weight_decay": 0, "rank": 1}
MOST_TOKENS, MOST_ROWS = 2**22, 2**26  # in one batch, and in the plan of all batches, which stand in memory

Progress = Callable[[int, int, float], None]  # step, total, loss
Said = Callable[[Any, dict[str, Any]], Any]  # model, batch -> outputs


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSettings:
    """How every arm trains. Give `steps` or `tokens`."""

    steps: int | None = None
    tokens: int | None = None
    batch_size: int = 8
    length: int = 128
    learning_rate: float = 5e-5
    warmup: int = 0
    weight_decay: float = 0.0
    save_every: int = 50
    objective: Objective = "text"
    adapt: Adapt = "full"
    rank: int = 8  # of the additions that adapt = "lora" trains
    loop: Literal["own", "trl"] = "own"  # whose trainer takes the steps

    def __post_init__(self) -> None:
        wrong = [
            Mistake(f"train.{name}", f"should be {least} or more, not {value}")
            for name, least in LEAST.items()
            if (value := getattr(self, name)) < least
        ]
        if self.adapt == "head" and self.objective not in HEADS:
            wrong.append(Mistake("train.adapt", "'head' trains the head of train.objective = 'label' or 'reward'"))
        if self.loop == "trl" and self.objective not in trl.TRAINERS:
            wrong.append(
                Mistake("train.loop", f"trl has no trainer for train.objective = {self.objective!r}; set 'own'")
            )
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            wrong.append(Mistake("train.learning_rate", f"should be above 0, not {self.learning_rate}"))
        if (self.steps is None) == (self.tokens is None):
            wrong.append(Mistake("budget", "give steps or tokens, one of the two"))
        elif (self.steps is not None and self.steps < 1) or (self.tokens is not None and self.tokens < 2):
            wrong.append(Mistake("budget", "should be at least 1 step or 2 tokens"))
        if self.steps is not None and 0 < self.steps <= self.warmup:
            wrong.append(Mistake("train.warmup", f"should be less than budget.steps ({self.steps}), not {self.warmup}"))
        if self.batch_size * self.length > MOST_TOKENS:
            wrong.append(
                Mistake(
                    "train.batch_size",
                    f"{self.batch_size} rows of {self.length} tokens do not fit into memory at once; "
                    f"batch_size x length should be {MOST_TOKENS} or less",
                )
            )
        elif max((self.steps or 0) * self.batch_size, (self.tokens or 0) // max(1, self.length)) > MOST_ROWS:
            wrong.append(Mistake("budget", f"is planned ahead, and comes to more than {MOST_ROWS} rows; give less"))
        if wrong:
            raise SpecError(wrong)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainFacts:
    """What a training did and what it cost."""

    steps: int
    tokens: int
    batches_hash: str  # which rows, in which order: equal in two arms whose method keeps the rows' numbers
    rows_hash: str  # the rows as they were given, before the method's data hook
    rows_cut: int  # rows longer than `length`, of which only the beginning was read
    prepare_seconds: float  # the method's data hook and tokenising; a head, additions, what a frozen model reads
    attach_seconds: float  # the method's attach, entering and leaving
    seconds: float  # the steps alone
    tokens_per_second: float
    peak_memory_bytes: int | None
    flops: int
    final_loss: float


def train(
    lm: LM,
    rows: Rows,
    method: Method,
    *,
    settings: TrainSettings,
    seed: int,
    folder: Path,
    progress: Progress | None = None,
) -> TrainFacts:
    """Train `lm.model` in place; writes `folder/train.jsonl`, resumes from `folder/checkpoint`."""
    if lm.context is not None and settings.length > lm.context:
        raise UserError(f"{lm.name} reads {lm.context} tokens at most; set train.length to that or less")
    if lm.is_encoder and getattr(method, "decoders_only", False):
        raise UserError(f"{lm.name} is an encoder, and {type(method).__name__} needs a decoder, e.g. smollm2-135m")
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise UserError("training runs in one process, so that budgets match to the token; start it without torchrun")
    if problem := unsuited(method, settings, rows):
        raise UserError(problem)
    if lm.is_encoder and settings.objective == "choice":
        raise UserError(f"{lm.name} is an encoder and goes on with no text; set train.objective = 'label'")
    began = time.perf_counter()
    given = numbered(rows)
    rows_hash = digest(given)
    changed = method.data(given, generator(seed, "method", "data"))
    labelled(changed, settings.objective)
    planned = batches(
        changed,
        lm.tokenizer,
        seed=seed,
        batch_size=settings.batch_size,
        length=settings.length,
        steps=settings.steps,
        tokens=settings.tokens,
        objective=settings.objective,
    )
    _room_for_options(lm, planned, settings.length)
    if settings.loop == "trl" and (problem := trl.unfit(lm, planned, settings.objective)):
        raise UserError(problem)
    prepared = time.perf_counter() - began
    key = _key(lm, method, planned, settings, seed)
    special = tuple(lm.tokenizer.all_special_ids)
    guesses = mask_token(lm) if settings.objective == "text" else None
    run = Run(planned, method, settings, folder, key, Meter(lm.device), progress, guesses, seed, special, lm.tokenizer)
    size = weight_norm(lm.model)
    clock, reading = Clock(), Clock()
    task = reading.around(ready(lm, planned, settings, seed))
    head = nullcontext() if guesses is None else masked_head(lm, seed)
    attached = clock.around(method.attach(lm, planned, generator(seed, "method", "attach")))
    lent = trl.lent(lm, settings.objective) if settings.loop == "trl" else nullcontext()
    with borrowed(lm.model), task, head, attached, lent, disk_errors(folder), memory_errors(settings):
        run.train(lm.model, seed)
    lm.notes.extend(run.diverged(weight_norm(lm.model) / size))
    seconds, peak = run.meter.read()
    tokens = sum(planned.tokens)
    return TrainFacts(
        steps=len(planned),
        tokens=tokens,
        batches_hash=planned.hash,
        rows_hash=rows_hash,
        rows_cut=planned.cut,
        prepare_seconds=prepared + reading.seconds,
        attach_seconds=clock.seconds,
        seconds=seconds,
        tokens_per_second=tokens / seconds,
        peak_memory_bytes=peak,
        flops=run.flops,
        final_loss=run.loss,
    )


def unsuited(method: Method, settings: TrainSettings, rows: Rows, model: str = "") -> str:
    """Why this method cannot be trained in this way, on these rows, on the model of this name; "" where it can."""
    name = type(method).__name__
    if settings.loop == "trl" and (problem := trl.lacking()):
        return problem
    if {"loss", "attach"} & touched(method) and settings.objective not in method.objectives:
        return f"{name} learns from train.objective = {' or '.join(map(repr, method.objectives))}"
    if method.looks_inside and settings.adapt == "head":
        return f"{name} looks inside the model, which train.adapt = 'head' freezes; set 'lora' or 'full'"
    return method.suits(settings, rows, model)


def _room_for_options(lm: LM, planned: Batches, length: int) -> None:
    """Refuse options that would run past what the model reads."""
    longest = max((len(option) for options in planned.options.values() for option in options), default=0)
    if lm.context is not None and length + longest > lm.context:
        raise UserError(
            f"{lm.name} reads {lm.context} tokens at most, and the longest option has {longest}; "
            f"set train.length to {lm.context - longest} or less"
        )


@contextmanager
def memory_errors(settings: TrainSettings) -> Generator[None]:
    """Running out of memory is a `RunError` that names what helps."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not (isinstance(error, MemoryError) or "memory" in str(error).lower()):
            raise
        adapt = " or --set train.adapt='\"lora\"'" if settings.adapt == "full" else ""
        raise RunError(
            f"out of memory: {settings.batch_size} rows of {settings.length} tokens in a step.\n"
            f"Try --set train.batch_size={max(1, settings.batch_size // 2)}, a smaller train.length{adapt}."
        ) from error


def _key(lm: LM, method: Method, planned: Batches, settings: TrainSettings, seed: int) -> str:
    """Names everything that decides the result: a checkpoint of anything else is not resumed."""
    code = code_version(), source_version(type(method)), environment(), trl.version() if settings.loop == "trl" else ""
    return digest(lm.fingerprint(), repr(method), asdict(settings), seed, planned.content, code, str(lm.device))


def weight_norm(model: PreTrainedModel) -> float:
    """The length of all weights together."""
    import torch

    norms = [torch.linalg.vector_norm(weight.detach(), dtype=torch.float32) for weight in model.parameters()]
    return float(torch.linalg.vector_norm(torch.stack([norm.double().cpu() for norm in norms])))


@dataclass(slots=True)
class Run:
    """One training while it goes on: what the hooks of the Trainer call."""

    batches: Batches
    method: Method
    settings: TrainSettings
    folder: Path
    key: str
    meter: Meter
    progress: Progress | None
    mask_token: int | None  # of an encoder, which learns by guessing hidden words
    seed: int
    special: tuple[int, ...] = ()  # tokens that are no words, and never hidden
    tokenizer: Any = None
    flops: int = 0
    loss: float = math.nan
    rate: float = math.nan
    norm: float = math.nan
    tokens: int = 0
    log: IO[bytes] = field(init=False)

    def train(self, model: PreTrainedModel, seed: int) -> None:
        """From the last checkpoint, or from the start, to the end of the budget."""
        checkpoints = self.folder / "checkpoint"
        self.folder.mkdir(parents=True, exist_ok=True)
        found = self._resumable(checkpoints)
        trainer = shell(model, self, derive(seed, "train") % 2**32)
        if found is None:
            self.flops = self._flops(model)
        with (self.folder / "train.jsonl").open("ab") as self.log:
            self.log.truncate(self._restored(found))
            self.meter.start()
            try:
                trainer.train(resume_from_checkpoint=None if found is None else str(found))
            finally:
                trainer.optimizer.state.clear()  # twice the model's memory, which would wait for the garbage collector
        shutil.rmtree(checkpoints, ignore_errors=True)

    def _resumable(self, checkpoints: Path) -> Path | None:
        """The last checkpoint of this very training; one of another is thrown away."""
        found = checkpoint.last(checkpoints)
        if found is not None and checkpoint.facts(found)["key"] != self.key:
            shutil.rmtree(found)
            return None
        return found

    def _restored(self, found: Path | None) -> int:
        """Take up the counters of a checkpoint; returns how many bytes of the log belong to it."""
        if found is None:
            return 0
        facts = checkpoint.facts(found)
        self.tokens, self.loss, self.flops = facts["tokens"], facts["loss"], facts["flops"]
        self.meter.seconds, self.meter.peak = facts["seconds"], facts["peak"]
        return facts["log_bytes"]

    def _flops(self, model: PreTrainedModel) -> int:
        """Counted on the first batch and thrown away: gradients are cleared, random states are the Trainer's again."""
        import torch

        batch = {name: value.to(model.device) for name, value in self.batches[0].items()}
        model.train()
        with torch.random.fork_rng(devices=[model.device] if model.device.type == "cuda" else []):
            first = count_flops(lambda: self.compute(model, batch).backward())
        model.zero_grad(set_to_none=True)
        return first * sum(self.batches.positions) // self.batches.positions[0]

    def compute(self, model: PreTrainedModel, batch: dict[str, Tensor], said: Said | None = None) -> Tensor:
        """The method's loss of one batch, which the model reads as `said` has it; trl's own where that is the same."""
        with feeding(batch):
            outputs = (said or self.said)(model, batch)
        return outputs.loss if said and getattr(self.method, "in_trl", {}) else self.method.loss(model, batch, outputs)

    def said(self, model: PreTrainedModel, batch: dict[str, Tensor]) -> Any:
        """What the model makes of one batch; the model gets the tokens, the method all columns."""
        if self.settings.objective != "text":
            return read(model, batch)
        if self.mask_token is None:
            return model(**{name: batch[name] for name in INPUTS})
        return masked_outputs(model, batch, self.mask_token, self.seed, self.special)

    def diverged(self, growth: float) -> list[str]:
        """Refuse weights that are no model any more; say so where the loss has risen."""
        if not growth <= BLOWN:
            what = f"grew {growth:.3g}-fold" if math.isfinite(growth) else "have no finite length any more"
            raise RunError(
                f"training diverged: the weights {what} (learning rate {self.settings.learning_rate:g}, "
                f"{self.method!r}).\nTry a lower train.learning_rate or a longer train.warmup."
            )
        lines = (self.folder / "train.jsonl").read_text(encoding="utf-8").splitlines()
        losses = [float(json.loads(line)["loss"]) for line in lines]
        last = losses[-max(1, len(losses) // 10) :]
        rise = sum(last) / len(last) - losses[0]
        if rise <= RISEN:
            return []
        return [f"training: the loss rose by {rise:.2f}, from {losses[0]:.2f}; train.learning_rate may be too high"]

    def check(self, step: int, name: str, value: float) -> float:
        """The value, if training can go on with it."""
        if math.isfinite(value):
            return value
        rows = self.batches.rows_at(step)
        raise RunError(
            f"the {name} is {value} at step {step + 1} of {len(self.batches)} (learning rate {self.rate:g}, "
            f"{self.method!r}).\nTry a lower train.learning_rate, a longer train.warmup, or dtype = 'float32'; "
            f"if it stays, look at rows {', '.join(named(row, row[ROW]) for row in rows[:8])} of the corpus."
        )

    def step_done(self, step: int) -> None:
        """Log a step and tell whoever watches."""
        self.meter.step_ends()
        self.tokens += sum(size for _, size in self.batches.plan[step - 1])
        line = {"step": step, "loss": self.loss, "grad_norm": self.norm, "learning_rate": self.rate,
                "tokens": self.tokens}  # fmt: skip
        self.log.write(json.dumps(line).encode() + b"\n")
        self.log.flush()
        if self.progress is not None:
            self.progress(step, len(self.batches), self.loss)

    def save(self, trainer: Any) -> None:
        """Write a checkpoint that this training can resume from."""
        seconds, peak = self.meter.read()
        checkpoint.save(
            trainer,
            self.folder / "checkpoint",
            {
                "key": self.key,
                "tokens": self.tokens,
                "loss": self.loss,
                "flops": self.flops,
                "seconds": seconds,
                "peak": peak,
                "log_bytes": self.log.tell(),
            },
        )
