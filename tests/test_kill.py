"""kill -9 at random moments, the same command again: the final effects.json is the same to the byte."""

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


@pytest.mark.parametrize("kills", [2, pytest.param(10, marks=pytest.mark.slow)])
@pytest.mark.timeout(1800)
def test_a_killed_run_comes_out_the_same(tmp_path: Path, kills: int) -> None:
    whole, seconds = finish(tmp_path / "whole")
    rng, torn, landed = random.Random(kills), tmp_path / "torn", 0
    for _ in range(kills):
        landed += killed(torn, rng.uniform(0.3, 0.95) * seconds)
    assert landed > 0
    assert finish(torn)[0] == whole
