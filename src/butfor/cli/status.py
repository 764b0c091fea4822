"""status: how far a run is, read from its journal alone."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from butfor.cli.app import show_json


def status_command(path: Path, *, as_json: bool) -> None:
    """Print where a run stands."""
    found = status_of(path)
    if as_json:
        show_json(found)
        return
    print(f"{path}: {found['state']}")
    if found["cell"]:
        cell = found["cell"]
        print(f"  arm {cell['arm']}, seed {cell['seed']} ({cell['number']} of {found['cells']})")
    if found["step"] and found["state"] != "done":
        step = found["step"]
        of = f" of {step['of']}" if step["of"] else ""  # a file of items that streams has no known length
        print(f"  {step['suite']}: step {step['chunk'] + 1}{of}, {found['steps']} steps in this run so far")
    if found["train"]:
        print("  training: " + ", ".join(f"{key} {value}" for key, value in found["train"].items()))
    if found["idle_seconds"] is not None:
        print(f"  last sign of life {found['idle_seconds']:.0f} s ago; running for {found['elapsed_seconds']:.0f} s")
    if found["state"] == "stopped":
        print(f"  to go on: {found['command']}")


def status_of(path: Path) -> dict[str, Any]:
    """State (running, stopped, done), the cell and step it is at, and what training says."""
    from butfor.core.errors import UserError
    from butfor.core.folder import RunFolder
    from butfor.core.journal import entries

    events = list(entries(path / "journal.jsonl"))
    if not events:
        raise UserError(f"{path} is no run folder: it has no journal.jsonl; see the folders under runs/")
    folder, latest = RunFolder(path), {event["event"]: event for event in events}
    cell = latest.get("cell")
    inside = events[events.index(cell) :] if cell else []
    done, held = folder.whole, folder.held
    return {
        "run": str(path),
        "state": "done" if done else "running" if held else "stopped",
        "command": latest["start"]["command"] if "start" in latest else "butfor run",
        "cells": latest.get("start", {}).get("cells"),
        "cell": {key: cell[key] for key in ("arm", "seed", "number")} if cell else None,
        "step": next((event for event in reversed(inside) if event["event"] == "step"), None),
        "steps": sum(event["event"] == "step" for event in events),
        "train": None if done or cell is None else _training(path / cell["arm"] / f"seed-{cell['seed']}"),
        "elapsed_seconds": (time.time() if held else events[-1]["t"]) - latest.get("start", events[0])["t"],
        "idle_seconds": None if done else max(0.0, time.time() - events[-1]["t"]),
    }


def _training(folder: Path) -> dict[str, Any] | None:
    path = folder / "train.jsonl"
    if not path.is_file() or (folder / "made.json").is_file():
        return None
    lines = path.read_bytes().split(b"\n")[:-1]
    return json.loads(lines[-1]) if lines else None
