"""A page of edits to read: one file, no script, nothing from elsewhere; the text as it was and as it became."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from butfor.data.sheet import sheet

if TYPE_CHECKING:
    from butfor.pretrain.corpus.stream import Corpus, Made

PAIRS = 12  # of each kind, the most frequent
STYLE = """\
body { max-width: 50rem } td.n, th.n { text-align: right }
figure { margin: 0; padding: .6rem 0; border-top: 1px solid var(--line) } figure p { margin: 0 }
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
    unseen = f"<p class=soft>Never seen: {escape(', '.join(made.unseen))}</p>" if made.unseen else ""
    told = (
        f"<p class=soft>{escape(corpus.source.name)}, variable {escape(corpus.variable)}, side {escape(corpus.side)}, "
        f"mode {escape(corpus.mode)}. {counts.changed:,} of {counts.rows:,} texts changed. "
        f"<del>old</del> became <ins>new</ins>; {len(sample)} edits of {sum(counts.edits.values()):,}, "
        "drawn at random by their text.</p>"
        f"<table><tr><th>kind</th><th class=n>edits</th><th class=n>a text</th></tr>{shares}</table>"
    )
    return sheet(title, f"{told}{unseen}{body}", STYLE)


def _pairs(kind: str, pairs: Counter[tuple[str, str, str]]) -> str:
    most = Counter({(old, new): count for (each, old, new), count in pairs.items() if each == kind}).most_common(PAIRS)
    shown = ", ".join(f"{escape(old)} → {escape(new)} {count:,}" for (old, new), count in most)
    return f"<p class=soft>{shown}</p>" if shown else ""


def _edit(parts: Sequence[Sequence[str]]) -> str:
    shown = "".join(
        escape(part[0]) if len(part) == 1 else f"<del>{escape(part[0])}</del> <ins>{escape(part[1])}</ins>"
        for part in parts
    )
    return f"<figure><p class=text>{shown}</p></figure>"
