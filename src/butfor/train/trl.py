"""trl's trainers around our batches: the one place that knows trl.

Baselines   [train] loop = "trl" gives the steps of every arm to trl: SFTTrainer for train.objective = "text",
            RewardTrainer for "reward", DPOTrainer where the arm's method has its very loss (`Method.in_trl`). Rows,
            order, optimiser and budget are those of our loop; loss, forward pass and the order of a step are trl's.
Causal arms The method's loss stands in the same trainer, in place of trl's: `outputs.loss` is trl's own where the model
            gives a reward. trl makes no logits of texts, so a loss that reads them takes the model's own pass.
Users       `plugged(RewardTrainer, method)` is a RewardTrainer whose rows, batches and loss are the method's.
Columns     trl's collators drop what they do not know. Here a row of the trainer's data set is a step, and its batch
            the planned one, with all columns; what trl reads is made of that.
Versions    FROM up to, not including, BELOW: known by tests. Any other is refused, with the command that mends it.
Limits      One process. trl sends telemetry from trainers; from these it does not. Encoders learn no text in trl, and
            scores no reward. Evaluation inside a plugged trainer is trl's own.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Generator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from importlib import metadata
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from butfor.core.errors import MissingExtra, UserError
from butfor.core.extras import need
from butfor.core.seeds import generator
from butfor.lm.head import NAME, pooled
from butfor.train.batches import STEP, Batches, batches, numbered
from butfor.train.method import Batch, Method, Rows, feeding, touched
from butfor.train.naming import named
from butfor.train.policy import UNSAID, before
from butfor.train.task import INPUTS, REJECTED, Outputs, labelled, under

if TYPE_CHECKING:
    from torch import Tensor

    from butfor.lm import LM
    from butfor.train.loop import Run

FROM, BELOW = (1, 16), (1, 17)
TRAINERS = {"text": "SFT", "reward": "Reward"}  # of each objective; "DPO" for a method that says so
OBJECTIVES = {"SFT": "text", "DPO": "text", "Reward": "reward"}
PLAIN: dict[str, dict[str, Any]] = {  # what trl would change beside the loss
    "SFT": {"max_length": None},
    "DPO": {"max_length": None, "disable_dropout": False, "precompute_ref_log_probs": True},
    "Reward": {"max_length": None, "disable_dropout": False},
}
UNPLANNED = ("packing", "padding_free", "assistant_only_loss", "precompute_ref_log_probs")  # what makes other rows
LONGEST = 4096  # tokens of a row, where neither max_length nor the model says
STEPS = "butfor_step"  # the only column of a trainer's data set


def version() -> str:
    """The version of trl that is installed."""
    try:
        return metadata.version("trl")
    except metadata.PackageNotFoundError as error:
        raise MissingExtra("trl", "align") from error


def lacking() -> str:
    """Why trl cannot be used here; "" where it can. Imports nothing."""
    try:
        found = version()
    except MissingExtra as error:
        return str(error)
    if FROM <= tuple(int(part) for part in found.split(".")[:2] if part.isdigit()) < BELOW:
        return ""
    known, below = (".".join(map(str, bound)) for bound in (FROM, BELOW))
    return f"trl {found} is installed, whose trainers are not known here; run: pip install 'trl>={known},<{below}'"


def unfit(lm: LM, planned: Batches, objective: str) -> str:
    """Why trl's trainers cannot learn these rows; "" where they can."""
    if objective == "text" and lm.is_encoder:
        return f"{lm.name} is an encoder, which trl trains on no text; set train.loop = 'own'"
    return unpaired(planned.rows, objective)


def unpaired(rows: Rows, objective: str) -> str:
    """Why trl's trainers cannot learn these rows, whatever the model; "" where they can."""
    if objective == "reward" and not any(REJECTED in row.get("beside", ()) for row in rows):
        return "trl's RewardTrainer learns from pairs, and these rows have scores; set train.loop = 'own'"
    return ""


def shell(model: Any, run: Run, seed: int) -> Any:
    """A trainer of trl for this run, ready to train; `model` is `lent`."""
    from datasets import Dataset

    from butfor.train.trainer import arguments, shelled, watcher

    package = _trl()
    told = getattr(run.method, "in_trl", {})
    kind = "DPO" if told else TRAINERS[run.settings.objective]
    config = getattr(package, f"{kind}Config")
    names = config.__dataclass_fields__
    saving = "activation_checkpointing" if "activation_checkpointing" in names else "gradient_checkpointing"  # before
    plain = {"bf16": False, saving: False, **PLAIN[kind], **told}
    trainer = shelled(_over(getattr(package, f"{kind}Trainer"), kind, run.method), run, model.device)
    return trainer(
        model=model,
        args=arguments(config, run, model.device, seed, **plain),
        data_collator=lambda items: run.batches[items[0][STEPS]],
        train_dataset=Dataset.from_dict({STEPS: list(range(len(run.batches)))}),
        processing_class=run.tokenizer,
        callbacks=[watcher(run)],
    )


