"""The command that makes a table by simulation, the same for every calibration: --quick, --jobs N, --out FILE."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path


def command(module: str, about: str, quick: str, table: Callable[[bool, int], str]) -> None:
    """Print what `table` gives for (quick, jobs), or write it to a file; `quick` says what that option leaves out."""
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=about)
    parser.add_argument("--quick", action="store_true", help=quick)
    parser.add_argument("--out", type=Path, help="write the tables here instead of printing them")
    parser.add_argument("--jobs", type=int, default=1, help="processes to use")
    options = parser.parse_args()
    found = table(options.quick, options.jobs)
    if options.out:
        options.out.write_text(found, encoding="utf-8")
    else:
        print(found)
