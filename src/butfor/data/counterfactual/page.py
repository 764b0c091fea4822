"""A page of counterfactuals to read: one file, no script, nothing from elsewhere.

First the scores of every maker with intervals, beside them how far they are from what people did with the same texts;
then why drafts were dropped; then texts drawn by the seed, each with all that was made of it, the edits marked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape

from butfor.core.seeds import generator
from butfor.data.counterfactual.made import Made
from butfor.data.counterfactual.scores import BETTER, Line
from butfor.data.sheet import sheet
from butfor.stats import Effect

STYLE = """\
h3 { font-size: .95rem; margin: 1rem 0 .1rem } .scroll { overflow-x: auto }
caption { color: var(--soft); text-align: left; padding-bottom: .3rem; white-space: normal }
td, th { vertical-align: top; white-space: nowrap } th small { font-weight: 400; color: var(--soft) }
td small { display: block; color: var(--soft) }
pre { white-space: pre-wrap; font-size: .85rem; color: var(--soft); border-left: 3px solid var(--line);
  margin: .3rem 0; padding-left: .8rem }
"""


def page(
    made: Sequence[Made],
    lines: Sequence[Line],
    *,
    title: str,
    notes: Sequence[str] = (),
    people: Sequence[Made] = (),
    sample: int = 40,
    seed: int = 0,
) -> str:
    """The page as HTML; `notes` are said above the table: who judged, how well, and the like."""
    texts = list(dict.fromkeys(one.id for one in made))
    drawn = [texts[at] for at in sorted(generator(seed, "page").permutation(len(texts))[:sample])]
    shown = "".join(_text(name, [one for one in (*people, *made) if one.id == name]) for name in drawn)
    said = "".join(f'<p class="soft">{escape(note)}</p>' for note in notes)
    body = (
        f'<p class="soft">{len(texts):,} texts; <del>old</del> became <ins>new</ins>.</p>{said}'
        f"{_table(lines)}{_reasons(made)}"
        f"<h2>{len(drawn)} texts of {len(texts):,}, drawn at random</h2>{shown}"
    )
    return sheet(title, body, STYLE)


def _table(lines: Sequence[Line]) -> str:
    if not lines:
        return ""
    makers, names = (list(dict.fromkeys(found)) for found in ((x.maker for x in lines), (x.score for x in lines)))
    names.sort(key=lambda name: name != "flip")  # what it is all for stands first
    at = {(line.maker, line.score): line for line in lines}
    head = "".join(f"<th>{escape(maker)}</th>" for maker in makers)
    rows = "".join(
        f"<tr><th>{escape(name)}<small> {BETTER.get(name, '')}</small></th>"
        f"{''.join(_cell(at.get((maker, name))) for maker in makers)}</tr>"
        for name in names
    )
    caption = (
        "Levels with 95% intervals; below them, less the level of people on the same texts. flip, push: of all drafts; "
        "the others: of drafts that are no copies. more, less: what is wished for."
    )
    return (
        f'<h2>Scores</h2><div class="scroll"><table><caption>{caption}</caption>'
        f"<tr><th></th>{head}</tr>{rows}</table></div>"
    )


def _cell(line: Line | None) -> str:
    if line is None:
        return "<td></td>"
    beyond = f"<small>{_said(line.beyond, sign=True)}</small>" if line.beyond else ""
    return f"<td>{_said(line.level)}<small>n={line.level.n}</small>{beyond}</td>"


def _said(effect: Effect, *, sign: bool = False) -> str:
    plus = "+" if sign else ""
    return f"{effect.estimate:{plus}z.2f} [{effect.low:{plus}z.2f}, {effect.high:{plus}z.2f}]"


def _reasons(made: Sequence[Made]) -> str:
    rows = ""
    for maker in dict.fromkeys(one.maker for one in made):
        mine = [one for one in made if one.maker == maker]
        counts = Counter(reason for one in mine for reason in one.reasons).most_common()
        why = ", ".join(f"{escape(reason)} {count}" for reason, count in counts) or "none"
        rows += (
            f"<tr><th>{escape(maker)}</th><td>{sum(one.kept for one in mine)} of {len(mine)}</td><td>{why}</td></tr>"
        )
    return (
        "<h2>What is fit for use</h2><div class='scroll'><table><tr><th>maker</th><th>kept</th>"
        f"<th>reasons against the others</th></tr>{rows}</table></div>"
    )


def _text(name: str, made: Sequence[Made]) -> str:
    first = made[0]
    body = f"<h2>{escape(name)}: {escape(first.before)} to {escape(first.wanted)}</h2>"
    return body + f'<p class="text">{escape(first.pair.base)}</p>' + "".join(map(_edit, made))


def _edit(one: Made) -> str:
    told = ", ".join(f"{escape(name)} {value:.2f}" for name, value in one.scores.items())
    against = f" Dropped: {escape(', '.join(one.reasons))}." if one.reasons else ""
    asked = f"<details><summary>prompt</summary><pre>{escape(one.prompt)}</pre></details>" if one.prompt else ""
    return (
        f'<h3>{escape(one.maker)}</h3><p class="text">{_marked(one)}</p>'
        f'<p class="soft"><small>{told}.{against}</small></p>{asked}'
    )


def _marked(one: Made) -> str:
    """The new text with what it replaced beside it."""
    pair, parts, at = one.pair, list[str](), 0
    for (_, stop), (old, new), (start, _) in zip(
        pair.counterfactual_spans, pair.contents, pair.counterfactual_spans, strict=True
    ):
        parts.append(escape(pair.counterfactual[at:start]))
        parts.append(f"<del>{escape(old)}</del>" if old.strip() else "")
        parts.append(f"<ins>{escape(new)}</ins>" if new.strip() else escape(new))
        at = stop
    return "".join([*parts, escape(pair.counterfactual[at:])])