@contextmanager
def lent(lm: LM, objective: str) -> Generator[None]:
    """Let trl write into the model's configuration and patch its forward; all is as it was afterwards."""
    model: Any = lm.model
    tokenizer: Any = lm.tokenizer
    kept = {name: vars(model).get(name) for name in ("forward", "config", "generation_config", "model_tags")}
    padding = tokenizer.pad_token
    for name in ("config", "generation_config"):
        if kept[name] is not None:
            setattr(model, name, copy.deepcopy(kept[name]))
    if objective == "reward":
        model.config.num_labels = 1  # what RewardTrainer asks of a model; ours has a head of one output
    try:
        yield
    finally:
        tokenizer.pad_token = padding
        for name, value in kept.items():
            vars(model).pop(name, None)
            if value is not None:
                vars(model)[name] = value


def plugged(trainer: Any, method: Method) -> Any:
    """trl's SFTTrainer, RewardTrainer or DPOTrainer, or a class over one, with this method's rows, batches and loss.

    Call it as trl's, with keywords: model, args, train_dataset, processing_class … `train_dataset` is trl's data set,
    whose further columns reach the method, or our rows. DPOTrainer keeps its own loss: policy methods of ours compute
    what they need themselves, in SFTTrainer.
    """
    kind = _kind(_trl(), trainer, method)

    class Plugged(_over(trainer, kind, method)):
        def __init__(self, *, model: Any, args: Any, train_dataset: Any, processing_class: Any, **more: Any) -> None:
            from datasets import Dataset

            self.butfor_lm = _lm(model, processing_class, args)
            rows = train_dataset if isinstance(train_dataset, list) else rows_of(train_dataset, processing_class, args)
            self.butfor_plan = _plan(rows, self.butfor_lm, method, args, OBJECTIVES[kind])
            args = copy.copy(args)
            args.per_device_train_batch_size, args.max_steps = 1, len(self.butfor_plan)  # a row is a step
            args.remove_unused_columns = False
            steps = Dataset.from_dict({STEPS: list(range(len(self.butfor_plan)))})
            super().__init__(model=model, args=args, train_dataset=steps, processing_class=processing_class, **more)
            own = self.data_collator  # of evaluation
            self.data_collator = lambda rows: self.butfor_plan[rows[0][STEPS]] if STEPS in rows[0] else own(rows)
            self.butfor_lm.model = getattr(self.model, "get_base_model", lambda: self.model)()  # of peft

        def _get_train_sampler(self, *_: Any) -> Any:
            from torch.utils.data import SequentialSampler

            return SequentialSampler(self.train_dataset)

        def train(self, *args: Any, **more: Any) -> Any:
            rng = generator(_seed(self.args), "method", "attach")
            head = _as_head(self.butfor_lm.model, self.butfor_plan) if kind == "Reward" else nullcontext()
            with head, method.attach(self.butfor_lm, self.butfor_plan, rng):
                return super().train(*args, **more)

        def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **more: Any) -> Any:
            if STEP not in inputs:  # evaluation
                return super().compute_loss(model, inputs, return_outputs, **more)
            with feeding(inputs):
                outputs = self.said(model, inputs)
            loss = method.loss(model, inputs, outputs)
            return (loss, outputs) if return_outputs else loss

    Plugged.__name__ = Plugged.__qualname__ = f"{trainer.__name__}With{type(method).__name__}"
    return Plugged


def rows_of(dataset: Any, tokenizer: Any, args: Any) -> Rows:
    """The rows of a data set of trl's: text, prompt and completion, messages, preferences; other columns go along.

    A column `rejected_X` is column X of the rejected text, and `chosen_X` or plain X that of the row. As in trl, plain
    texts end with the tokenizer's end token, and messages are said by its chat template.
    """
    if not hasattr(dataset, "column_names") or not hasattr(dataset, "__len__"):
        raise UserError("train_dataset should be a datasets.Dataset, or rows: [{'text': '…'}, …]; batches are planned")
    return [_row(dict(row), place, tokenizer, args) for place, row in enumerate(dataset)]


