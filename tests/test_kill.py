"""kill -9 at random moments, the same command again: effects.json and the records are the same to the byte."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "butfor", "run", "debug", "--preset", "tiny", "--quiet", "--out"]


def finish(out: Path) -> tuple[bytes, float]:
    begin = time.monotonic()
    done = subprocess.run([*COMMAND, str(out)], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (found,) = out.glob("debug-*/effects.json")
    return found.read_bytes(), time.monotonic() - begin


def killed(out: Path, after: float) -> bool:
    """Start the run, kill it after so many seconds; True if it was still running."""
    process = subprocess.Popen([*COMMAND, str(out)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        process.wait(after)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return True
    return False


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kills", [2, pytest.param(10, marks=pytest.mark.slow)])
def test_a_run_killed_again_and_again_comes_out_the_same(tmp_path: Path, kills: int) -> None:
    """A run that got to its end in spite of the kills must be whole, and the next kills meet a fresh one.

    That it may die after any step is tested in one process, step by step, in test_experiment.py.
    """
    whole, seconds = finish(tmp_path / "whole")
    rng, landed, folder = random.Random(0), 0, 0
    while landed < kills:
        if killed(tmp_path / f"torn{folder}", rng.uniform(0.2, 1.0) * seconds):
            landed += 1
        else:
            assert finish(tmp_path / f"torn{folder}")[0] == whole
            folder += 1
    assert finish(tmp_path / f"torn{folder}")[0] == whole


def audited(out: Path, after: float | None = None) -> dict[str, bytes]:
    """An audit in a process of its own, killed after so many seconds if it still runs then; else its files."""
    words = [
        "audit",
        "debug",
        "--suites",
        "bias.professions,reason.copa",
        "--limit",
        "64",
        "--quiet",
        "--out",
        str(out),
    ]
    process = subprocess.Popen([sys.executable, "-m", "butfor", *words], stdout=subprocess.DEVNULL)
    try:
        assert process.wait(after) == 0
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return {}
    return {path.name: path.read_bytes() for path in out.glob("audit-*/**/*") if path.suffix in {".jsonl", ".json"}}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kills", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_an_audit_killed_in_between_has_the_records_of_one_that_was_not(tmp_path: Path, kills: int) -> None:
    begin = time.monotonic()
    whole = audited(tmp_path / "whole")
    seconds, rng, landed = time.monotonic() - begin, random.Random(1), 0
    while landed < kills:
        landed += not audited(tmp_path / f"torn{landed}", rng.uniform(0.5, 0.98) * seconds)
    for n in range(landed):
        torn = audited(tmp_path / f"torn{n}")
        for name in ("reason.copa.jsonl", "bias.professions.jsonl", "effects.json", "levels.json", "groups.json"):
            assert torn[name] == whole[name]
