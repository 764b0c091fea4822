"""The Tübingen cause-effect pairs by name: of two quantities, which one causes the other?

Format    tuebingen_pairs.csv: a first column without a name ("pair0001"), var1, var2, ground_truth ("R": var1 causes
          var2, "L": var2 causes var1), truth_ab, truth_ba, context, var1_desc, var2_desc.
          pairmeta.txt (of the pairs' authors): number, first and last column of the cause, of the effect, weight.
Source    pairs and weights: Mooij et al. 2016; names: py-why/pywhy-llm; pairmeta.txt: Kıcıman et al. 2023
          (amit-sharma/chatgpt-causality-pairs)
Gold      `gold` is the direction of pairmeta.txt. In four pairs tuebingen_pairs.csv says the opposite (`published`):
          ozone and temperature (49 to 51) and temperature and snow (87); the temperature is the cause.
Groups    Related pairs have the weight 1/k and there are k of them: pairs of equal k, taken k at a time in their order,
          are one group; every group is full. Pairs of weight 0 (52 to 55 and 71) are groups of their own.
Facts     108 pairs, 78 of them caused by var1. Two (89, 90) have the same name for both quantities.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from butfor.core.errors import MalformedData
from butfor.data.find import find, lines
from butfor.data.table import table

NEEDS = ("", "var1", "var2", "ground_truth", "var1_desc", "var2_desc")
META = re.compile(r"(\d+) (\d+) (\d+) (\d+) (\d+) (\d+(?:\.\d+)?)")


@dataclass(frozen=True, slots=True)
class NamedPair:
    """Two quantities; `gold` is 0 or 1, the place of the cause in `names`."""

    id: str
    names: tuple[str, str]
    told: tuple[str, str]  # what each of them is, in a few sentences
    gold: int
    published: int
    weight: float
    group: str


def tuebingen_names(path: str | Path | None = None, meta: str | Path | None = None) -> list[NamedPair]:
    """The pairs in the order of the file; `meta` is the path of pairmeta.txt."""
    file = find("pairwise_tuebingen_names", "tuebingen_pairs.csv", path)
    known = pairmeta(meta)
    group = _groups((name, weight) for name, (_, weight) in known.items())
    pairs: list[NamedPair] = []
    seen: set[str] = set()
    for line, row in table(file, NEEDS):
        name = row[""]
        if empty := [column or "the pair's own" for column in NEEDS if not row[column]]:
            raise MalformedData(file, line, f"the column {empty[0]} is empty")
        if row["ground_truth"] not in ("R", "L"):
            raise MalformedData(file, line, f"ground_truth is {row['ground_truth']!r}, not 'R' or 'L'")
        if name in seen:
            raise MalformedData(file, line, f"the pair {name!r} stands twice")
        if name not in known:
            raise MalformedData(file, line, f"the pair {name!r} does not stand in pairmeta.txt")
        seen.add(name)
        gold, weight = known[name]
        names, told = (row["var1"], row["var2"]), (row["var1_desc"], row["var2_desc"])
        pairs.append(NamedPair(name, names, told, gold, "RL".index(row["ground_truth"]), weight, group[name]))
    return pairs


def pairmeta(path: str | Path | None = None) -> dict[str, tuple[int, float]]:
    """Of every pair, which of the two is the cause (0 or 1), and its weight."""
    file = find("kiciman", "pairmeta.txt", path)
    known: dict[str, tuple[int, float]] = {}
    for line, text in enumerate(lines(file), 1):
        if not text.strip():
            continue
        found = META.fullmatch(" ".join(text.split()))
        if not found:
            raise MalformedData(file, line, f"{text!r} is not a number, four columns and a weight")
        name, cause, effect, weight = f"pair{found[1]}", int(found[2]), int(found[4]), float(found[6])
        if name in known:
            raise MalformedData(file, line, f"the pair {name!r} stands twice")
        if cause == effect or weight > 1:
            raise MalformedData(file, line, "the cause is the effect" if cause == effect else f"the weight is {weight}")
        known[name] = (int(cause > effect), weight)
    return known


def _groups(weights: Iterable[tuple[str, float]]) -> dict[str, str]:
    """The group of every pair, named after its first pair."""
    open_, found = dict[int, list[str]](), dict[str, str]()
    for name, weight in weights:
        if not weight:
            found[name] = name
            continue
        size = round(1 / weight)
        group = open_.setdefault(size, [])
        group.append(name)
        found[name] = group[0]
        if len(group) == size:
            del open_[size]
    return found
