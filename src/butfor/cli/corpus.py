"""corpus: a counterfactual corpus of any size, with a page of edits to read."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from butfor.core.errors import UnknownName
from butfor.core.progress import Progress

if TYPE_CHECKING:
    from butfor.pretrain.corpus.stream import Corpus, Made

MB = 1_000_000
PAIRS = 3  # of each kind, in the table


def corpus_command(source: Path, out: Path, given: dict[str, Any], *, as_json: bool, quiet: bool) -> None:
    """Write OUT and its page of edits, and say what was edited."""
    from butfor.pretrain.corpus.stream import Corpus, make
    from butfor.pretrain.corpus.substitute import Mode

    if given["mode"] not in get_args(Mode):
        raise UnknownName("mode", given["mode"], get_args(Mode))
    corpus = Corpus(source=source, out=out, **given)
    began = time.perf_counter()
    size = source.stat().st_size if source.is_file() else 0
    with Progress(quiet=quiet).task(f"{source.name}, MB", max(1, size // MB)) as advance:
        made = make(corpus, lambda read: advance(min(read, size) // MB))
    seconds = time.perf_counter() - began
    if as_json:
        from butfor.cli.app import show_json

        show_json(_facts(corpus, made, seconds))
        return
    counts = made.counts
    print(f"{counts.changed:,} of {counts.rows:,} texts changed\n")
    print(f"{'kind':<12} {'edits':>10}  most often")
    for kind, number in counts.edits.most_common():
        often = ", ".join(f"{old} -> {new}" for old, new, _ in _most(made, kind, PAIRS))
        print(f"{kind:<12} {number:>10,}  {often if len(often) <= 55 else often[:54] + '…'}")
    if made.unseen:
        print(f"\nnever seen: {', '.join(made.unseen[:8])}{' …' if len(made.unseen) > 8 else ''}")
    print(f"\n{out}\n{corpus.page}  (edits to read)")


def _most(made: Made, kind: str, number: int) -> list[tuple[str, str, int]]:
    of_kind = Counter({(old, new): count for (each, old, new), count in made.counts.pairs.items() if each == kind})
    return [(old, new, count) for (old, new), count in of_kind.most_common(number)]


def _facts(corpus: Corpus, made: Made, seconds: float) -> dict[str, Any]:
    counts = made.counts
    return {
        "out": str(corpus.out),
        "page": str(corpus.page),
        "variable": corpus.variable,
        "side": corpus.side,
        "mode": corpus.mode,
        "seed": corpus.seed,
        "bytes": made.bytes,
        "texts": counts.rows,
        "changed": counts.changed,
        "edits": dict(counts.edits.most_common()),
        "pairs": {kind: _most(made, kind, 20) for kind, _ in counts.edits.most_common()},
        "never_seen": made.unseen,
        "seconds": round(seconds, 3),
    }
