"""The bridge to lm-evaluation-harness: the same numbers on both sides. Most of it needs the package: `-m peer`."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from butfor.core.errors import MissingExtra, UnknownName, UserError
from butfor.data.question import Cloze, Question
from butfor.evaluate.harness import Standard, answers, export, of, pair
from butfor.evaluate.questions import Questions
from butfor.evaluate.suite import Card
from butfor.lm import LM
from butfor.lm.load import load

DOCUMENTS = [
    {"q": "Ice is", "o": ["cold", "hot", "a kind of tree"], "a": 0},
    {"q": "The opposite of up is", "o": ["left", "down", "blue"], "a": 1},
    {"q": "Bread is made of ", "o": ["stone", "air", "flour and water"], "a": 2},
    {"q": "At night it is", "o": ["dark", "noon", "Monday"], "a": 0},
]


class Own(Questions):
    """Three questions in each of the forms that the base class knows."""

    card: ClassVar[Card] = Card("a", "b", "c")

    def questions(self) -> Iterator[Question]:
        for n, (text, answer) in enumerate([("Is ice cold?", 0), ("Is fire cold?", 1), ("Is snow cold?", 0)]):
            yield Question(f"yes/{n}", text, ("yes", "no"), answer)
            yield Question(f"letter/{n}", text, ("it surely is", "it never was"), answer)
            yield Question(f"cloze/{n}", text, ("It is.", "It is not."), answer, cloze=Cloze(text, (" It is.", " No.")))


@pytest.fixture
def folder(tmp_path: Path) -> str:
    """Small tasks of our own in the package's format: choices, one likelihood, generation."""
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in DOCUMENTS))
    common = {
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(tmp_path / "rows.jsonl")}},
        "test_split": "test",
        "doc_to_text": "{{q}}",
        "metadata": {"version": 1},
    }
    metrics = [{"metric": name, "aggregation": "mean", "higher_is_better": True} for name in ("acc", "acc_norm")]
    choices = {"output_type": "multiple_choice", "doc_to_choice": "{{o}}", "doc_to_target": "{{a}}"}
    tasks: dict[str, dict[str, Any]] = {
        "tiny_choices": {**choices, "metric_list": metrics, "num_fewshot": 2, "fewshot_split": "test"},
        "tiny_gain": {**choices, "metric_list": [*metrics[:1], {**metrics[0], "metric": "acc_mutual_info"}]},
        "tiny_target": {
            "output_type": "loglikelihood",
            "doc_to_target": " {{o[a]}}",
            "metric_list": [metrics[0], {"metric": "perplexity", "aggregation": "perplexity"}],
        },
        "tiny_written": {
            "output_type": "generate_until",
            "doc_to_target": "{{o[a]}}",
            "generation_kwargs": {"until": ["e", "\n"], "max_gen_toks": 8, "do_sample": False},
            "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
        },
    }
    for name, task in tasks.items():
        (tmp_path / f"{name}.yaml").write_text(json.dumps({"task": name, **common, **task}))
    return str(tmp_path)


def theirs(lm: LM, folder: str, task: str) -> dict[str, Any]:
    """What lm-evaluation-harness itself finds, with the same model object."""
    lm_eval = pytest.importorskip("lm_eval")
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    logging.disable(logging.WARNING)
    model = HFLM(pretrained=lm.model, tokenizer=lm.tokenizer, batch_size=4)
    manager = TaskManager(include_path=folder, include_defaults=False)
    return lm_eval.simple_evaluate(model, tasks=[task], task_manager=manager, bootstrap_iters=0, log_samples=True)


def means(records: Any) -> dict[str, float]:
    return {name: float(np.mean([r.metrics[name] for r in records])) for name in records[-1].metrics}


@pytest.mark.peer
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("task", ["tiny_choices", "tiny_gain", "tiny_target", "tiny_written"])
@pytest.mark.parametrize("name", ["debug", "smollm2-135m"])
def test_a_task_gives_the_same_numbers_on_both_sides(folder: str, task: str, name: str) -> None:
    lm: Any = load(name, device="cpu", dtype="float32")
    suite = Standard(task=task, folder=folder)
    found = theirs(lm, folder, task)
    items = suite.items(lm)
    ours = means(suite.measure(lm, items))
    kept = {key.partition(",")[0]: value for key, value in found["results"][task].items()}
    for metric in {"acc", "acc_norm", "acc_mutual_info", "exact_match"} & set(kept):
        assert ours[metric] == kept[metric], metric
    samples = {sample["doc_id"]: sample for sample in found["samples"][task]}
    for item in items:
        asked = [(item.data["kind"], arguments) for arguments in item.data["pairs"]]
        response = samples[item.data["document"]]["resps"]
        for mine, (answer,) in zip(answers(lm, asked), response, strict=True):
            if task == "tiny_written":
                assert mine == answer
            else:
                assert mine[0] == pytest.approx(float(answer[0]), abs=1e-4)
                if task == "tiny_target":
                    assert mine[1] == (str(answer[1]) == "True")


