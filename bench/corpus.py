"""How fast is a counterfactual corpus? `butfor corpus` with 1 and 2 processes, against one regular expression a word.

    corpus    butfor.pretrain.corpus.stream.make: reading, editing, counting, the sample, journal, writing, renaming
    naive     for each listed word: re.sub(r"\\bword\\b", partner, text), the usual loop over a dictionary, all through
              placeholders so that swapped words are not swapped back; no parts of speech, no articles, no counts

Both edit the same text: WikiText-2's validation text, repeated. Shown are MB of 10^6 bytes a minute by the clock, and
in brackets a minute of processor time, all processes together, which a busy machine stretches less. The naive loop
reads a smaller share of the same text, because of its speed. The best of the repetitions is shown.

    python bench/corpus.py [--megabytes 32] [--repeats 2] [--naive 0.5]
"""

from __future__ import annotations

import argparse
import re
import resource
import tempfile
import time
from pathlib import Path

from butfor.data.builtin import gender_ambiguous
from butfor.data.wikitext2 import wikitext2
from butfor.pretrain.corpus.stream import Corpus, make
from butfor.pretrain.corpus.variables import VARIABLES, editor
from butfor.pretrain.corpus.words import Words
from butfor.pretrain.swap import partners


def text() -> str:
    return "\n\n".join(paragraph for article in wikitext2() for paragraph in article.paragraphs) + "\n\n"


def cpu() -> float:
    """Seconds of processor time of this process and of those that it waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def ours(source: Path, variable: str, jobs: int) -> tuple[float, float]:
    """Megabytes a minute, by the clock and by the processor."""
    out = source.with_name("out.txt")
    began, used = time.perf_counter(), cpu()
    make(Corpus(source=source, out=out, variable=variable, jobs=jobs))
    wall, spent = time.perf_counter() - began, cpu() - used
    out.unlink()
    size = source.stat().st_size / 1e6 * 60
    return size / wall, size / spent


def table(variable: str) -> dict[str, str]:
    """Every listed word and one partner."""
    if variable == "gender":
        return {**partners(), **{word: next(iter(roles.values())) for word, roles in gender_ambiguous().items()}}
    found: dict[str, str] = {}
    for part in variable.split("+"):
        words = editor(part)
        if not isinstance(words, Words):
            found |= table(part)
            continue
        for value, other in words.partner.items():
            for slot, word in words.table[value].items():
                found.setdefault(word, words.table[other].get(slot, word))
    return found


def naive(content: str, variable: str) -> tuple[float, float]:
    """The loop over the dictionary."""
    megabytes = len(content.encode()) / 1e6
    words = table(variable)
    cased = {style(old): style(new) for old, new in words.items() for style in (str, str.capitalize, str.upper)}
    began, used = time.perf_counter(), cpu()
    for n, old in enumerate(cased):
        content = re.sub(rf"\b{re.escape(old)}\b", f"\0{n}\0", content)
    new = list(cased.values())
    re.sub("\0(\\d+)\0", lambda found: new[int(found[1])], content)
    wall, spent = time.perf_counter() - began, cpu() - used
    size = megabytes * 60
    return size / wall, size / spent


def main() -> None:
    parser = argparse.ArgumentParser(description="speed of counterfactual corpora")
    parser.add_argument("--megabytes", type=float, default=32)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--naive", type=float, default=0.5, help="megabytes for the naive loop")
    given = parser.parse_args()
    once = text()
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "in.txt"
        source.write_text(once * max(1, round(given.megabytes * 1e6 / len(once.encode()))), encoding="utf-8")
        part = once[: int(given.naive * 1e6)]
        print(f"WikiText-2, {source.stat().st_size / 1e6:.0f} MB; MB a minute by the clock (by the processor)\n")
        print(f"{'variable':<14} {'1 process':>16} {'2 processes':>16} {'naive loop':>16}")
        for variable in (*VARIABLES, "gender+names"):
            cells = [max(ours(source, variable, jobs) for _ in range(given.repeats)) for jobs in (1, 2)]
            cells.append(max(naive(part, variable) for _ in range(given.repeats)))
            print(f"{variable:<14} " + " ".join(f"{f'{wall:,.0f} ({spent:,.0f})':>16}" for wall, spent in cells))


if __name__ == "__main__":
    main()
