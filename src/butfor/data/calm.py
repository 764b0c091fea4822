"""CaLM (the small release): yes-or-no questions in five causal tasks, their answers in files of their own.

Format    JSON lines, one folder for questions and one for answers, in which the same path belongs together: `index`,
          `background`, `given_info`, `question`; and `index`, `gt_answer` (yes, no).
Source    Chen et al. 2024; OpenCausaLab/CaLM, Apache-2.0. Tasks and wording are those of CLadder, in new draws.
Facts     3,510 questions: correlation 1,476, explaining away 168, back-door sets 227, collider bias 163, deterministic
          counterfactuals 1,476. For ten more tasks the release has answers without questions; they are not read.
Limits    The worlds behind the questions are not published: gold answers cannot be recomputed from their tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

from butfor.core.errors import MalformedData
from butfor.data.find import find, lines, parsed

NAME = "calm_lite"
QUESTIONS, ANSWERS = "calm_dataset", "calm_dataset_gt_label"
Task = Literal["correlation", "exp_away", "backadj", "collider_bias", "det-counterfactual"]
TASKS: tuple[Task, ...] = get_args(Task)
FILES: dict[Task, str] = {
    "correlation": "association/correlation/CORR-B_correlation_EN.json",
    "exp_away": "association/explaining_away_effect/EAE-B_exp-away_EN.json",
    "backadj": "intervention/backdoor_adjustment_set/BAS-B_backadj_EN.json",
    "collider_bias": "intervention/collider_bias/CB-B_collider-bias_EN.json",
    "det-counterfactual": "counterfactual/counterfactual_reasoning/CR-B_det-counterfactual_EN.json",
}
RUNG: dict[Task, str] = {
    "correlation": "1",
    "exp_away": "1",
    "backadj": "2",
    "collider_bias": "2",
    "det-counterfactual": "3",
}


@dataclass(frozen=True, slots=True)
class CalmRow:
    """One question of a task, with its answer."""

    task: Task
    index: int
    background: str
    facts: str
    question: str
    answer: Literal["yes", "no"]


def calm(task: Task, path: str | Path | None = None) -> list[CalmRow]:
    """The questions of one task, in the order of the file; `path` is the folder that holds both folders."""
    asked, answered = (find(NAME, f"{folder}/{FILES[task]}", path) for folder in (QUESTIONS, ANSWERS))
    told = _indexed(answered, ("gt_answer",))
    rows: list[CalmRow] = []
    for index, (line, row) in _indexed(asked, ("background", "given_info", "question")).items():
        if index not in told:
            raise MalformedData(asked, line, f"the index {index} has no answer in {answered}")
        answer_line, label = told.pop(index)
        if label["gt_answer"] not in ("yes", "no"):
            raise MalformedData(answered, answer_line, f"gt_answer is {label['gt_answer']!r}, not 'yes' or 'no'")
        texts = [row[key].strip() for key in ("background", "given_info", "question")]
        rows.append(CalmRow(task, index, *texts, answer=label["gt_answer"]))
    if told:
        index, (line, _) = next(iter(told.items()))
        raise MalformedData(answered, line, f"the index {index} has no question in {asked}")
    return rows


def _indexed(file: Path, keys: tuple[str, ...]) -> dict[int, tuple[int, dict[str, Any]]]:
    """The rows of a file by their index, each with its line; `keys` are texts that each must have."""
    found: dict[int, tuple[int, dict[str, Any]]] = {}
    for number, text in enumerate(lines(file), 1):
        if not text.strip():
            continue
        row = cast("Any", parsed(file, text, number))
        if not isinstance(row, dict) or type(cast("dict[str, Any]", row).get("index")) is not int:
            raise MalformedData(file, number, "not a JSON object with a whole number as its index")
        row = cast("dict[str, Any]", row)
        if empty := [key for key in keys if not isinstance(row.get(key), str) or not row[key].strip()]:
            raise MalformedData(file, number, f"no text in {' and in '.join(empty)}")
        if row["index"] in found:
            raise MalformedData(file, number, f"the index {row['index']} stands twice")
        found[row["index"]] = number, row
    if not found:
        raise MalformedData(file, 1, "no row in this file")
    return found
