"""The meters: memory that goes up when it is used, operations that match arithmetic, seconds of the steps alone."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from butfor.lm.load import load
from butfor.train.meter import Meter, count_flops, peak_memory, reset_peak

CPU = torch.device("cpu")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_peak_memory_sees_what_came_and_went():
    """In a process of its own: what other tests have used must not hide what this one uses."""
    script = (
        "import numpy, torch\n"
        "from butfor.train.meter import peak_memory, reset_peak\n"
        "cpu = torch.device('cpu')\n"
        "reset_peak(cpu)\n"
        "before = peak_memory(cpu)\n"
        "block = numpy.ones(400 * 2**20, dtype=numpy.uint8)\n"
        "del block\n"
        "assert peak_memory(cpu) - before > 150 * 2**20, (before, peak_memory(cpu))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_peak_memory_is_none_where_nobody_can_tell(monkeypatch):
    def refuse(*_, **__):
        raise OSError

    monkeypatch.setattr(Path, "read_text", refuse)
    monkeypatch.setattr(Path, "write_text", refuse)
    reset_peak(CPU)
    assert peak_memory(CPU) is None
    assert Meter(CPU).read() == (0.0, None)
    assert peak_memory(torch.device("mps")) is None


def test_operations_of_a_product():
    a, b = torch.randn(7, 11), torch.randn(11, 5)
    assert count_flops(lambda: a @ b) == 2 * 7 * 11 * 5


def test_operations_of_a_model_match_arithmetic():
    model = load("debug").model
    ids = torch.randint(3, 259, (2, 24))
    counted = count_flops(lambda: model(input_ids=ids, labels=ids).loss.backward())  # noqa: PLW0108
    matrices = sum(p.numel() for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name)
    head = model.lm_head.weight.numel()
    products = 6 * ids.numel() * (matrices + head)
    attention = 2 * 2 * (4 + 10) / 4 * 2 * 24 * 24 * 32  # layers x (2 products forward, 5 backward) x 2 B L^2 d
    assert products < counted <= products + 2 * attention


def test_seconds_are_those_of_the_steps():
    meter = Meter(CPU)
    meter.step_ends()
    assert meter.seconds == 0
    meter.step_begins()
    time.sleep(0.01)
    meter.step_ends()
    once = meter.seconds
    time.sleep(0.01)
    assert meter.read()[0] == once >= 0.01
