"""What training costs: seconds of its steps, peak memory, floating-point operations.

seconds  wall time of the steps alone; checkpoints, logging, tokenising and the method's data hook are not in it.
memory   the most bytes in use at once while training. On CUDA: of torch's allocator on the model's device. On Linux
         without CUDA: of the whole process (VmHWM, reset through /proc/self/clear_refs). Elsewhere: None.
flops    matrix products and attention of the first batch, forward, loss hook and backward, as counted by
         `torch.utils.flop_counter`, times all positions over the first batch's. The optimiser is not counted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@dataclass(slots=True)
class Meter:
    """Adds up the seconds of the steps and keeps the peak of memory, over every session of a resumed training."""

    device: torch.device
    seconds: float = 0.0
    peak: int | None = None
    watched: bool = True  # whether the system let us begin a peak of our own
    _began: float | None = None

    def start(self) -> None:
        """Begin to watch memory."""
        self.watched = reset_peak(self.device)

    def step_begins(self) -> None:
        self._began = time.perf_counter()

    def step_ends(self) -> None:
        if self._began is not None:
            self.seconds += time.perf_counter() - self._began
            self._began = None

    def read(self) -> tuple[float, int | None]:
        """Seconds and peak bytes so far."""
        if not self.watched:
            return self.seconds, None
        now = peak_memory(self.device)
        self.peak = now if self.peak is None else max(self.peak, now or 0)
        return self.seconds, self.peak


@dataclass(slots=True)
class Clock:
    """Seconds that it takes to enter and to leave a context."""

    seconds: float = 0.0

    @contextmanager
    def around(self, context: AbstractContextManager[None]) -> Generator[None]:
        """The same context, timed at both ends."""
        began = time.perf_counter()
        with context:
            self.seconds += time.perf_counter() - began
            yield
            began = time.perf_counter()
        self.seconds += time.perf_counter() - began


def reset_peak(device: torch.device) -> bool:
    """Forget the peak so far; False where the system does not let us, and a later peak would be of another time."""
    if device.type == "cuda":
        import torch

        torch.cuda.reset_peak_memory_stats(device)
        return True
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return False
    return True


def peak_memory(device: torch.device) -> int | None:
    """The most bytes in use at once since `reset_peak`; None where nobody can tell."""
    if device.type == "cuda":
        import torch

        return torch.cuda.max_memory_allocated(device)
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    found = [line.split() for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(found[0][1]) * 1024 if found and device.type == "cpu" else None


def count_flops(work: Callable[[], object]) -> int:
    """Floating-point operations of the matrix products and attention inside `work()`."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop, sdpa_flop

    aten = torch.ops.aten  # torch counts attention on CUDA; on CPU it is another operator with the same arguments
    on_cpu = {
        aten._scaled_dot_product_flash_attention_for_cpu: sdpa_flop,
        aten._scaled_dot_product_flash_attention_for_cpu_backward: sdpa_backward_flop,
    }
    counter = FlopCounterMode(display=False)
    counter.flop_registry.update(on_cpu)
    with counter:
        work()
    return int(counter.get_total_flops())
