"""Logs that a policy is valued from, as JSON lines: what was done, how likely that was, and what came of it.

Short actions, one row a choice among few:
    {"id": "17", "action": "search", "outcome": 1, "logging": {"search": 0.7, "none": 0.3},
     "target": {"search": 0.2, "none": 0.8}, "context": {"length": 12}, "cluster": "user 3"}
`logging` and `target` hold the probability of every action under both policies. A row with a `prompt` may leave one of
them out where a model gives it. `context` holds numbers that the outcome may hang on; `cluster`: what hangs together
(a row without one stands by itself).

Whole texts, one row a text:
    {"id": "17", "prompt": "…", "text": "…", "judge": 0.8, "outcome": 1, "logprob": -31.5, "target_logprob": -40.2}
    {"id": "18", "prompt": "…", "text": "…", "judge": 0.7, "policy": "target"}
`judge` is the cheap score of every text; `outcome` stands where an oracle labelled it. The second row is what the
target itself said. Log-probabilities are those of the text after the prompt; only weights need them. Texts of one
prompt hang together.

Refused, with the line: an id that is missing or stands twice, an action with the logged probability zero, probabilities
that do not add up to 1, a log-probability that is none, a number beyond LARGEST, a text without a judgement, a pair of
preferences. As a whole: log-probabilities in some rows only, a log of one outcome alone, both kinds in one file.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from butfor.core.errors import DataError, MalformedData, MissingData, no_file
from butfor.data.find import objects
from butfor.scm.columns import Codes, Columns, Floats
from butfor.scm.policies import SUM, Answers, Log

CHOICE = {"id", "action", "actions", "outcome", "logging", "target", "context", "cluster", "prompt"}
SAID = {"id", "prompt", "text", "judge", "outcome", "logprob", "target_logprob", "policy"}
LARGEST = 1e50  # beyond which powers of a number overflow
PAIR = {"chosen", "rejected", "preferred"}


@dataclass(frozen=True, slots=True)
class Choice:
    """One choice among few actions."""

    line: int
    id: str
    action: str
    outcome: float
    actions: tuple[str, ...]  # that could have been chosen
    logging: Mapping[str, float] | None
    target: Mapping[str, float] | None
    context: Mapping[str, float]
    cluster: str
    prompt: str


@dataclass(frozen=True, slots=True)
class Said:
    """One text; `outcome` is nan where nobody labelled it."""

    line: int
    id: str
    prompt: str
    text: str
    judge: float
    outcome: float
    logprob: float | None
    target_logprob: float | None
    of_target: bool


def read(path: Path) -> list[Choice] | list[Said]:
    """The rows of a log, all of one kind."""
    if not path.is_file():
        raise MissingData(f"{path} {no_file(path)}; butfor evaluate-policy reads a file of JSON lines")
    choices, said, seen = list[Choice](), list[Said](), dict[str, int]()
    for line, row in objects(path):
        if PAIR & row.keys():
            told = "a preference says which of two texts is liked more, not what either is worth; log an 'outcome' each"
            raise MalformedData(path, line, told)
        if ("action" in row) == ("text" in row):
            raise MalformedData(path, line, "give either 'action' (one of few) or 'text' (a whole text)")
        name = row.get("id")
        if not isinstance(name, str | int) or isinstance(name, bool) or name == "":
            raise MalformedData(path, line, "no 'id': every row needs one of its own")
        if (first := seen.setdefault(str(name), line)) != line:
            raise MalformedData(path, line, f"the id {str(name)!r} stands twice, first in line {first}: drop one row")
        known = CHOICE if "action" in row else SAID
        if unknown := sorted(row.keys() - known):
            raise MalformedData(path, line, f"unknown key {unknown[0]!r}; known: {', '.join(sorted(known))}")
        if "action" in row:
            choices.append(_choice(path, line, row))
        else:
            said.append(_said(path, line, row))
    if choices and said:
        raise DataError(f"{path} holds both actions and texts; value them from two files")
    _two_sided(path, [row.outcome for row in (choices or said) if math.isfinite(row.outcome)])
    _same_context(path, choices)
    return choices or said


def log_of(rows: Sequence[Choice], logging: Floats | None = None, target: Floats | None = None) -> Log:
    """The log; `logging` and `target` [n, K] stand for what rows leave out, actions in the order of `options`."""
    place = {name: number for number, name in enumerate(options(rows))}
    logging, target = _side(rows, "logging", logging), _side(rows, "target", target)
    names = sorted(rows[0].context)
    found = {name: np.array([row.context[name] for row in rows]) for name in names}
    columns = Columns.read(found) if names else Columns({})
    together = [f"cluster {row.cluster}" if row.cluster else f"line {row.line}" for row in rows]
    clusters = np.unique(together, return_inverse=True)[1]
    return Log(
        columns, np.array([place[row.action] for row in rows]), np.array([row.outcome for row in rows]),
        logging, target, clusters.astype(np.int64) if any(row.cluster for row in rows) else None,
    )  # fmt: skip


def _side(rows: Sequence[Choice], side: str, given: Floats | None) -> Floats:
    if given is not None:
        return given
    if missing := [row.line for row in rows if getattr(row, side) is None]:
        raise DataError(
            f"{len(missing)} of {len(rows)} rows have no '{side}' probabilities (first: line {missing[0]}): "
            f"log them, or give prompts and --{side} MODEL"
        )
    names = options(rows)
    return np.array([[getattr(row, side).get(name, 0.0) for name in names] for row in rows])


def options(rows: Sequence[Choice]) -> list[str]:
    """All actions of a log, in a fixed order."""
    return sorted({name for row in rows for name in row.actions})


def answers_of(rows: Sequence[Said], ratio: Floats | None = None, fresh_ratio: Floats | None = None) -> Answers:
    """The judged texts; the ratios are log π − log μ of the logged texts and of the target's, where known."""
    place = {prompt: number for number, prompt in enumerate(dict.fromkeys(row.prompt for row in rows))}
    logged, fresh = ([row for row in rows if row.of_target is side] for side in (False, True))

    def numbers(part: Sequence[Said], name: str) -> Floats:
        return np.array([getattr(row, name) for row in part], dtype=np.float64)

    def prompts(part: Sequence[Said]) -> Codes:
        return np.array([place[row.prompt] for row in part], dtype=np.int64)

    return Answers(
        prompts(logged), numbers(logged, "judge"), numbers(logged, "outcome"), prompts(fresh), numbers(fresh, "judge"),
        ratio, numbers(fresh, "outcome"), fresh_ratio,
    )  # fmt: skip


