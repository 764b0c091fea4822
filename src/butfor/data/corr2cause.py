"""Corr2Cause: from all correlations and independences among a few variables, does a causal claim follow?

Format    the authors' JSON list: `premise`, `hypothesis`, `relation` (entailment, neutral, contradiction), and an `id`
          "num_nodes=3__mec_id=2__node_i=1__node_j=2__causal_relation=parent__prob=0.33" whose prob is the share of
          the graphs of the class in which the claim is true. The premise lists every pair that correlates, every pair
          that is independent, and every conditional independence; what is not listed as independent is dependent.
Source    Jin et al. 2024; the test set with paraphrased hypotheses. Read in both wordings, plain and paraphrased.
Facts     1,246 rows over 15 premises of 2 to 5 variables; 111 entailed, 518 neutral, 617 contradicted.
Limits    The set is not fetched (the file here is an excerpt of the published one): put it at $BUTFOR_DATA/corr2cause
          or give its path. A sentence in another wording is left to whoever reads the row: `statements`, `claim`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Literal, get_args

from butfor.core.errors import MalformedData, MissingData
from butfor.data.find import find, listed

NAME = "corr2cause"
FILES = ("perturbation_by_paraphrasing_test.json", "perturbation_by_paraphrasing_test.n2-5.json")
Relation = Literal["entailment", "neutral", "contradiction"]
RELATIONS: tuple[Relation, ...] = get_args(Relation)
Template = Literal["parent", "through a mediator", "common effect", "common cause"]
Independence = tuple[frozenset[str], frozenset[str]]  # the pair, and what is given

V = r"([A-Z])"
SYSTEM = re.compile(r"Suppose there is a closed system of (\d+) variables?, ([A-Z](?:, [A-Z])*(?:,? and [A-Z])?)")
HEADING = re.compile(r"All the statistical relations among these \d+ variables are as follows: ")
CORRELATES = re.compile(rf"{V} correlates with {V}")
INDEPENDENT = re.compile(rf"{V} is independent of {V}")
GIVEN = re.compile(rf"{V} and {V} are independent given ([A-Z](?:, [A-Z])*(?:,? and [A-Z])?)")
CLAIMS: tuple[tuple[Template, str], ...] = (
    ("parent", rf"{V} directly (?:affects|causes) {V}"),
    ("through a mediator", rf"{V} influences {V} through some mediator\(s\)"),
    ("through a mediator", rf"{V} causes something else which causes {V}"),
    ("common effect", rf"{V} and {V} together cause some other variable\(s\)"),
    ("common effect", rf"There exists at least one collider \(i\.e\., common effect\) of {V} and {V}"),
    ("common cause", rf"Some variable\(s\) cause\(s\) both {V} and {V}"),
    ("common cause", rf"There exists at least one confounder \(i\.e\., common cause\) of {V} and {V}"),
)


@dataclass(frozen=True, slots=True)
class Corr2CauseRow:
    """One row; `share` is the published share of graphs in which the hypothesis is true, where the id gives it."""

    file: Path
    line: int
    id: str
    premise: str
    hypothesis: str
    relation: Relation
    share: str


@dataclass(frozen=True, slots=True)
class Premise:
    """What a premise says: the variables, and every independence among them."""

    names: tuple[str, ...]
    independent: frozenset[Independence]


@dataclass(frozen=True, slots=True)
class Claim:
    """What a hypothesis says of two variables, in this order."""

    template: Template
    a: str
    b: str


def corr2cause(path: str | Path | None = None) -> list[Corr2CauseRow]:
    """The rows, in the order of the file."""
    file = _file(path)
    return [_row(file, line, number, row) for number, (line, row) in enumerate(listed(file), 1)]


def _file(path: str | Path | None) -> Path:
    for name in FILES:
        try:
            return find(NAME, name, path)
        except MissingData as error:
            if path is not None and not Path(path).expanduser().is_dir():
                raise MissingData(f"{path} does not exist") from error
    raise MissingData(
        f"the data set {NAME!r} is not {'in ' + str(path) if path is not None else 'on this machine'}\n"
        f"give the path of {FILES[0]} (the authors publish it), or set BUTFOR_DATA to a folder that holds {NAME}/"
    )


def _row(file: Path, line: int, number: int, row: dict[str, Any]) -> Corr2CauseRow:
    missing = [key for key in ("premise", "hypothesis", "relation") if not isinstance(row.get(key), str)]
    if missing:
        raise MalformedData(file, line, f"row {number}: no {' and no '.join(missing)}; this is no row of Corr2Cause")
    if row["relation"] not in RELATIONS:
        raise MalformedData(file, line, f"row {number}: the relation {row['relation']!r} is none of {RELATIONS}")
    name = str(row.get("id", number))
    share = re.search(r"__prob=([\d.]+)$", name)
    texts = row["premise"].strip(), row["hypothesis"].strip()
    return Corr2CauseRow(file, line, name, *texts, row["relation"], share[1] if share else "")


def statements(premise: str) -> Premise:
    """The variables and independences of a premise; ValueError says which sentence is in another wording."""
    first, *rest = re.split(r"\.\s+", premise.removesuffix("."))
    system = SYSTEM.fullmatch(first)
    if not system or not rest:
        raise ValueError(f"the premise opens with {first[:60]!r}")
    names = _names(system[2])
    if len(names) != int(system[1]) or len(set(names)) < len(names):
        raise ValueError(f"the premise says {system[1]} variables and names {', '.join(names)}")
    rest[0] = HEADING.sub("", rest[0], count=1)
    told: dict[frozenset[str], bool] = {}
    independent: set[Independence] = set()
    for sentence in rest:
        sentence = sentence.removeprefix("However, ")
        if found := CORRELATES.fullmatch(sentence) or INDEPENDENT.fullmatch(sentence):
            pair, given = frozenset(found.groups()), frozenset[str]()
            if told.setdefault(pair, "independent" in sentence) != ("independent" in sentence):
                raise ValueError(f"the premise contradicts itself at {sentence!r}")
        elif found := GIVEN.fullmatch(sentence):
            pair, given = frozenset((found[1], found[2])), frozenset(_names(found[3]))
        else:
            raise ValueError(f"a sentence of the premise is in another wording: {sentence[:60]!r}")
        if len(pair) != 2 or not pair | given <= set(names) or pair & given:
            raise ValueError(f"the premise names what it should not: {sentence!r}")
        if "independent" in sentence:
            independent.add((pair, given))
    silent = [pair for pair in combinations(names, 2) if frozenset(pair) not in told]
    if silent:
        raise ValueError(f"the premise does not say whether {' and '.join(silent[0])} correlate")
    return Premise(names, frozenset(independent))


def _names(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"[A-Z]", text))


def claim(hypothesis: str) -> Claim:
    """What a hypothesis says; ValueError if it is in another wording."""
    for template, pattern in CLAIMS:
        if (found := re.fullmatch(pattern + r"\.?", hypothesis)) and found[1] != found[2]:
            return Claim(template, found[1], found[2])
    raise ValueError(f"the hypothesis is in another wording: {hypothesis[:60]!r}")
