"""Work shared among processes: the same answers, faults told, and nothing left running after an interruption."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from butfor.core.errors import RunError
from butfor.scm.worker import spread, travels


def test_answers_come_in_the_order_of_the_calls() -> None:
    assert spread(divmod, [(7, 2), (9, 4)]) == [(3, 1), (2, 1)]


def test_a_fault_is_told() -> None:
    with pytest.raises(RunError, match="ZeroDivisionError"):
        spread(divmod, [(1, 0)])


def test_what_another_process_cannot_rebuild_stays() -> None:
    assert travels(3)
    assert not travels(lambda: 3)


def test_an_interruption_ends_the_helpers() -> None:
    code = (
        "import signal, time; signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # ignored behind a shell's &
        "from butfor.scm.worker import spread; print('on', flush=True); spread(time.sleep, [(77,), (77,)])"
    )
    running = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert running.stdout is not None
    running.stdout.readline()
    time.sleep(1.0)
    begin = time.monotonic()
    os.kill(running.pid, signal.SIGINT)
    _, said = running.communicate(timeout=30)
    assert b"KeyboardInterrupt" in said
    assert time.monotonic() - begin < 20
