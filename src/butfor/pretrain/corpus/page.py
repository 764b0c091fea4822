"""A page of edits to read: one file, no script, nothing from elsewhere; the text as it was and as it became."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from butfor.pretrain.corpus.stream import Corpus, Made

PAIRS = 12  # of each kind, the most frequent
STYLE = """
:root { color-scheme: light dark; --ink: #1d2129; --soft: #5c6470; --line: #d9dce1; --old: #a8321f; --new: #14643c;
  --oldb: #fbe6e2; --newb: #dff3e7; --paper: #fff }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e6ea; --soft: #9aa2ad; --line: #363b44; --old: #ff9c8a;
  --new: #7ddca6; --oldb: #4a221c; --newb: #163c28; --paper: #16181c } }
body { margin: 2.5rem auto; max-width: 50rem; padding: 0 1rem; font: 16px/1.55 system-ui, sans-serif;
  color: var(--ink); background: var(--paper) }
h1 { font-size: 1.5rem; margin: 0 } h2 { font-size: 1.1rem; margin: 2.2rem 0 .4rem }
p.facts, td, figure p, p.pairs { overflow-wrap: anywhere } p.facts, p.pairs { color: var(--soft); margin: .3rem 0 }
table { border-collapse: collapse; margin: 1rem 0 } td, th { padding: .2rem 1.4rem .2rem 0; text-align: left;
  border-bottom: 1px solid var(--line); font-variant-numeric: tabular-nums } td.n, th.n { text-align: right }
figure { margin: 0; padding: .6rem 0; border-top: 1px solid var(--line) } figure p { margin: 0; white-space: pre-line }
del, ins { text-decoration: none; border-radius: 3px; padding: 0 .2em } del { color: var(--old);
  background: var(--oldb) } ins { color: var(--new); background: var(--newb); font-weight: 600 }
"""


def page(corpus: Corpus, made: Made) -> str:
    """The page as HTML."""
    from butfor.pretrain.corpus.piece import chosen

    counts = made.counts
    kinds = [kind for kind, _ in counts.edits.most_common()]
    shares = "".join(
        f"<tr><td>{escape(kind)}</td><td class=n>{counts.edits[kind]:,}</td>"
        f"<td class=n>{counts.edits[kind] / counts.rows:.3g}</td></tr>"
        for kind in kinds
    )
    each = max(1, -(-corpus.sample // max(1, len(kinds))))
    sample = chosen(counts.sample, each)
    body = "".join(
        f"<h2>{escape(kind)}</h2>{_pairs(kind, counts.pairs)}"
        + "".join(_edit(parts) for _, found, parts in sample if found == kind)
        for kind in kinds
    )
    title = f"Edits of {corpus.out.name}"
    unseen = f"<p class=facts>Never seen: {escape(', '.join(made.unseen))}</p>" if made.unseen else ""
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style></head><body><h1>{escape(title)}</h1>"
        f"<p class=facts>{escape(corpus.source.name)}, variable {escape(corpus.variable)}, side {escape(corpus.side)}, "
        f"mode {escape(corpus.mode)}. {counts.changed:,} of {counts.rows:,} texts changed. "
        f"<del>old</del> became <ins>new</ins>; {len(sample)} edits of {sum(counts.edits.values()):,}, "
        "drawn at random by their text.</p>"
        f"<table><tr><th>kind</th><th class=n>edits</th><th class=n>a text</th></tr>{shares}</table>{unseen}"
        f"{body}</body></html>\n"
    )


def _pairs(kind: str, pairs: Counter[tuple[str, str, str]]) -> str:
    most = Counter({(old, new): count for (each, old, new), count in pairs.items() if each == kind}).most_common(PAIRS)
    shown = ", ".join(f"{escape(old)} → {escape(new)} {count:,}" for (old, new), count in most)
    return f"<p class=pairs>{shown}</p>" if shown else ""


def _edit(parts: Sequence[Sequence[str]]) -> str:
    shown = "".join(
        escape(part[0]) if len(part) == 1 else f"<del>{escape(part[0])}</del> <ins>{escape(part[1])}</ins>"
        for part in parts
    )
    return f"<figure><p>{shown}</p></figure>"
