"""The terminal table: 80 columns, effect before p, nothing that a name can do to the terminal."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from butfor.core.errors import UserError
from butfor.report.text import broken, plain, table

from .runs import make

EFFECT = {"suite": "bias.professions", "metric": "stereotype", "treatment": "b", "control": "a", "estimate": -0.312,
          "low": -0.401, "high": -0.222, "level": 0.95, "p": 0.0004, "p_adjusted": 0.002, "n": 396, "seeds": 3,
          "method": "t"}  # fmt: skip


def test_effect_with_interval_comes_before_p() -> None:
    lines = plain([EFFECT]).splitlines()
    head, row = lines[0], next(line for line in lines if "stereotype" in line)
    assert head.split() == ["treatment", "−", "control", "effect", "[95%", "interval]", "reading", "p"]
    assert "−0.312 [−0.401, −0.222] (n=396)" in row and row.endswith("0.002")
    assert "b − a" in lines[2]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_wider_than_the_terminal(tmp_path: Path, width: int) -> None:
    run = make(tmp_path, treatments=["leace", "inlp", "hard_debias", "swap"])
    effects = [EFFECT | {"metric": "long_" * 30, "unit": "nats per thousand tokens of the corpus"}]
    for source in (run, effects, {"effects": effects}):
        assert max(len(line) for line in plain(source, width).splitlines()) <= width
    assert "< 0.001" in plain(run, 80)


def test_names_break_where_their_parts_end() -> None:
    names = {"suite": "shortcut.flipped", "metric": "flipped_accuracy", "unit": "share", "n": 12396}
    wide = {"treatment": "finetune.explain.cdep", "control": "standard", "low": -0.40123, "high": -0.22123}
    shown = plain([EFFECT | names | wide | {"better": "lower", "p_adjusted": 0.2}])
    words = {"finetune.explain.cdep", "standard", "shortcut.flipped", "flipped_accuracy,", "share"}
    assert words <= set(shown.split())
    assert max(map(len, shown.splitlines())) <= 80
    assert broken("finetune.explain.cdep − standard", 17) == ["finetune.explain.", "cdep − standard"]
    assert broken("flipped_accuracy, share", 10) == ["flipped_", "accuracy,", "share"]
    assert broken("accuracy, share", 5) == ["accur", "acy,", "share"]
    assert broken("share of", 5) == ["share", "of"] and broken("", 5) == [""]


def test_rounding_noise_is_no_effect() -> None:
    noise = {"estimate": -9.88e-19, "low": -3.21e-18, "high": 6.72e-19}
    assert " 0 [0, 0] (n=396)" in plain([EFFECT | noise])
    beside = plain([EFFECT | noise | {"low": -4e-18, "high": -1e-19, "better": "lower"}])
    assert "0 [0, 0]" in beside and "none found" in beside
    assert "0 [0, 0]" not in plain([EFFECT | {"estimate": -1e-9, "low": -2e-9, "high": 1e-9}])


def test_names_are_no_markup_and_send_no_escapes() -> None:
    shown = plain([EFFECT | {"metric": "[red]x[/red]\x1b[2J\u202e", "treatment": "[/]\n\nz"}])
    assert "[red]x[/red]" in shown.replace("\n", "").replace(" ", "") and "\x1b" not in shown and "\u202e" not in shown


def test_missing_numbers_and_no_effects() -> None:
    shown = plain([EFFECT | {"low": None, "high": None, "p": None, "p_adjusted": None, "n": 1}, {}])
    assert "(no interval) (n=1)" in shown and "not measured" in shown
    assert "no effects yet" in plain([])


def test_correction_is_starred() -> None:
    shown = plain([EFFECT | {"better": "lower", "p_adjusted": 0.2}])
    assert "better*" in shown and "* not after the correction" in shown
    assert "*" not in plain([EFFECT | {"better": "lower"}])


def test_rich_renders_it(tmp_path: Path) -> None:
    made = table(make(tmp_path))
    assert isinstance(made, Table)
    console = Console(width=80, record=True, force_terminal=True, file=Path("/dev/null").open("w"))  # noqa: SIM115
    with console.file:
        console.print(made)
    assert "leace − standard" in console.export_text()


def test_a_folder_without_effects(tmp_path: Path) -> None:
    run = make(tmp_path)
    (run / "effects.json").unlink()
    assert "no effects yet" in plain(run)
    with pytest.raises(UserError, match="no such run folder"):
        plain(tmp_path / "none")
