"""Facts with a false end beside the true one: "The mother tongue of X is" French, English.

Sets      "known_1000": facts that GPT-2 XL knows; a JSON list of objects of which this reads prompt, attribute (the
          true end), template. The false end is another fact's of the same template: both ends are as frequent.
          "counterfact_true_false": a table with the columns statement, label (1, 0), relation (with {}), subject,
          target, true_target; the false end is the target of the row with label 0.
Source    Meng et al. 2022 (ROME, CounterFact), the second as Marks & Tegmark 2023 published it. Known facts are a part
          of CounterFact: who trains on the one and measures on the other has to part them by subject (`held`).
Limits    What was true when the sets were made; some sentences are told clumsily.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass

from butfor.core.errors import MalformedData
from butfor.core.seeds import derive
from butfor.data.find import find, lines, listed

KNOWN, COUNTERFACT = "known_1000", "counterfact_true_false"
FILES = {KNOWN: "known_1000.json", COUNTERFACT: "counterfact_true_false.csv"}
COLUMNS = ("label", "relation", "subject", "target", "true_target")
SHARE = 4  # one subject in this many is held out


@dataclass(frozen=True, slots=True)
class Fact:
    """A sentence without its end, its true end, a false one of the same kind, and what it is about."""

    asked: str
    true: str
    false: str
    form: str
    subject: str

    @property
    def held(self) -> bool:
        """Whether its subject is one to measure on, and not to train on."""
        return derive(0, "facts", self.subject) % SHARE == 0


def known() -> list[Fact]:
    """The facts of known_1000 that have a false end, in the order of the file."""
    file = find(KNOWN, FILES[KNOWN], unfetched=_unfetched(KNOWN))
    rows: dict[tuple[str, ...], None] = {}
    for line, row in listed(file):
        told = tuple(row.get(key) for key in ("prompt", "attribute", "template", "subject"))
        if not all(isinstance(value, str) and value.strip() for value in told):
            raise MalformedData(file, line, "prompt, attribute, template or subject is missing or no text")
        rows[tuple(str(value).strip() for value in told)] = None
    ends: dict[str, list[str]] = {}
    for _, end, form, _ in rows:
        ends.setdefault(form, []).append(end)
    found: list[Fact] = []
    for asked, end, form, subject in rows:
        if others := [other for other in ends[form] if other != end]:
            found.append(Fact(asked, end, others[derive(0, "facts", asked) % len(others)], form, subject))
    return found


def counterfact() -> list[Fact]:
    """The facts of CounterFact, each with the false end that stands in the file."""
    file = find(COUNTERFACT, FILES[COUNTERFACT], unfetched=_unfetched(COUNTERFACT))
    table = csv.DictReader(lines(file))
    if lacks := [name for name in COLUMNS if name not in (table.fieldnames or ())]:
        raise MalformedData(file, 1, f"no column {lacks[0]!r}")
    true: dict[tuple[str, str], str] = {}
    false: dict[tuple[str, str], str] = {}
    for row in table:
        if row["label"] not in ("0", "1") or "{}" not in row["relation"]:
            raise MalformedData(file, table.line_num, "label is not 0 or 1, or relation has no {}")
        key = row["relation"], row["subject"]
        (true if row["label"] == "1" else false)[key] = row["target"]
    both = [(form, subject) for form, subject in true if (form, subject) in false]
    return [Fact(form.replace("{}", who), true[form, who], false[form, who], form, who) for form, who in both]


def _unfetched(name: str) -> str:
    return f", and no command brings it; set BUTFOR_DATA to a folder that holds {name}/{FILES[name]}"