def _row(row: dict[str, Any], place: int, tokenizer: Any, args: Any) -> dict[str, Any]:
    field = getattr(args, "dataset_text_field", "text")
    said = {name: row.pop(name, None) for name in ("prompt", "completion", "chosen", "rejected", "messages", field)}
    apart = getattr(args, "completion_only_loss", None) is not False
    beside = {name.removeprefix("rejected_"): row.pop(name) for name in list(row) if name.startswith("rejected_")}
    row = {name.removeprefix("chosen_"): value for name, value in row.items()}
    first = next((said[name] for name in ("chosen", "completion", "messages", field) if said[name]), None)
    if first is None:
        raise UserError(
            f"row {named(row, place)} has no chosen and rejected, prompt and completion, messages, or {field!r}; "
            "give a data set of trl's, or rows: [{'text': '…'}, …]"
        )
    row |= _told(said["prompt"], first, tokenizer, apart)
    if said["rejected"]:
        row["beside"] = {REJECTED: {**beside, **_told(said["prompt"], said["rejected"], tokenizer, apart)}}
    return row


def _told(prompt: Any, rest: Any, tokenizer: Any, apart: bool) -> dict[str, Any]:
    """The text of a prompt and what follows, and where that begins."""
    if isinstance(rest, str):
        whole, start = f"{prompt or ''}{rest}", prompt or ""
        end = tokenizer.eos_token or ""
        whole = whole if whole.endswith(end) else whole + end
    else:
        whole = _template(tokenizer, [*(prompt or []), *rest], False)
        asked = _template(tokenizer, prompt, True) if prompt else ""
        start = whole[: next((n for n, (a, b) in enumerate(zip(whole, asked, strict=False)) if a != b), len(asked))]
    return {"text": whole, "answer_at": len(start)} if start and apart else {"text": whole}


def _template(tokenizer: Any, messages: Any, asks: bool) -> str:
    """What a chat template makes of messages, without a first token that the tokenizer adds itself."""
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=asks)
    first = tokenizer.bos_token or ""
    return text.removeprefix(first) if first and tokenizer("")["input_ids"][:1] == [tokenizer.bos_token_id] else text


def _lm(model: Any, tokenizer: Any, args: Any) -> LM:
    from butfor.lm import LM

    if isinstance(model, str) or tokenizer is None:
        raise UserError("give the model and its tokenizer as they are: model = AutoModel….from_pretrained('…'), …")
    if wrong := [name for name in UNPLANNED if getattr(args, name, False)]:
        raise UserError(f"batches are planned row by row: set {' and '.join(f'{name} = False' for name in wrong)}")
    if args.gradient_accumulation_steps > 1 or args.world_size > 1 or args.n_gpu > 1:
        raise UserError("a method's loss is that of a whole batch: set gradient_accumulation_steps = 1, on one device")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return LM(type(model).__name__, model, tokenizer)


def _plan(rows: Rows, lm: LM, method: Method, args: Any, objective: Any) -> Batches:
    """Every batch of this training: as many as max_steps, or as the epochs make."""
    method.fits(rows)
    size, seed = args.per_device_train_batch_size, _seed(args)
    steps = args.max_steps if args.max_steps > 0 else math.ceil(args.num_train_epochs * len(rows) / size)
    rows = method.data(numbered(rows), generator(seed, "method", "data"))
    labelled(rows, objective)
    length = min(getattr(args, "max_length", None) or LONGEST, lm.context or LONGEST)
    found = batches(rows, lm.tokenizer, seed=seed, batch_size=size, length=length, steps=steps, objective=objective)
    if objective == "reward" and REJECTED not in found.beside:
        raise UserError("trl's RewardTrainer learns from pairs: give every row a rejected text")
    return found


def _seed(args: Any) -> int:
    return args.seed if args.data_seed is None else args.data_seed


def _trl() -> Any:
    if problem := lacking():
        raise UserError(problem)
    return need("trl")


def _kind(package: Any, trainer: Any, method: Method) -> str:
    """Which of trl's trainers this is; refuses one that this method cannot be plugged into."""
    name = type(method).__name__
    found = [
        kind
        for kind in OBJECTIVES
        if isinstance(trainer, type) and issubclass(trainer, getattr(package, f"{kind}Trainer"))
    ]
    if not found:
        raise UserError(f"{trainer!r} is no SFTTrainer, RewardTrainer or DPOTrainer of trl, nor a class over one")
    if {"loss", "attach"} & touched(method) and OBJECTIVES[found[0]] not in method.objectives:
        raise UserError(f"{name} learns from {' or '.join(map(repr, method.objectives))}, not from a {found[0]}Trainer")
    if found == ["DPO"] and "loss" in touched(method):
        raise UserError(f"{name} has a loss of its own in place of DPO's; plug it into SFTTrainer, with the same rows")
    return found[0]


