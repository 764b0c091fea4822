"""docs/verify.md: its arithmetic holds, its ten examples follow its rule, its tables are what the command prints."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from butfor.cli.verify import lines
from butfor.data.cladder import FILES, CladderRow, cladder, worlds
from butfor.evaluate.sums import entry
from butfor.evaluate.verification import Verdict
from butfor.evaluate.verify_axioms import verify_axioms
from butfor.evaluate.verify_cladder import NUMBER
from butfor.evaluate.verify_corr2cause import verify_corr2cause

from .cladder_worlds import verified

PAGE = (Path(__file__).parents[2] / "docs/verify.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(
    r"^### \d+\. ([\w-]+): (.+)\n\n`([\w.-]+)` #(\d+), world (\d+) .*\n\n```text\n((?:.*\n)+?)```", PAGE, re.MULTILINE
)
SIX = 1.5e-6  # what the sixth digit of a product, a ratio or a difference may be off


def numbers(text: str) -> list[float]:
    return [float(found) for found in re.findall(r"-?\d+\.\d{6}", text)]


def redone(block: str) -> list[float]:
    """The quantities that stand at the left margin, each redone from the lines below it; the last one is the answer."""
    found: list[float] = []
    told, terms = math.nan, 0.0
    for line in [*block.splitlines(), "end"]:
        if line.startswith("  ") and "×" in line and "=" in line.partition(":")[2]:
            *factors, product = numbers(line)
            assert math.prod(factors) == pytest.approx(product, abs=SIX), line
            terms += product
        elif not line.startswith("  "):
            if terms:
                assert terms == pytest.approx(told, abs=8 * SIX)
            told, terms = math.nan, 0.0
            if line.startswith("difference:"):
                up, down, told = numbers(line)
                assert up - down == pytest.approx(told, abs=SIX), line
            elif " / " in line:
                up, down, told = numbers(line)
                assert up / down == pytest.approx(told, abs=3 * SIX), line
            elif line.startswith("P("):
                told = numbers(line)[-1]
            if not math.isnan(told):
                found.append(told)
    return found


def test_there_are_ten() -> None:
    assert len(EXAMPLES) == 10
    assert len({(file, number) for _, _, file, number, _, _ in EXAMPLES}) == 10


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: f"{example[2]}#{example[3]}")
def test_the_arithmetic_of_the_ten(example: tuple[str, ...]) -> None:
    kind, *_, block = example
    question, verdict, *_ = block.splitlines()
    gold, ours = re.findall(r"(?:gold|ours) (yes|no)", verdict)
    assert gold != ours
    if kind == "backadj":
        assert block.count("is valid: no path enters X in X -> Y; V2 -> Y") == 2
        assert (gold, ours) == ("yes", "no")
        return
    exact = redone(block)[-1]
    assert exact == numbers(verdict)[-1]
    above = exact > (0.5 if kind == "marginal" else 0)
    asks = "less likely" in question or "negatively" in question or "decrease" in question
    asks = not asks if kind == "ett" else asks
    assert ours == ("yes" if above != asks else "no")


def test_the_published_number_of_example_nine() -> None:
    section = PAGE.split("### Where the published number of example 9 comes from")[1].split("\n## ")[0]
    a, b, c, d, share = numbers(section)[:5]
    assert a * b + c * d == pytest.approx(share, abs=SIX)
    block = section.split("```text\n")[1].split("```")[0]
    assert redone(block) == [0.540775]
    assert numbers(EXAMPLES[8][5].splitlines()[1])[0] == 0.540775
    assert round(0.58 * 0.69 + 0.42 * 0.19, 2) == 0.48


def test_the_counts_of_the_page_add_up() -> None:
    rows = re.findall(r"^\| (\d+) \| (.+?) \| (.+?) \|", PAGE, re.MULTILINE)
    assert {text: int(n) for n, text, _ in rows} == {
        "its number is wrong": 14,
        "its number rounds to 0.00": 26,
        "both sets are valid": 34,
    }
    for n, _, kinds in rows[:2]:
        assert sum(map(int, re.findall(r"(\d+) \w", kinds))) == int(n)


@pytest.mark.parametrize("verify", [verified, verify_corr2cause, verify_axioms])
def test_the_tables_are_what_the_command_prints(verify, public) -> None:
    for name in ("cladder", "corr2cause", "causal_axioms"):
        public(name)
    printed = "\n".join(lines(verify(), 0))
    table = printed[printed.index("question type") : printed.index("\n\n- ")]
    assert table in PAGE


def test_the_readings_are_those_of_the_command(public) -> None:
    for name in ("cladder", "corr2cause"):
        public(name)
    told = [int(n) for n in re.findall(r"\| (\d+) \|$", PAGE, re.MULTILINE)]
    assert told == [reading.wrong for reading in (*verified().readings, *verify_corr2cause().readings)]


def test_the_ten_are_chosen_by_the_rule_and_are_the_files(public) -> None:
    public("cladder")
    known = worlds()
    rows = {(row.file.name, row.id): row for part in FILES for row in cladder(part=part, known=known)}
    wrong = verified().wrong

    def world(verdict: Verdict) -> int:
        return rows[verdict.file, int(verdict.id)].world.id

    first: dict[tuple[str, str], Verdict] = {}
    for verdict in wrong:
        first.setdefault((verdict.kind, verdict.why), verdict)
    chosen = list(first.values())
    seen = {world(verdict) for verdict in chosen if verdict.why == NUMBER}
    for verdict in wrong:
        if verdict.why == NUMBER and world(verdict) not in seen and len(chosen) < 10:
            chosen.append(verdict)
            seen.add(world(verdict))
    for verdict, (kind, why, file, number, name, block) in zip(chosen, EXAMPLES, strict=True):
        assert (verdict.kind, verdict.why, verdict.file, verdict.id) == (kind, why, file, number)
        assert world(verdict) == int(name)
        assert "\n".join(verdict.enumeration) in block
        row = rows[file, int(number)]
        assert row.question == block.splitlines()[0]
        factors_are_entries(row, block)


def factors_are_entries(row: CladderRow, block: str) -> None:
    """Each factor of the page is an entry of the file's tables, found anew from the line's own values."""
    tables: list[tuple[str, dict[str, int]]] = []
    held: dict[str, int] = {}
    for line in block.splitlines():
        if done := re.search(r"do\(X=(\d)\)|the mediators X=(\d)", line):
            held = {"X": int(done[1] or done[2])}
        if line.strip().startswith("the sum of"):
            told = re.findall(r"P\((\w+)(?: \| ([^)]*))?\)", line)
            tables = [(name, dict(re.findall(r"(\w+)=(\d)", given))) for name, given in told]  # type: ignore[misc]
        elif ":" in line and "×" in line:
            case = {**held, **{name: int(value) for name, value in re.findall(r"(\w+)=(\d)", line.split(":")[0])}}
            for (name, reads), factor in zip(tables, numbers(line), strict=False):
                read = {**case, **{cause: int(value) for cause, value in reads.items()}}
                assert entry(row.world.tables[name], case[name], read) == pytest.approx(factor, abs=5.1e-7)
