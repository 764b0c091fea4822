"""Is a generated file right? Every answer again, by enumeration, from the world that stands with the question.

Again     the number, by `brute`: the whole joint distribution, cell by cell. The engine is not asked.
Also      the choice that each mistake leads to; the percentages and the question that the text must show; ids twice;
          how answers are balanced within kind × sense.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from butfor.core.errors import MalformedData
from butfor.data.find import saw
from butfor.data.ladder.kinds import KINDS
from butfor.data.ladder.stream import MARGIN, MATCH
from butfor.data.ladder.world import World


@dataclass(slots=True)
class Checked:
    """What came of a check."""

    questions: int = 0
    worlds: int = 0
    wrong: list[str] = field(default_factory=list)  # one line each, at most 20
    mismatches: int = 0
    answers: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # (query, sense, answer)

    @property
    def lean(self) -> int:
        """The largest difference between yes and no within a kind and a sense."""
        pairs = {(query, sense) for query, sense, _ in self.answers}
        return max((abs(self.answers[*pair, "yes"] - self.answers[*pair, "no"]) for pair in pairs), default=0)


def fault(item: Mapping[str, Any]) -> str:
    """What is wrong with a question; empty where nothing is."""
    spec = item["spec"]
    kind, world, ask, up = KINDS[item["group"]["query"]], World.read(spec["world"]), spec["ask"], spec["up"]
    number = kind.brute(world, ask)
    if not abs(number) >= MARGIN - MATCH:
        return f"its number {number:.6f} is too near the line"
    right = int((number > 0) != up)
    if item["answer"] != right:
        return f"the answer is {item['choices'][right]!r}: its number is {number:.6f}, asked {'up' if up else 'down'}"
    lures = {mistake: int((s > 0) != up) for mistake, s in kind.lures(world, ask).items() if abs(s) > MATCH}
    return "" if item["lures"] == lures else f"its lures are {lures}, not {item['lures']}"


def check(items: Iterable[Mapping[str, Any]]) -> Checked:
    """All questions, one after the other."""
    found, ids, worlds = Checked(), set[str](), set[str]()
    for item in items:
        found.questions += 1
        wrong = "its id stands twice" if item["id"] in ids else fault(item)
        if wrong:
            found.mismatches += 1
            if len(found.wrong) < 20:
                found.wrong.append(f"{item['id']}: {wrong}")
        ids.add(item["id"])
        worlds.add(item["cluster"])
        found.answers[item["group"]["query"], item["group"]["sense"], item["choices"][item["answer"]]] += 1
    found.worlds = len(worlds)
    return found


def read(file: Path) -> Iterator[dict[str, Any]]:
    """The questions of a generated file, line by line."""
    with saw(file).open("rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                item = json.loads(line.decode("utf-8"))
                missing = {"world", "ask", "up"} - set(item["spec"]) or {"id", "answer", "lures", "cluster"} - set(item)
                if missing or item["group"]["query"] not in KINDS:
                    raise KeyError(", ".join(sorted(missing)) or item["group"]["query"])
            except (ValueError, KeyError, TypeError) as error:
                raise MalformedData(file, number, f"this is no question of the ladder ({error!r})") from error
            yield item


def misled(items: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, tuple[int, int]]]:
    """For each kind and each mistake: of how many questions a solver who always makes it is right, and of how many.

    Questions on which a mistake leads nowhere (its number is zero, or the world does not offer it) are left out.
    """
    found: dict[str, dict[str, tuple[int, int]]] = {}
    for item in items:
        row = found.setdefault(item["group"]["query"], {})
        for mistake, place in item["lures"].items():
            right, count = row.get(mistake, (0, 0))
            row[mistake] = right + (place == item["answer"]), count + 1
    return {kind: found[kind] for kind in KINDS if kind in found}