def _two_sided(path: Path, outcomes: Sequence[float]) -> None:
    if len(outcomes) > 1 and len(set(outcomes)) == 1:
        raise DataError(
            f"{path}: every outcome is {outcomes[0]:g}; a log of one side alone does not tell good from bad: "
            "log all that was done, whatever came of it"
        )


def _same_context(path: Path, rows: Sequence[Choice]) -> None:
    """Refuse contexts that do not name the same numbers in every row."""
    names = Counter(tuple(sorted(row.context)) for row in rows)
    if len(names) > 1:
        usual = names.most_common(1)[0][0]
        odd = next(row for row in rows if tuple(sorted(row.context)) != usual)
        here, elsewhere = (", ".join(part) or "nothing" for part in (sorted(odd.context), usual))
        raise MalformedData(path, odd.line, f"'context' names {here}, and elsewhere {elsewhere}")


def _choice(path: Path, line: int, row: dict[str, Any]) -> Choice:
    action = row["action"]
    if not isinstance(action, str) or not action:
        raise MalformedData(path, line, f"'action' is a name, not {action!r}")
    sides = {side: _chances(path, line, side, row[side]) if side in row else None for side in ("logging", "target")}
    logging = sides["logging"]
    if logging is not None and (likely := logging.get(action, 0.0)) < 1 / LARGEST:
        told = f"what was done ({action!r}) has the logged probability {likely:g}: log what the policy really did"
        raise MalformedData(path, line, told)
    named = row.get("actions", [])
    if not isinstance(named, list) or not all(isinstance(name, str) and name for name in named):
        raise MalformedData(path, line, "'actions' is a list of names")
    context = row.get("context", {})
    if not isinstance(context, dict) or not all(_is_number(value) for value in context.values()):
        raise MalformedData(path, line, f"'context' holds names and numbers, none beyond {LARGEST:g}")
    cluster = row.get("cluster", "")
    if not isinstance(cluster, str | int) or isinstance(cluster, bool):
        told = f"'cluster' is a name or a whole number, not {cluster!r}; leave it out where a row stands by itself"
        raise MalformedData(path, line, told[:200])
    if "outcome" not in row:
        raise MalformedData(path, line, "no 'outcome': what came of the action, as a number")
    return Choice(
        line=line,
        id=str(row["id"]),
        action=action,
        outcome=_number(path, line, row, "outcome"),
        actions=tuple(dict.fromkeys([*named, *(logging or {}), *(sides["target"] or {}), action])),
        logging=logging,
        target=sides["target"],
        context={name: float(value) for name, value in context.items()},
        cluster=str(cluster),
        prompt=_text(path, line, row, "prompt"),
    )


