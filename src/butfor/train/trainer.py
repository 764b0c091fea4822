"""The one place that knows `transformers.Trainer`: a shell around it that takes everything of ours from a `Run`.

Of the Trainer we use the optimiser, the schedule, clipping, device handling and the order of a step. Batches, loss, log
and checkpoints are the run's; the Trainer's own pickled checkpoints are neither written nor read. A trainer of another
package that is built on this one takes the same shell (`trl.py`), and its own loss stands where it has one.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from butfor.train import checkpoint

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from transformers import PreTrainedModel

    from butfor.train.loop import Run


def shell(model: PreTrainedModel, run: Run, seed: int) -> Any:
    """A Trainer for this run, ready to train."""
    import transformers

    if run.settings.loop == "trl":
        from butfor.train import trl

        made = trl.shell(model, run, seed)
    else:
        made = shelled(transformers.Trainer, run, model.device)(
            model,
            arguments(transformers.TrainingArguments, run, model.device, seed),
            data_collator=lambda items: items[0],
            train_dataset=run.batches,
            callbacks=[watcher(run)],
        )
    made.accelerator.device_placement = False
    return made


def shelled(trainer: Any, run: Run, device: torch.device) -> Any:
    """This class of trainers, with batches, log and checkpoints of the run."""
    from torch.utils.data import SequentialSampler

    class Shell(trainer):
        def training_step(self, *args: Any, **kwargs: Any) -> Tensor:
            run.rate = self.lr_scheduler.get_last_lr()[0]
            loss = super().training_step(*args, **kwargs)
            run.loss = run.check(self.state.global_step, "loss", loss.item())
            return loss

        def compute_loss(self, model: Any, inputs: dict[str, Tensor], *_: Any, **__: Any) -> Tensor:
            batch = {name: value.to(device) for name, value in inputs.items()}
            return run.compute(model, batch, getattr(self, "said", None)).to(self.args.device)

        def _clip_grad_norm(self, model: Any) -> Any:
            norm = super()._clip_grad_norm(model)
            run.norm = float(norm)
            return norm

        def _get_train_sampler(self, *_: Any) -> Any:
            return SequentialSampler(run.batches)  # pyright: ignore[reportArgumentType]

        def _move_model_to_device(self, *_: Any) -> None:  # the model stays where it was loaded
            return

        def log(self, *_: Any) -> None:
            return

        def _save_checkpoint(self, *_: Any) -> None:
            run.save(self)

        def _load_from_checkpoint(self, path: str, *_: Any) -> None:
            checkpoint.load_model(self, Path(path))

        def _load_optimizer_and_scheduler(self, path: str) -> None:
            checkpoint.load_optimizer(self, Path(path))

        def _load_rng_state(self, path: str) -> None:
            checkpoint.load_random(Path(path))

    return Shell


def watcher(run: Run) -> Any:
    """Tells the run when a step begins and ends, and the Trainer when to save."""
    import transformers

    callback: Any = transformers.TrainerCallback

    class Steps(callback):
        def on_step_begin(self, *_: Any, **__: Any) -> None:
            run.meter.step_begins()

        def on_pre_optimizer_step(self, _: Any, state: Any, *__: Any, **___: Any) -> None:
            run.check(state.global_step, "gradient", run.norm)

        def on_step_end(self, _: Any, state: Any, control: Any, **__: Any) -> None:
            run.step_done(state.global_step)
            control.should_save = state.global_step % run.settings.save_every == 0 and not control.should_training_stop

    return Steps()


def arguments(kind: Any, run: Run, device: torch.device, seed: int, **more: Any) -> Any:
    """The few things the Trainer decides, and `more`; an item of its data set is a whole batch."""
    made = kind(
        output_dir=str(run.folder),
        seed=seed,
        max_steps=len(run.batches),
        per_device_train_batch_size=1,
        optim="adamw_torch_fused",
        learning_rate=run.settings.learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=run.settings.warmup,
        weight_decay=run.settings.weight_decay,
        max_grad_norm=1.0,
        logging_strategy="no",
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        log_level="error",
        remove_unused_columns=False,
        dataloader_pin_memory=False,
        use_cpu=device.type == "cpu",
        **more,
    )
    made._n_gpu = min(made.n_gpu, 1)  # one model, one device: never wrapped in DataParallel
    return made