@pytest.mark.peer
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["debug", "smollm2-135m"])
def test_exported_questions_score_alike_there(tmp_path: Path, name: str) -> None:
    lm: Any = load(name, device="cpu", dtype="float32")
    suite = Own()
    (task,) = export({"own.cold": suite}, tmp_path, lm)
    found = theirs(lm, str(tmp_path), task)
    records = suite.measure(lm, suite.items(lm))
    assert found["results"][task]["acc,none"] == pytest.approx(means(records)["accuracy"])
    for sample, record in zip(sorted(found["samples"][task], key=lambda s: s["doc_id"]), records, strict=True):
        values = [float(answer[0]) for (answer,) in sample["resps"]]
        right = sample["doc"]["answer"]
        margin = values[right] - max(values[:right] + values[right + 1 :])
        assert record.metrics["margin"] == pytest.approx(margin, abs=1e-4)


@pytest.mark.peer
@pytest.mark.filterwarnings("ignore")
def test_an_unknown_task_is_named_with_the_nearest(folder: str) -> None:
    pytest.importorskip("lm_eval")
    with pytest.raises(UnknownName, match="tiny_choices"):
        Standard(task="tiny_choice", folder=folder).ready()


def test_without_the_package_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "lm_eval", None)
    monkeypatch.setitem(__import__("sys").modules, "lm_eval.tasks", None)
    with pytest.raises(MissingExtra, match=r"butfor\[peers\]"):
        Standard(task="anything").ready()


def test_likelihoods_are_those_of_plain_calls_cut_where_the_package_cuts(lm: LM, loglik) -> None:
    pairs = [("Ice is", " cold"), ("Ice is ", "cold"), ("", "cold")]
    found = answers(lm, [("multiple_choice", list(texts)) for texts in pairs])
    alone = loglik(lm, "Ice is", " cold")[0]
    assert [value for value, _ in found[:2]] == pytest.approx([alone, alone], abs=1e-3)
    assert found[2][0] == pytest.approx(loglik(lm, "", "cold")[0], abs=1e-3)
    long = pair(lm, "a" * 3000, "bc")
    assert len(long[0]) == 2049 and long[1] == 2047


def test_texts_end_at_the_first_stop(lm: LM) -> None:
    (whole,) = answers(lm, [("generate_until", ["Ice is", {"max_gen_toks": 12}])])
    stop = whole[4]
    (cut,) = answers(lm, [("generate_until", ["Ice is", {"max_gen_toks": 12, "until": [stop]}])])
    assert cut == whole.split(stop)[0] and cut != whole
    with pytest.raises(UserError, match="samples"):
        answers(lm, [("generate_until", ["Ice is", {"do_sample": True}])])


def test_every_task_has_a_class_of_its_own() -> None:
    from butfor.core.registry import knobs, resolve

    made = resolve("suite", "standard.hellaswag")
    assert made is of("hellaswag") and made() == made(task="hellaswag") and issubclass(made, Standard)
    assert set(knobs(made)) == {"task", "folder", "shots", "limit"} and not knobs(made)["task"].required


def test_exported_files_hold_every_question_once(tmp_path: Path) -> None:
    assert export({"own.cold": Own(), "own.shots": Own(limit=3)}, tmp_path) == ["butfor_own_cold", "butfor_own_shots"]
    rows = [json.loads(line) for line in (tmp_path / "butfor_own_cold.jsonl").read_text().splitlines()]
    assert [row["id"] for row in rows[:3]] == ["yes/0", "letter/0", "cloze/0"] and len(rows) == 9
    assert rows[0]["choices"] == [" yes", " no"] and rows[0]["prompt"].endswith("Answer with one of: yes, no.\nAnswer:")
    assert rows[2]["prompt"] == "Is ice cold?" and rows[2]["choices"] == [" It is.", " No."]
    assert [row["answer"] for row in rows] == [0, 0, 0, 1, 1, 1, 0, 0, 0]
    task = json.loads((tmp_path / "butfor_own_cold.yaml").read_text())
    assert task["task"] == "butfor_own_cold" and task["output_type"] == "multiple_choice"
    with pytest.raises(UserError, match="writes before it answers"):
        export({"own.cot": Own(adapt="cot")}, tmp_path)
