"""The page of an audit: what it says, that it is whole, and what happens when files are missing."""

from __future__ import annotations

import json
import shutil
from io import StringIO
from pathlib import Path

import pytest
from tests.report.reader import read

from butfor.audit import Audit, audit
from butfor.report import render
from butfor.report.audited import open_audit, verdict
from butfor.report.headlines import headlines


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    asked = Audit(model="debug", suites=("plugs:Graded", "bias.professions"), limit=48)
    return audit(asked, out=tmp_path_factory.mktemp("audit")).path


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / made.name))


def test_the_page_says_what_the_files_say(folder: Path) -> None:
    page = read(folder / "report.html")
    row = next(row for row in page.one("section", id="headlines").all("tr") if "plugs:Graded" in row.text)
    effect = next(e for e in json.loads((folder / "effects.json").read_bytes())["effects"] if e["metric"] == "accuracy")
    assert "chance" in row.text and f"{effect['estimate']:+.2f}" in row.text
    assert "not a third 32" in page.one("section", id="s-plugs:Graded").text
    assert "to be found with chance 0.8" in page.text
    assert "by side" in page.text and "left" in page.text


def test_what_a_model_wrote_is_text(folder: Path) -> None:
    page = (folder / "report.html").read_text()
    assert "&lt;b&gt;0" in page and "<b>0" not in page
    assert "http:" not in page and "https:" not in page


def test_the_same_folder_gives_the_same_bytes(folder: Path) -> None:
    before = (folder / "report.html").read_bytes()
    render(folder)
    assert (folder / "report.html").read_bytes() == before and len(before) < 3_000_000


@pytest.mark.parametrize("name", ["suites", "groups", "levels", "checks"])
def test_a_missing_file_costs_a_sentence(folder: Path, name: str) -> None:
    (folder / f"{name}.json").unlink()
    page = read(render(folder))
    assert f"{name}.json is not there" in page.text


def test_a_folder_without_records_still_has_its_numbers(folder: Path) -> None:
    shutil.rmtree(folder / "model")
    assert "plugs:Graded" in read(render(folder)).text


def test_the_verdict_counts_what_holds_after_correction(folder: Path) -> None:
    audited = open_audit(folder)
    assert verdict(audited).endswith("(after correction for all headlines).")
    line = next(part for part in audited.parts if part.name == "plugs:Graded").headline
    assert line is not None and line.effect is not None
    held = line.effect.low is not None and line.effect.low > 0
    assert (line.found == "better") is held and line.null == "chance"


def test_a_model_that_is_not_understood_is_not_called_worse_than_chance(folder: Path) -> None:
    from dataclasses import replace

    line = next(part for part in open_audit(folder).parts if part.name == "plugs:Graded").headline
    assert line is not None and line.effect is not None
    below = replace(line.effect, estimate=-0.2, low=-0.3, high=-0.1, p=0.001, p_adjusted=0.001)
    assert replace(line, effect=below, doubt="").word == "below chance"
    assert replace(line, effect=below, doubt="unread").word == "many unread"
    above = replace(below, estimate=0.2, low=0.1, high=0.3)
    assert replace(line, effect=above, doubt="unread").word == "above chance"


def test_the_headlines_fit_a_terminal(folder: Path) -> None:
    from rich.console import Console

    out = StringIO()
    Console(width=80, file=out).print(headlines(folder))
    shown = out.getvalue()
    assert max(map(len, shown.splitlines())) <= 80
    assert "plugs:Graded" in shown and "0.33 [" in shown
    assert "reading" in shown and "not above chance" not in shown
    assert "as by chance" in shown and "none found" in shown


def test_a_claim_that_a_check_leaves_without_meaning_is_none(folder: Path) -> None:
    effects = json.loads((folder / "effects.json").read_bytes())
    row = next(e for e in effects["effects"] if (e["suite"], e["metric"]) == ("plugs:Graded", "accuracy"))
    row |= {"estimate": 0.4, "low": 0.4, "high": 0.4, "p": 0.0001, "p_adjusted": 0.0001}
    (folder / "effects.json").write_text(json.dumps(effects))
    claimed = open_audit(folder)
    assert "above chance on 1 of 1 suite" in verdict(claimed)
    checks = json.loads((folder / "checks.json").read_bytes())
    about = "plugs:Graded/accuracy: model against chance"
    checks["checks"].append({"code": "constant", "ok": False, "message": "all alike", "about": about})
    (folder / "checks.json").write_text(json.dumps(checks))
    doubted = open_audit(folder)
    line = next(part for part in doubted.parts if part.name == "plugs:Graded").headline
    assert line is not None and (line.found, line.word) == ("unknown", "all items alike")
    assert "above chance on 0 of 1 suite" in verdict(doubted)


def test_a_reading_of_nothing_says_what_could_have_been_seen(folder: Path) -> None:
    part = next(part for part in open_audit(folder).parts if part.name == "bias.professions")
    assert part.headline is not None and part.headline.found == "none" and part.least.endswith(" nats")
    row = next(r for r in read(folder / "report.html").one("section", id="headlines").all("tr") if part.name in r.text)
    assert f"sees {part.least}" in row.text


def test_the_style_of_a_heat_strip_stays_inside_it() -> None:
    from butfor.report.strip import heat

    style = str(heat({"tokens": ["a", "b"], "targets": [1], "scores": [[0.5, None]]})).partition("</style>")[0]
    rules = style.partition("<style>")[2].replace("@media(prefers-color-scheme:dark){", "").split("}")
    assert all(rule.startswith(".heat") for rule in rules if "{" in rule)
