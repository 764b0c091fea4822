"""doctor: what this machine has, what it lacks, and the command that mends it. Changes nothing, asks no network."""

from __future__ import annotations

import platform
import shutil
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from butfor.cli.app import show_json


def doctor_command(*, as_json: bool) -> None:
    """Print one line for each thing looked at."""
    rows = [*_packages(), *_accelerator(), *_models(), *_data(), _disk()]
    if as_json:
        show_json(rows)
        return
    print(f"butfor {version('butfor')}, Python {platform.python_version()} on {platform.system()} {platform.machine()}")
    for row in rows:
        fix = f"   → {row['fix']}" if row["fix"] else ""
        print(f"  {'ok' if row['ok'] else '--'}  {row['what']}: {row['found']}{fix}")


def _row(what: str, found: Any, fix: str = "") -> dict[str, Any]:
    return {"what": what, "found": str(found), "ok": not fix, "fix": fix}


def _packages() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    groups = {
        "lm": ("torch", "transformers", "accelerate", "peft", "datasets", "safetensors", "gguf"),
        "discovery": ("andrey-core",),
        "align": ("trl",),
    }
    for extra, names in groups.items():
        for name in names:
            try:
                rows.append(_row(name, version(name)))
            except PackageNotFoundError:
                rows.append(_row(name, "not installed", f"pip install 'butfor[{extra}]'"))
    return rows


def _accelerator() -> list[dict[str, Any]]:
    try:
        import torch
    except ModuleNotFoundError:
        return []
    if torch.cuda.is_available():
        return [_row("accelerator", torch.cuda.get_device_name())]
    if torch.backends.mps.is_available():
        return [_row("accelerator", "mps")]
    return [_row("accelerator", f"none; {torch.get_num_threads()} CPU threads (the tiny presets are made for that)")]


def _models() -> list[dict[str, Any]]:
    from butfor.core.errors import UserError
    from butfor.lm.load import FETCHED, check

    rows: list[dict[str, Any]] = []
    for name in FETCHED:
        try:
            rows.append(_row(f"model {name}", check(name)))
        except UserError:
            rows.append(_row(f"model {name}", "not here", f"butfor fetch {name}"))
    return rows


def _data() -> list[dict[str, Any]]:
    from butfor.core.errors import UserError
    from butfor.data.fetch import SETS
    from butfor.data.find import find

    rows: list[dict[str, Any]] = []
    for name, files in SETS.items():
        try:
            rows.append(_row(f"data {name}", find(name, next(iter(files))).parent))
        except UserError:
            rows.append(_row(f"data {name}", "not here", f"butfor fetch {name}, or set BUTFOR_DATA"))
    return rows


def _disk() -> dict[str, Any]:
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    fix = "a run that saves a changed 135M model in float32 takes 0.54 GB a model" if free < 3 else ""
    return _row("disk", f"{free:.1f} GB free in {Path.cwd()}", fix)
