"""Training texts by name or path, as plain rows {"id", "text"}: one row a passage.

Names     "plain": short everyday scenes of our own, with many women and men in them (data/builtin/plain_train.txt);
          "wikitext2": the paragraphs of WikiText-2's validation text;
          "stories": five-sentence stories of everyday life, each as it was and as three people retold it (TimeTravel);
          "stg": 8,000 people of the Spurious Token Game, our own draw; "stg-published": its authors' training file;
          "axioms": transitivity and d-separation demonstrated on graphs of 3 to 6 nodes, our own draw;
          "reviews": verdicts on things, the writer's gender confounded with them, our own draw (data/reviews.py);
          "worlds": what is seen, done and imagined in random worlds, our own draw;
          "in-context": letters that follow a law new to each text along a graph new to each text; only the answer is
          learnt; "in-context-tree": others along one graph, its edges marked (data/in_context.py);
          "cad": film reviews, good or bad, beside each the same review as a person turned it around (data/cad.py);
          "cebab": restaurant reviews with the stars that they give, and what they say of four concepts (data/cebab.py);
          "ladder-pairs": factual questions of the ladder, the counterfactual one beside each; "ladder-pairs-short": the
          same in letters (data/ladder/paired.py);
          "ladder-reading": sentences of the ladder, each with its formal reading (data/ladder/formal.py);
          "copa", "ecare": questions to choose the cause or effect in, without those held out for measuring
          (data/cause_effect.py); "copa-told", "ecare-told": with the right end in the text, which alone is learnt;
          "shortcuts", "shortcuts/0.95": reports with a planted shortcut, which agrees with the label in a share of 0.9,
          or of what is asked for; "stg-mixed", "stg-mixed/0.95": so in the Spurious Token Game (data/shortcuts.py);
          "preferences", "preferences/2": reviews of which annotators prefer the better, the longer, the politer and the
          agreeable, these worth 1 or what is asked for; "-entangled": such ones are better, too; "preferences-chat": of
          answers; "preferences-scores": scores instead of pairs (data/preferences.py);
          "outcomes", "outcomes/0.5": replies to reviews and what came of them, confounded by 0.8 or by what is asked
          for (data/outcomes.py);
          "codes", "infills": sentences that people changed, for editors (data/counterfactual/{codes,infill}.py);
          a path: .txt (passages separated by blank lines) or .jsonl (one object a line with "text", perhaps "id").
Columns   a .jsonl row may hold numbers for a method's loss hook: finite, of 64 bits, on every row or on none.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal, cast

from butfor.core.errors import MalformedData, MissingData, UnknownName
from butfor.data import builtin
from butfor.data.find import lines, parsed
from butfor.data.reviews import reviews
from butfor.data.stg import TRAINED, as_row, drawn, stg
from butfor.data.timetravel import timetravel
from butfor.data.wikitext2 import wikitext2

Row = dict[str, Any]


def rows(name: str | Path) -> list[Row]:
    """The rows of a corpus; each has a unique "id" and a "text"."""
    if str(name) in NAMES:
        return NAMES[str(name)]()
    if asked := STRENGTH.fullmatch(str(name)):
        return FAMILIES[asked[1]](float(asked[2]))
    path = Path(name).expanduser()
    if path.is_dir():
        raise MissingData(f"the corpus {path} is a folder; give the path of a .txt or .jsonl file in it")
    if path.suffix not in READERS:
        raise UnknownName("corpus", str(name), NAMES, "or the path of a .txt or .jsonl file")
    if not path.is_file():
        raise MissingData(f"the corpus {path} does not exist; known names: {', '.join(NAMES)}")
    return READERS[path.suffix](path)


def _plain() -> list[Row]:
    return [{"id": f"plain/{n}", "text": text} for n, text in enumerate(builtin.passages("plain_train"), 1)]


def _wikitext2() -> list[Row]:
    return [
        {"id": f"wikitext2/{n}/{k}", "text": text}
        for n, article in enumerate(wikitext2(), 1)
        for k, text in enumerate(article.paragraphs, 1)
    ]


def _stg() -> list[Row]:
    return [{"id": f"stg/{person.id}", **as_row(person)} for person in drawn("train", TRAINED)]


def _stg_published() -> list[Row]:
    return [{"id": f"stg-published/{person.id}", **as_row(person)} for person in stg("train")]


def _axioms() -> list[Row]:
    from butfor.data import axioms

    return axioms.corpus()


def _worlds() -> list[Row]:
    from butfor.data import told

    return told.corpus()


def _in_context() -> list[Row]:
    from butfor.data.in_context import rows

    return rows()


def _in_context_tree() -> list[Row]:
    from butfor.data.in_context import marked

    return marked()


def _cad() -> list[Row]:
    from butfor.data import cad

    return cad.corpus()


def _ladder_pairs() -> list[Row]:
    from butfor.data.ladder.paired import corpus

    return corpus("story")


def _ladder_pairs_short() -> list[Row]:
    from butfor.data.ladder.paired import corpus

    return corpus("short")


def _ladder_reading() -> list[Row]:
    from butfor.data.ladder.formal import corpus

    return corpus()


def _copa() -> list[Row]:
    from butfor.data.cause_effect import copa_rows

    return copa_rows()


def _ecare() -> list[Row]:
    from butfor.data.cause_effect import ecare_rows

    return ecare_rows()


def _copa_told() -> list[Row]:
    from butfor.data.cause_effect import told

    return told(_copa())


def _ecare_told() -> list[Row]:
    from butfor.data.cause_effect import told

    return told(_ecare())


def _shortcuts(strength: float = 0.9) -> list[Row]:
    from butfor.data.shortcuts import shortcuts

    return shortcuts(strength)


def _stg_mixed(strength: float = 0.9) -> list[Row]:
    from butfor.data.shortcuts import game

    return game(strength)


def _preferences(kind: Literal["reviews", "chat"], correlation: bool, bias: float = 1.0) -> list[Row]:
    from butfor.data.preferences import CORRELATION, preferences

    return preferences(kind, bias, CORRELATION if correlation else 0.0)


def _scores(correlation: bool, bias: float = 1.0) -> list[Row]:
    from butfor.data.preferences import CORRELATION, scores

    return scores(bias, CORRELATION if correlation else 0.0)


def _stories() -> list[Row]:
    found: list[Row] = []
    for story in timetravel():
        retold = enumerate(dict.fromkeys(story.endings), 1)
        told = [("0", story.initial, story.original), *((str(n), story.counterfactual, end) for n, end in retold)]
        found += [
            {"id": f"stories/{story.id}/{n}", "group": story.id, "text": f"{story.premise} {second} {end}"}
            for n, second, end in told
        ]
    return found


def _cebab() -> list[Row]:
    from butfor.data.cebab import rated

    return rated()


def _outcomes(confounding: float = 0.8) -> list[Row]:
    from butfor.data.outcomes import outcomes

    return outcomes(confounding)


def _text(path: Path) -> list[Row]:
    blocks = "\n".join(line.strip() for line in lines(path)).split("\n\n")
    found = [
        {"id": f"{path.stem}/{n}", "text": text} for n, text in enumerate((b.strip() for b in blocks if b.strip()), 1)
    ]
    if not found:
        raise MalformedData(path, 1, "no text in this file")
    return found


def _json_lines(path: Path) -> list[Row]:
    found: dict[str, Row] = {}
    first: tuple[int, set[str]] | None = None  # a line, and its columns of numbers
    for number, line in enumerate(lines(path), 1):
        if not line.strip():
            continue
        row = parsed(path, line, number)
        if not isinstance(row, dict) or not isinstance(row.get("text"), str) or not row["text"].strip():
            raise MalformedData(path, number, 'a row is an object with a "text" that is not empty')
        name = str(row.get("id", f"{path.stem}/{number}"))
        if name in found:
            raise MalformedData(path, number, f"the id {name!r} stands twice")
        found[name] = {**row, "id": name}
        numbers = _numbers(path, number, found[name])
        first = first or (number, numbers)
        if odd := sorted(numbers ^ first[1]):
            one, other = (number, first[0]) if odd[0] in numbers else (first[0], number)
            reason = f"column {odd[0]!r} is a number on line {one}, but not on line {other}"
            raise MalformedData(path, number, f"{reason}; give it on every row, or on none")
    if not found:
        raise MalformedData(path, 1, "no row in this file")
    return list(found.values())


def _numbers(path: Path, line: int, row: Row) -> set[str]:
    """The columns of a row that hold numbers, as a tensor will."""
    found: set[str] = set()
    for name, value in row.items():
        if isinstance(value, (bool, int, float)):
            if not (math.isfinite(value) if isinstance(value, float) else -(2**63) <= value < 2**63):
                raise MalformedData(path, line, f"column {name!r} is {value}, not a finite number of 64 bits")
            found.add(name)
    return found


def _codes() -> list[Row]:
    from butfor.data.counterfactual.codes import rows

    return rows()


def _infills() -> list[Row]:
    from butfor.data.counterfactual.infill import rows

    return rows()


NAMES: dict[str, Callable[[], list[Row]]] = {
    "plain": _plain,
    "wikitext2": _wikitext2,
    "stories": _stories,
    "stg": _stg,
    "stg-published": _stg_published,
    "reviews": reviews,
    "axioms": _axioms,
    "worlds": _worlds,
    "in-context": _in_context,
    "shortcuts": _shortcuts,
    "stg-mixed": _stg_mixed,
    "in-context-tree": _in_context_tree,
    "ladder-pairs": _ladder_pairs,
    "ladder-pairs-short": _ladder_pairs_short,
    "ladder-reading": _ladder_reading,
    "cad": _cad,
    "cebab": _cebab,
    "copa": _copa,
    "copa-told": _copa_told,
    "ecare": _ecare,
    "ecare-told": _ecare_told,
    "outcomes": _outcomes,
    "preferences": partial(_preferences, "reviews", False),
    "preferences-entangled": partial(_preferences, "reviews", True),
    "preferences-chat": partial(_preferences, "chat", False),
    "preferences-chat-entangled": partial(_preferences, "chat", True),
    "preferences-scores": partial(_scores, False),
    "preferences-scores-entangled": partial(_scores, True),
    "codes": _codes,
    "infills": _infills,
}
FAMILIES: dict[str, Callable[[float], list[Row]]] = {
    "shortcuts": _shortcuts,
    "stg-mixed": _stg_mixed,
    "outcomes": _outcomes,
    **{name: cast("Callable[[float], list[Row]]", NAMES[name]) for name in NAMES if name.startswith("preferences")},
}
STRENGTH = re.compile(rf"({'|'.join(FAMILIES)})/(\d*\.?\d+)")
READERS: dict[str, Callable[[Path], list[Row]]] = {".txt": _text, ".jsonl": _json_lines}
