"""butfor counterfactuals: a file of texts becomes pairs, scores, a page, and a file that a person edits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from butfor.cli.app import app
from butfor.data.counterfactual.made import read

TEXTS = ["A bad film, dull and long.", "The worst plot in years.", "A good cast.", "It is wonderful to see."]


def rows(path: Path, texts: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in texts))
    return path


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    mended = ["A fine film, lively and long.", "The best plot in years.", "A poor cast.", "It is awful to see."]
    labels = ["Negative", "Negative", "Positive", "Positive"]
    given = zip(TEXTS, labels, mended, strict=True)
    return rows(tmp_path / "reviews.jsonl", [{"text": t, "label": label, "counterfactual": c} for t, label, c in given])


@pytest.fixture
def judged(tmp_path: Path) -> Path:
    return rows(
        tmp_path / "judge.jsonl",
        [{"text": f"{n} {'bad' if n % 2 else 'good'}", "label": ("Positive", "Negative")[n % 2]} for n in range(40)],
    )


def run(*words: Any) -> Result:
    return CliRunner().invoke(app, ["counterfactuals", *map(str, words), "--quiet"])


def test_rules_make_a_file_a_page_and_a_review(reviews: Path, judged: Path, tmp_path: Path) -> None:
    out = tmp_path / "made.jsonl"
    done = run(reviews, out)
    assert done.exit_code == 0, done.stdout
    made = read(out)
    assert [one.pair.counterfactual for one in made][1] == "The best plot in years."
    assert "rules: 4 of 4 are fit for use" in done.stdout and str(out.with_suffix(".html")) in done.stdout
    done = run(reviews, out, "--judge", judged)
    assert done.exit_code == 0 and "judge: words, 40 rows, right on held-out ones in 1.000" in done.stdout
    assert "people" in done.stdout and "<ins>" in out.with_suffix(".html").read_text()


def test_scores_by_models_and_a_person_who_mends(reviews: Path, judged: Path, tmp_path: Path) -> None:
    out = tmp_path / "made.jsonl"
    knobs = ["--judge", judged, "--encoder", "debug", "--fluency", "debug"]
    done = run(reviews, out, *knobs, "--json")
    assert done.exit_code == 0, done.stdout
    facts = json.loads(done.stdout)
    assert {line["score"] for line in facts["scores"]} >= {"flip", "push", "edit", "fluency", "topic", "named"}
    review = Path(facts["review"])
    text = review.read_text().replace("The best plot in years.", "The finest plot in years.")
    review.write_text(text.replace("keep: yes", "keep: no, silly", 1))
    assert run(reviews, out, *knobs).exit_code == 2  # a person's work is not overwritten
    done = run(reviews, out, *knobs, "--reviewed", review)
    assert done.exit_code == 0, done.stdout
    made = {one.id: one for one in read(out)}
    assert made["reviews/2"].maker == "rules + person" and "flip" in made["reviews/2"].scores
    assert any("person: silly" in one.reasons for one in made.values())
    assert f"add --reviewed {review}" in " ".join(run(reviews, out, *knobs).stderr.split())  # nor what came of it
    assert run(reviews, out, *knobs, "--reviewed", review).exit_code == 0
    other = rows(tmp_path / "other.jsonl", [{"text": "A dull film.", "label": "Negative"}])
    assert "was made of" in run(other, out, *knobs, "--reviewed", review).stderr
    out.write_text(out.read_text() + "\n")
    assert "is not as this command left it" in " ".join(run(reviews, out, *knobs, "--reviewed", review).stderr.split())


def test_what_cannot_be_costs_one_line(reviews: Path, judged: Path, tmp_path: Path) -> None:
    out = tmp_path / "made.jsonl"
    both = rows(tmp_path / "both.jsonl", [{"text": TEXTS[0], "label": "Negative"}])
    bare = rows(tmp_path / "bare.jsonl", [{"text": "Fine."}])
    pair = {"text": "Good.", "label": "Positive", "counterfactual": "Bad.", "wanted": "Negative"}
    spaced = rows(tmp_path / "spaced.jsonl", [pair])
    alike = rows(tmp_path / "alike.jsonl", [{**pair, "text": f"Bad {n}.", "counterfactual": f"Bad {n}."} for n in "ab"])
    labelled = rows(tmp_path / "labelled.jsonl", [{"text": f"{n}", "label": "Negative"} for n in range(40)])
    spaced.write_text(spaced.read_text() + '\n{"text": "Bad."}\n')
    for words, says in [
        ((reviews, tmp_path / "made.txt"), "call it made.jsonl"),
        ((tmp_path / "none.jsonl", out), "does not exist; give a file of rows"),
        ((tmp_path, out), "is a folder; give a file of rows"),
        ((reviews, out, "--reviewed", tmp_path / "none.txt"), "there is no such file"),
        ((reviews, out, "--words", tmp_path), "is a folder"),
        ((reviews, out, "--reviewed", judged), "this is no review file"),
        ((reviews, out, "--makers", "rulez"), "did you mean 'rules'"),
        ((reviews, out, "--makers", ""), "names nobody; give one or more of rules"),
        ((reviews, out, "--judge", labelled), "rows of two values, 10 or more of each; these are 40 Negative"),
        ((reviews, out, "--makers", "learnt", "--examples", alike), "no edit of 2 pairs can be learnt"),
        ((reviews, out, "--makers", "learnt"), "--examples"),
        ((reviews, out, "--makers", "mice"), "--guide"),
        ((reviews, out, "--variable", "colour"), "no word map for 'colour'"),
        ((reviews, out, "--judge", both, "--encoder", "debug"), "must not have learnt from them"),
        ((reviews, out, "--judge", bare), "says neither 'sentiment' nor 'label'"),
        ((reviews, out, "--makers", "learnt", "--examples", judged), "'counterfactual'"),
        ((reviews, out, "--makers", "learnt", "--examples", spaced), "spaced.jsonl, line 3: a pair has"),
    ]:
        done = run(*words)
        assert done.exit_code == 2 and says in done.stderr, (words, done.stderr)
        assert len(done.stderr.splitlines()) <= 3


def test_a_map_learnt_from_examples(reviews: Path, tmp_path: Path) -> None:
    pairs = [
        {"text": f"the {n} was drab", "label": "Negative", "counterfactual": f"the {n} was vivid", "wanted": "Positive"}
        for n in ("cast", "plot", "song")
    ]
    done = run(
        reviews, tmp_path / "made.jsonl", "--makers", "rules,learnt", "--examples", rows(tmp_path / "p.jsonl", pairs)
    )
    assert done.exit_code == 0, done.stdout
    assert [one.maker for one in read(tmp_path / "made.jsonl")] == ["rules"] * 4 + ["learnt"] * 4


def test_a_judge_reads_labels_in_numbers_by_their_options(tmp_path: Path) -> None:
    options = {"options": [" bad", " good"]}
    source = rows(tmp_path / "in.jsonl", [{"text": f"A bad film {n}.", "label": 0, **options} for n in range(3)])
    told = [{"text": f"{n} {('good', 'bad')[n % 2]}", "label": 1 - n % 2, **options} for n in range(40)]
    done = run(source, tmp_path / "made.jsonl", "--judge", rows(tmp_path / "judge.jsonl", told))
    assert done.exit_code == 0, done.stderr
    assert [one.wanted for one in read(tmp_path / "made.jsonl") if "flip" in one.scores] == ["good"] * 3


def test_a_word_map_that_meets_no_word_says_that_nothing_was_changed(reviews: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.txt"
    own.write_text("negative = positive\nsoggy = crisp\n")
    done = run(reviews, tmp_path / "made.jsonl", "--words", own)
    assert done.exit_code == 0 and "of 4 are fit for use; unchanged: " in done.stdout
