"""butfor whatif: two columns that fit, the token at which they part, JSON, the transcript, the mistakes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from butfor.cli.app import app
from butfor.cli.whatif import Change, lines
from butfor.infer.decode.coupled import Pair, Side, WhatIf
from butfor.lm.exchange import Cost
from lm.chat_server import serving

pytest.importorskip("torch", reason="whatif needs torch: pip install 'butfor[lm]'")

ASKED = ["whatif", "debug", "--prompt", "The nurse said that", "--instead", "The judge said that", "--raw"]


def words(*more: str) -> list[str]:
    return [*ASKED, "--room", "8", "--draws", "2", *more]


def side(*tokens: str) -> Side:
    return Side("".join(tokens), tokens, tuple(hash(token) for token in tokens), (0.5,) * len(tokens))


def shown(before: Side, after: Side) -> list[str]:
    swapped = ((0.5, 0.1), (0.2, 0.6)) if before.tokens and after.tokens else ()
    return lines(WhatIf((Pair(before, after, swapped=swapped),), True, Cost(2, 10, 20)))


def test_both_texts_stand_side_by_side_with_the_token_marked() -> None:
    same = [f" word{n}" for n in range(9)]
    found = shown(side(*same, " kind", "."), side(*same, " strict", " and", " late", ""))
    assert found[0] == "draw 1 of 1: they part at token 10"
    row = next(line for line in found if " kind" in line)
    assert row.index(" kind") < row.index("|") < row.index(" strict") and row.endswith("■")
    marks = found[found.index(row) + 1]
    assert [hit.span() for hit in re.finditer(r"\^+", marks)] == [
        (row.index(word), row.index(word) + len(word)) for word in (" kind", " strict")
    ]
    assert "p of the token ' strict'" in "\n".join(found) and "0.2000   0.6000" in "\n".join(found)
    assert found[-2:] == [
        "The same token at the same place: 0.69 of all places.",
        "2 calls, 10 tokens read, 20 written",
    ]


def test_nothing_leaves_its_column_and_nothing_steers_the_terminal() -> None:
    wide = [" 日本語の文章", " e\u0301tude", "\x1b[2J", "\n\n", "\t", "x" * 90, "\u202eabc", "👩‍🔬", *["日"] * 40]
    for after in (side(*wide), side("y", *wide), side(), side(*wide[:2], "")):
        found = shown(side(*wide), after)
        for line in found:
            assert sum(1 + (ord(sign) > 0x2E80) for sign in line if sign not in "\u0301\u200d") <= 81, line
            assert not re.search("[\x00-\x1f\x7f-\x9f\u202a-\u202e]", line)


def test_the_command_its_json_and_its_replay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = CliRunner().invoke(app, words())
    assert said.exit_code == 0 and "draw 2 of 2" in said.stdout and max(map(len, said.stdout.splitlines())) <= 80
    assert (tmp_path / "talks/debug/transcript.jsonl").is_file()
    replayed = CliRunner().invoke(app, ["whatif", "--replay", "talks/debug", *words()[2:]])
    assert replayed.exit_code == 0 and replayed.stdout == said.stdout
    facts = json.loads(CliRunner().invoke(app, ["whatif", "--replay", "talks/debug", *words("--json")[2:]]).stdout)
    assert facts["coupled"] and facts["model"] == "debug" and len(facts["draws"]) == 2
    assert facts["draws"][0]["parts"] == next(
        (n for n, (a, b) in enumerate(zip(*(facts["draws"][0][s]["ids"] for s in ("before", "after")), strict=False))
         if a != b), None,
    )  # fmt: skip
    other = CliRunner().invoke(app, ["whatif", "--replay", "talks/debug", *words("--seed", "4")[2:]])
    assert other.exit_code == 2 and "has no answer" in other.stderr


def test_behind_an_address_it_says_what_it_cannot_know(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with serving() as server:
        given = ["whatif", "tiny", "--endpoint", server.url, "--prompt", "Who?", "--fact", "It rains.", "--draws", "2"]
        told = CliRunner().invoke(app, given)
        assert told.exit_code == 0 and len(server.asked) == 6
        assert "nobody sees its noise" in told.stdout and "By chance alone" in told.stdout
        refused = CliRunner().invoke(app, [*given, "--said", "Tom."])
        assert refused.exit_code == 2 and "in memory" in refused.stderr
    replayed = CliRunner().invoke(app, ["whatif", "--replay", "talks/tiny", *given[4:]])
    assert replayed.exit_code == 0 and replayed.stdout == told.stdout


def test_what_is_changed() -> None:
    def sides(**given: object) -> list[tuple[str, str]]:
        return [(side.system, side.user) for side in Change(prompt="Who?", **given).sides]  # type: ignore[arg-type]

    assert sides(instead="Why?") == [("", "Who?"), ("", "Why?")]
    assert sides(persona=("Be kind.",)) == [("", "Who?"), ("Be kind.", "Who?")]
    assert sides(persona=("Be kind.", "Be strict.")) == [("Be kind.", "Who?"), ("Be strict.", "Who?")]
    assert sides(fact=("It rains.",)) == [("", "Who?"), ("", "It rains.\n\nWho?")]
    assert sides(fact=("It rains.", "It snows."), instead="Why?") == [
        ("", "It rains.\n\nWho?"),
        ("", "It snows.\n\nWhy?"),
    ]
    assert sides(fact=("It rains.",), persona=("A", ""), raw=True) == [("", "A\n\nWho?"), ("", "It rains.\n\nWho?")]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["whatif", "debug", "--prompt", "a"], "nothing is changed"),
        (["whatif", "debug", "--instead", "a"], "a prompt is empty"),
        (["whatif", "debug", "--prompt", "a", "--instead", " "], "a prompt is empty"),
        (["whatif", "debug", "--prompt", "a", *["--fact", "b"] * 3], "--fact 3 times"),
        (["whatif", "debug", "--prompt", "a\udcff", "--instead", "b"], "no UTF-8"),
        (["whatif", "--prompt", "a", "--fact", "b"], "name a model"),
        (["whatif", "debug", "--prompt", "a", "--fact", "b", "--replay", "nowhere"], "holds no transcript"),
        (
            ["whatif", "debug", "--prompt", "a", "--fact", "b", "--said", "c", "--temperature", "0"],
            "no noise to be seen",
        ),
        (["whatif", "debug", "--prompt", "a", "--fact", "b", "--room", "9999"], "more than the"),
    ],
)
def test_a_mistake_costs_a_line(
    given: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, given)
    assert result.exit_code == 2 and message in result.stderr and len(result.stderr.splitlines()) <= 3
