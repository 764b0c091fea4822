"""Checkpoints without pickle: tensors as safetensors, everything else as JSON; whole or not there.

    checkpoint/step-00000100/
      model.safetensors        the weights, tied ones once
      optimizer.safetensors    "<parameter>.<state>", e.g. "3.exp_avg"
      random.safetensors       torch's random states: "torch", "cuda.0", ...
      state.json               optimiser groups, schedule, Python's and numpy's random state, and what the loop adds
      trainer_state.json       the Trainer's own counters

A checkpoint is written to a hidden folder and renamed; then the one before it is removed. A reader takes the last whole
one and clears away the rest. JSON keeps every bit of a float, so what is loaded equals what was saved.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from butfor.core.errors import RunError, disk_errors
from butfor.train.borrow import random_states, set_random_states

HIDDEN = ".part"


def last(folder: Path) -> Path | None:
    """The last whole checkpoint in a folder; what else lies there is removed."""
    whole = sorted(folder.glob("step-*"))
    for path in [*whole[:-1], *folder.glob(f"{HIDDEN}*")]:
        shutil.rmtree(path)
    return whole[-1] if whole else None


def facts(checkpoint: Path) -> dict[str, Any]:
    """What the loop added to a checkpoint."""
    return json.loads((checkpoint / "state.json").read_text(encoding="utf-8"))["facts"]


def save(trainer: Any, folder: Path, facts: dict[str, Any]) -> None:
    """Write the trainer's whole state as the only checkpoint in `folder`."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file, save_model

    part = folder / HIDDEN
    with disk_errors(folder):
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        states = random_states()
        tensors = {"torch": states["torch"], **{f"cuda.{i}": state for i, state in enumerate(states["cuda"])}}
        moments, groups = _split(trainer.optimizer)
        try:
            save_model(trainer.model, str(part / "model.safetensors"))
            save_file(moments, part / "optimizer.safetensors")
            save_file(tensors, part / "random.safetensors")
        except SafetensorError as error:
            raise RunError(f"{folder} cannot be written ({error}); free some space and run the same again") from error
        state = {
            "groups": groups,
            "schedule": trainer.lr_scheduler.state_dict(),
            "python": states["python"],
            "numpy": _listed(states["numpy"]),
            "facts": facts,
        }
        (part / "state.json").write_text(json.dumps(state), encoding="utf-8")
        trainer.state.save_to_json(str(part / "trainer_state.json"))
        part.rename(folder / f"step-{trainer.state.global_step:08d}")
    last(folder)


def load_model(trainer: Any, checkpoint: Path) -> None:
    """Put the checkpoint's weights into the trainer's model."""
    from safetensors.torch import load_model as load

    load(trainer.model, checkpoint / "model.safetensors")


def load_optimizer(trainer: Any, checkpoint: Path) -> None:
    """Put the checkpoint's moments, groups and schedule into the trainer."""
    from safetensors.torch import load_file

    state = json.loads((checkpoint / "state.json").read_text(encoding="utf-8"))
    moments: dict[int, dict[str, Any]] = {}
    for name, tensor in load_file(checkpoint / "optimizer.safetensors").items():
        parameter, _, key = name.partition(".")
        moments.setdefault(int(parameter), {})[key] = tensor
    trainer.optimizer.load_state_dict({"state": moments, "param_groups": state["groups"]})
    trainer.lr_scheduler.load_state_dict(state["schedule"])


def load_random(checkpoint: Path) -> None:
    """Put the checkpoint's random states into the process."""
    import numpy as np
    from safetensors.torch import load_file

    state = json.loads((checkpoint / "state.json").read_text(encoding="utf-8"))
    tensors = load_file(checkpoint / "random.safetensors")
    version, numbers, gauss = state["python"]
    inner = state["numpy"]["state"]
    set_random_states(
        {
            "python": (version, tuple(numbers), gauss),
            "numpy": {**state["numpy"], "state": {**inner, "key": np.array(inner["key"], dtype=np.uint32)}},
            "torch": tensors["torch"],
            "cuda": [tensors[name] for name in sorted(tensors, key=len) if name.startswith("cuda.")],
        }
    )


def _split(optimizer: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The optimiser's tensors by name, and its groups as JSON values."""
    state = optimizer.state_dict()
    moments = {
        f"{parameter}.{key}": value.contiguous()
        for parameter, values in state["state"].items()
        for key, value in values.items()
    }
    return moments, state["param_groups"]


def _listed(state: dict[str, Any]) -> dict[str, Any]:
    """numpy's random state as JSON values."""
    inner = state["state"]
    return {**state, "state": {**inner, "key": inner["key"].tolist()}}