def _over(trainer: Any, kind: str, method: Method) -> Any:
    """This class of trl's trainers, which reads our batches, leaves its data set alone and tells nobody."""

    class Over(trainer):
        def said(self, model: Any, batch: Batch) -> Any:
            """What the model makes of a batch, and the loss that trl makes of that."""
            if kind == "SFT" and "loss" in touched(method):
                return model(**{name: batch[name] for name in INPUTS})
            given = _given(kind, batch, self.processing_class.pad_token_id or 0)
            if kind == "SFT":
                return SimpleNamespace(loss=super().compute_loss(model, given))
            if kind == "DPO":
                if self.precompute_ref_logps:
                    sides = {"ref_chosen_logps": "", "ref_rejected_logps": REJECTED}
                    given |= {name: before(model, batch, side) for name, side in sides.items()}
                return SimpleNamespace(loss=super().compute_loss(model, given))
            reader = _headed(model, batch) if NAME in dict(model.named_children()) else _scored(model)
            loss, both = super().compute_loss(reader, given, return_outputs=True)
            worth, seen = both.logits.chunk(2), both.features.chunk(2)
            return Outputs(loss, worth[0], seen[0], Outputs(None, worth[1], seen[1]))

        def _prepare_dataset(self, dataset: Any, *args: Any, **more: Any) -> Any:
            return dataset if STEPS in dataset.column_names else super()._prepare_dataset(dataset, *args, **more)

        def _precompute_ref_logps(self, dataset: Any, *args: Any, **more: Any) -> Any:
            return dataset if STEPS in dataset.column_names else super()._precompute_ref_logps(dataset, *args, **more)

        def _send_telemetry(self) -> None:
            return

    return Over


def _given(kind: str, batch: Batch, pad: int) -> dict[str, Tensor]:
    """What trl's trainer reads of a batch: its rows, or these and then the rejected."""
    import torch
    from torch.nn.functional import pad as padded

    if kind == "SFT":
        return {name: batch[name] for name in INPUTS}
    sides = [batch, under(batch, REJECTED)]
    width = max(side["input_ids"].shape[1] for side in sides)
    found = {
        name: torch.cat([padded(side[name], (0, width - side[name].shape[1]), value=fill) for side in sides])
        for name, fill in zip(INPUTS, (pad, 0, UNSAID), strict=True)
    }
    labels = found.pop("labels")
    return found | ({"completion_mask": (labels != UNSAID).long()} if kind == "DPO" else {})


def _headed(model: Any, batch: Batch) -> Callable[..., Outputs]:
    """A model with our head, called as trl calls a sequence classifier."""
    import torch

    def read(*, input_ids: Tensor, attention_mask: Tensor, **_: Any) -> Outputs:
        kept = [batch[name] for name in ("features", f"{REJECTED}.features") if name in batch]
        seen = torch.cat(kept) if kept else pooled(model, input_ids, attention_mask)
        return Outputs(None, getattr(model, NAME)(seen), seen)

    return read


def _scored(model: Any) -> Callable[..., Outputs]:
    """A sequence classifier that also says what its last layer reads."""
    import torch

    def read(*, input_ids: Tensor, **given: Any) -> Outputs:
        seen: list[Tensor] = []
        handle = getattr(model, NAME)[1].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
        try:
            logits = model(input_ids=input_ids, **given).logits
        finally:
            handle.remove()
        features = seen[0]
        if features.dim() == 3:  # of every token: the last one that is no padding is what counts
            real = input_ids != model.config.get_text_config().pad_token_id
            places = torch.arange(real.shape[1], device=real.device)
            features = features[torch.arange(len(features)), (real * places).argmax(1)]
        return Outputs(None, logits, features)

    return read


def _last(model: Any) -> Any:
    """The layer of one output that gives a sequence classifier's reward."""
    import torch

    found = [part for part in model.modules() if isinstance(part, torch.nn.Linear) and part.out_features == 1]
    if not found:
        raise UserError(f"{type(model).__name__} has no linear layer of one output: load it with num_labels = 1")
    return found[-1]


@dataclass(frozen=True, slots=True)
class _Head:
    """A sequence classifier's last layer where methods look for our head; no part of the model, so saved once."""

    last: Any
    length: int  # tokens that are read

    def __getitem__(self, place: int) -> Any:
        return self.last if place else lambda features: features


@contextmanager
def _as_head(model: Any, planned: Batches) -> Generator[None]:
    vars(model)[NAME] = _Head(_last(model), max(size for line in planned.plan for _, size in line))
    try:
        yield
    finally:
        vars(model).pop(NAME)
