"""Checkpoints: no pickle anywhere, whole or not there, the last one only; a real kill -9 in the middle."""

from __future__ import annotations

import errno
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError

from butfor.core.errors import RunError
from butfor.lm.load import load
from butfor.train import checkpoint
from butfor.train.borrow import random_states
from butfor.train.loop import TrainSettings, train
from butfor.train.standard import Standard

ROWS = [{"text": f"Row {n} tells of day {n * 31} and of nothing else."} for n in range(20)]
SETTINGS = TrainSettings(steps=7, batch_size=2, length=32, learning_rate=1e-3, save_every=2)

SCRIPT = """
import os, signal, sys
sys.path.insert(0, {here!r})
from pathlib import Path
from test_checkpoint import ROWS, SETTINGS, run
def progress(step, total, loss):
    if step == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
run(Path(sys.argv[1]), progress)
"""


def run(folder: Path, progress=None):
    lm = load("debug")
    return lm, train(lm, ROWS, Standard(), settings=SETTINGS, seed=0, folder=folder, progress=progress)


class Stop(Exception):
    pass


def stopped_at(folder: Path, step: int) -> Path:
    """The checkpoints of a training that stopped at a step."""

    def progress(now: int, total: int, loss: float) -> None:
        if now == step:
            raise Stop

    with pytest.raises(Stop):
        run(folder, progress)
    return folder / "checkpoint"


def test_resume_after_kill_minus_nine(tmp_path):
    whole, facts = run(tmp_path / "whole")
    script = SCRIPT.format(here=str(Path(__file__).parent))
    environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    killed = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "killed"), "5"], env=environment, capture_output=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert killed.stdout == b""
    assert [path.name for path in (tmp_path / "killed" / "checkpoint").iterdir()] == ["step-00000004"]
    resumed, again = run(tmp_path / "killed")
    assert resumed.fingerprint() == whole.fingerprint()
    assert (tmp_path / "killed" / "train.jsonl").read_bytes() == (tmp_path / "whole" / "train.jsonl").read_bytes()
    assert (again.flops, again.tokens, again.batches_hash) == (facts.flops, facts.tokens, facts.batches_hash)


def test_nothing_is_pickled(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("pickle")

    for module, name in ((torch, "load"), (torch, "save"), (pickle, "load"), (pickle, "dump"), (pickle, "Unpickler")):
        monkeypatch.setattr(module, name, refuse)
    found = stopped_at(tmp_path, 5)
    assert {path.suffix for path in found.rglob("*") if path.is_file()} == {".safetensors", ".json"}
    run(tmp_path)


def test_only_the_last_checkpoint_stays(tmp_path):
    assert [path.name for path in stopped_at(tmp_path, 7).iterdir()] == ["step-00000006"]


def test_last_clears_what_is_not_whole(tmp_path):
    for name in ("step-00000002", "step-00000010", ".part"):
        (tmp_path / name).mkdir()
    assert checkpoint.last(tmp_path) == tmp_path / "step-00000010"
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000010"]
    assert checkpoint.last(tmp_path / "nowhere") is None


def test_random_states_come_back_to_the_bit(tmp_path):
    found = checkpoint.last(stopped_at(tmp_path, 5))
    before = random_states()
    try:
        checkpoint.load_random(found)
        first = random_states(), torch.rand(3)
        checkpoint.load_random(found)
        second = random_states(), torch.rand(3)
        assert first[0]["python"] == second[0]["python"]
        assert torch.equal(first[1], second[1])
        assert not torch.equal(first[0]["torch"], before["torch"])
    finally:
        from butfor.train.borrow import set_random_states

        set_random_states(before)


def test_tied_weights_stay_tied_after_a_resume(tmp_path):
    stopped_at(tmp_path, 5)
    lm, _ = run(tmp_path)
    assert lm.model.lm_head.weight is lm.model.model.embed_tokens.weight


def test_seconds_of_both_sessions_are_added(tmp_path):
    kept = checkpoint.facts(checkpoint.last(stopped_at(tmp_path, 5)))
    _, facts = run(tmp_path)
    assert 0 < kept["seconds"] < facts.seconds


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), SafetensorError("No space left")])
def test_a_full_disk_loses_nothing(tmp_path, monkeypatch, error):
    whole, _ = run(tmp_path / "whole")
    stopped_at(tmp_path / "full", 3)
    with monkeypatch.context() as patch:

        def full(*_, **__):
            raise error

        patch.setattr("safetensors.torch.save_file", full)
        with pytest.raises(RunError, match="free some space"):
            run(tmp_path / "full")
    assert run(tmp_path / "full")[0].fingerprint() == whole.fingerprint()
