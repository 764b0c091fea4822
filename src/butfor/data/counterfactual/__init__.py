"""Counterfactuals of given texts: the same text, had one variable been otherwise; made by rules or by a model.

Use       made = generate(Rules(), rows, "sentiment", "other", seed=0, folder=Path("made"))
Rows      {"text", "id" (else its place in the list), and what the variable is: under its own name or under "label"}. A
          label that is a number stands for the word at that place of the row's "options".
Target    the value that every text is to get; a text that has it already is left out. "other": of two values, the one
          that the text does not have.
Resume    With a folder every batch is on disk before the next one begins, and the same call goes on where it ended. A
          draft is known by its maker, its case and the seed, so one folder can hold what several makers wrote.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, astuple
from pathlib import Path
from typing import Any

from butfor.core.errors import UserError
from butfor.core.folder import RunFolder
from butfor.core.journal import Journal, entries
from butfor.core.keys import code_version, digest
from butfor.data.counterfactual.made import Case, Draft, Made, Maker
from butfor.data.swaps import WORD

OTHER = "other"


def generate(
    maker: Maker,
    rows: Sequence[Mapping[str, Any]],
    variable: str,
    target: str,
    *,
    seed: int,
    folder: Path | None = None,
    advance: Callable[[int], None] | None = None,
) -> list[Made]:
    """One counterfactual for each row that is not yet as wanted, in the order of the rows."""
    todo = cases(rows, variable, target)
    if folder is None:
        drafts = _drafts(maker, todo, seed, {}, None, advance)
    else:
        with RunFolder(folder).hold() as journal:
            drafts = _drafts(maker, todo, seed, _known(journal), journal, advance)
    return [Made.of(case, draft, maker.name) for case, draft in zip(todo, drafts, strict=True)]


def cases(rows: Sequence[Mapping[str, Any]], variable: str, target: str) -> list[Case]:
    """What is to be made of the rows."""
    if not rows:
        raise UserError("there is no row to make a counterfactual of")
    values = [value_of(number, row, variable) for number, row in enumerate(rows)]
    known = sorted({*values, *(option for row in rows for option in _options(row))})
    if target == OTHER and len(known) != 2:
        raise UserError(
            f"'other' needs two values of {variable}, these rows have {len(known)} ({', '.join(known[:5])}); "
            "name the target"
        )
    found: dict[str, Case] = {}
    for number, (row, value) in enumerate(zip(rows, values, strict=True)):
        wanted = next(other for other in known if other != value) if target == OTHER else target
        name = str(row.get("id", number))
        if name in found:
            raise UserError(f"two rows have the id {name!r}; give each its own")
        found[name] = Case(name, row["text"], variable, value, wanted)
    todo = [case for case in found.values() if case.before != case.wanted]
    if not todo:
        raise UserError(f"every row has {variable} = {target!r} already: nothing to make")
    return todo


def _known(journal: Journal) -> dict[str, Draft]:
    """The drafts that a folder holds."""
    found = [entry for entry in entries(journal.path) if entry["event"] == "made"]
    return {entry["key"]: Draft(entry["text"], entry["prompt"], entry["refused"]) for entry in found}


def _drafts(
    maker: Maker,
    todo: Sequence[Case],
    seed: int,
    known: dict[str, Draft],
    journal: Journal | None,
    advance: Callable[[int], None] | None,
) -> list[Draft]:
    """A draft for every case: those that are known, the others from the maker, saved batch by batch."""
    identity = maker.identity(), code_version()
    keys = [digest(maker.name, identity, seed, astuple(case)) for case in todo]
    missing = [(key, case) for key, case in zip(keys, todo, strict=True) if key not in known]
    for at in range(0, len(missing), maker.batch):
        if advance:
            advance(len(todo) - len(missing) + at)
        part = missing[at : at + maker.batch]
        for (key, _), draft in zip(part, maker.make([case for _, case in part], seed), strict=True):
            known[key] = draft
            if journal:
                journal.write("made", key=key, **asdict(draft))
    if advance:
        advance(len(todo))
    return [known[key] for key in keys]


def _options(row: Mapping[str, Any]) -> list[str]:
    return [str(option).strip() for option in row.get("options", ())]


def value_of(number: int, row: Mapping[str, Any], variable: str) -> str:
    """What the variable is in a row, in words."""
    name = str(row.get("id", number))
    if not isinstance(row.get("text"), str) or not WORD.search(row["text"]):
        raise UserError(f"row {name} has no text, or none with a word in it")
    value = row.get(variable, row.get("label"))
    if value is None:
        raise UserError(f"row {name} says neither {variable!r} nor 'label': what is the variable in it?")
    if isinstance(value, int) and (options := _options(row)):
        if not 0 <= value < len(options):
            raise UserError(f"row {name} has label {value}, but {len(options)} options")
        return options[value]
    return str(value)