def _said(path: Path, line: int, row: dict[str, Any]) -> Said:
    for key in ("prompt", "text"):
        if not _text(path, line, row, key):
            raise MalformedData(path, line, f"no '{key}'")
    policy = row.get("policy", "logging")
    if policy not in ("logging", "target"):
        raise MalformedData(path, line, f'\'policy\' is "logging" or "target", not {policy!r}')
    if row.get("judge") is None:
        raise MalformedData(path, line, "no 'judge': every text needs a judgement, a label ('outcome') only some")
    outcome = _number(path, line, row, "outcome") if row.get("outcome") is not None else math.nan
    own, target = (_logprob(path, line, row, key) for key in ("logprob", "target_logprob"))
    judge, name = _number(path, line, row, "judge"), str(row["id"])
    return Said(line, name, row["prompt"], row["text"], judge, outcome, own, target, policy == "target")


def _chances(path: Path, line: int, side: str, given: Any) -> dict[str, float]:
    fine = isinstance(given, dict) and given and all(_is_number(value) and value >= 0 for value in given.values())
    if not fine or abs(sum(given.values()) - 1) > SUM:
        told = f"'{side}' needs the probability of every action, adding up to 1, not {given!r}"
        raise MalformedData(path, line, told[:300])
    return {str(name): float(value) for name, value in given.items()}


def _logprob(path: Path, line: int, row: dict[str, Any], key: str) -> float | None:
    if row.get(key) is None:
        return None
    if isinstance(row[key], float) and math.isinf(row[key]) and row[key] < 0:
        raise MalformedData(path, line, f"'{key}' is minus infinity: the text had probability zero and yet was written")
    value = _number(path, line, row, key)
    if value > 0:
        raise MalformedData(path, line, f"'{key}' is {value:g}; the logarithm of a probability is never over 0")
    return value


def _text(path: Path, line: int, row: dict[str, Any], key: str) -> str:
    value = row.get(key, "")
    if not isinstance(value, str):
        raise MalformedData(path, line, f"'{key}' is a text, not {value!r}"[:200])
    return value


def _number(path: Path, line: int, row: dict[str, Any], key: str) -> float:
    value = row[key]
    if isinstance(value, bool):
        return float(value)
    if not _is_number(value):
        raise MalformedData(path, line, f"'{key}' is a finite number, none beyond {LARGEST:g}, not {value!r}"[:200])
    return float(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST
