"""More Pythons that take a share of the work: `python -m butfor.scm.worker`, pickles in and out by pipe.

Unlike `multiprocessing`, this never runs the caller's script again, so it works from a script without a main guard,
from a notebook and beside threads. An estimator whose class lives in the script itself cannot travel: `travels` says
so.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

from butfor.core.errors import RunError


def travels(thing: object) -> bool:
    """Can another process rebuild this?"""
    if type(thing).__module__ == "__main__":
        return False
    try:
        pickle.dumps(thing)
    except (pickle.PicklingError, AttributeError, TypeError):
        return False
    return True


def spread(work: Callable[..., Any], calls: Sequence[tuple[Any, ...]]) -> list[Any]:
    """work(*call) of every call, each in a process of its own; none outlives an interruption."""
    paths = os.pathsep.join(path for path in sys.path if path)
    env = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    pipe = subprocess.PIPE
    running = [
        subprocess.Popen([sys.executable, "-m", __name__], stdin=pipe, stdout=pipe, stderr=pipe, env=env) for _ in calls
    ]
    answers: list[tuple[bytes, bytes]] = [(b"", b"")] * len(calls)

    def ask(at: int) -> None:
        answers[at] = running[at].communicate(pickle.dumps((work, calls[at])))

    threads = [threading.Thread(target=ask, args=(at,), daemon=True) for at in range(len(calls))]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    except BaseException:
        for process in running:
            process.kill()
        raise
    for process, (_, said) in zip(running, answers, strict=True):
        if process.returncode:
            last = said.decode(errors="replace").strip().splitlines()
            raise RunError(f"a helper process failed ({last[-1] if last else process.returncode}); try jobs=1")
    return [pickle.loads(answer) for answer, _ in answers]


if __name__ == "__main__":
    asked, given = pickle.load(sys.stdin.buffer)
    sys.stdout.buffer.write(pickle.dumps(asked(*given)))
