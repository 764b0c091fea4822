"""The page on erasers says what is true: its code runs, and its tables name methods and knobs that there are."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from butfor.core.registry import BUILT_IN, build, resolve
from butfor.pretrain.embeddings import Erasing

PAGE = (Path(__file__).parents[2] / "docs" / "embeddings.md").read_text(encoding="utf-8")


def test_the_code_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr("tempfile.mkdtemp", lambda: str(tmp_path))
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 2
    space: dict[str, Any] = {"__name__": __name__}
    for block in blocks:
        exec(compile(block, "docs/embeddings.md", "exec", dont_inherit=True), space)
    assert capsys.readouterr().out.startswith("leace: the matrix of word vectors")


def test_the_table_names_methods_and_their_knobs():
    rows = re.findall(r"^\| `(\w+)` \| .* \| .* \| (.*) \|$", PAGE.split("## The concept")[0], re.MULTILINE)
    erasers = {name for name in BUILT_IN["method"] if issubclass(resolve("method", name), Erasing)}
    assert {f"pretrain.{name}" for name, _ in rows} == erasers
    for name, knobs in rows:
        assert set(re.findall(r"`(\w+)`", knobs)) == {field.name for field in fields(resolve("method", name))} - {
            "concept",
            "matrix",
            "keep",
            "when",
        }


def test_the_arm_of_the_page_is_valid():
    import tomllib

    arm = tomllib.loads(re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)[0])["treatment"]
    made, problems = build(resolve("method", arm.pop("method")), arm)
    assert made is not None and not problems


def cells(method: Any, name: str) -> list[str]:
    """Changed, rank and probe of one method in one world, over five seeds, as the page writes them."""
    from butfor.core.seeds import generator
    from butfor.lm.load import load

    found: list[tuple[str, int, str, float, float]] = []
    for seed in range(5):
        world = load(name, **({} if name.startswith("glove") else {"device": "cpu"}))
        method.model(world, generator(seed, "method", "model"))
        method.check(world, generator(seed, "method", "check"))
        edit, probe = world.notes
        share, rank = re.search(r"by ([\d.]+) %", edit), re.search(r"rank (\d+) of \d+ removed(?: \(([\d.]+) )?", edit)
        read = re.search(r"accuracy ([\d.]+) before and ([\d.]+) after", probe)
        assert share and rank and read
        shrunk = f" ({rank[2]})" if rank[2] else ""
        found.append((share[1], int(rank[1]), shrunk, float(read[1]), float(read[2])))
    shares, ranks, shrunken, before, after = zip(*found, strict=True)
    low, high = min(shares, key=float), max(shares, key=float)
    return [
        f"{low}–{high} %" if low != high else f"{low} %",
        (f"{min(ranks)}–{max(ranks)}" if min(ranks) != max(ranks) else f"{ranks[0]}") + shrunken[0],
        f"{sum(before) / 5:.3f} → {sum(after) / 5:.3f} [{min(after):.3f}, {max(after):.3f}]",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["glove-50d", "smollm2-135m"])
def test_the_measured_table_comes_out_again(name: str):
    from butfor.lm.load import models

    if not (models() / name).is_dir():
        pytest.skip(f"{name} is not here; run: butfor fetch {name}")
    table = PAGE.split("| | GloVe")[1].split("\n\n")[0]
    rows = re.findall(r"^\| `(\w+)`(?:, `ridge = (\d+)`)? \| (.*) \|$", table, re.MULTILINE)
    assert len(rows) == 5
    for method, ridge, text in rows:
        made = resolve("method", method)(**({"ridge": float(ridge)} if ridge else {}))
        written = text.split(" | ")
        assert cells(made, name) == (written[:3] if name.startswith("glove") else written[3:]), method
