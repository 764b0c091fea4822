"""Context-length probing, against one plain call of the model for every target and every length of context."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from butfor.core.errors import UserError
from butfor.evaluate.context import Context, probe, probe_tokens, strip
from butfor.lm import LM
from butfor.lm.tokens import beginning, encode
from butfor.report.strip import drawing, heat

TEXT = "the pump ran all night, so the pump was warm"


def naive(lm: LM, ids: list[int], target: int, k: int) -> float:
    import torch

    before = [*beginning(lm), *ids[target - k : target]]
    with torch.no_grad():
        logits = lm.model(torch.tensor([before])).logits[0, -1].double().log_softmax(-1)
    return float(logits[ids[target]])


@pytest.mark.parametrize(("longest", "places"), [(6, None), (100, [1, 9, 30]), (3, [43])])
def test_every_number_is_that_of_a_plain_call(lm: LM, longest: int, places: list[int] | None) -> None:
    ids = encode(lm, [TEXT])[0]
    found = probe(lm, TEXT, longest=longest, tokens=places)
    for number, target in enumerate(found.targets):
        reach = min(target, longest)
        curve = [naive(lm, ids, target, k) for k in range(reach + 1)]
        assert found.logprobs[number, : reach + 1] == pytest.approx(curve, abs=1e-4)
        assert np.isnan(found.logprobs[number, reach + 1 :]).all()
        for k in range(1, reach + 1):
            assert found.scores[number, target - k] == pytest.approx(curve[k] - curve[k - 1], abs=2e-4)
        outside = [j for j in range(len(ids)) if not target - reach <= j < target]
        assert np.isnan(found.scores[number, outside]).all()
        assert np.nansum(found.scores[number]) == pytest.approx(curve[-1] - curve[0], abs=1e-3)


def test_the_tokenizers_own_opening_stands_before_every_window(opens: LM) -> None:
    ids = encode(opens, [TEXT])[0]
    found = probe(opens, TEXT, longest=4, tokens=[20])
    assert found.logprobs[0] == pytest.approx([naive(opens, ids, 20, k) for k in range(5)], abs=1e-4)


def test_without_a_beginning_the_nearest_token_has_no_score(lm: LM, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("butfor.lm.tokens.beginning", lambda _: [])
    found = probe(lm, TEXT, longest=4, tokens=[20])
    assert np.isnan(found.logprobs[0, 0]) and np.isnan(found.scores[0, 19])
    assert np.isfinite(found.scores[0, 16:19]).all()
    assert found.effective(math.inf) == [1]


def test_all_windows_together_cost_a_fraction_of_the_naive_loop(lm: LM) -> None:
    n, longest = len(encode(lm, [TEXT])[0]), 16
    found = probe(lm, TEXT, longest=longest)
    assert found.forward_tokens <= (n + longest) * (longest + 1)
    assert found.forward_tokens < sum(min(t, k) for t in range(1, n) for k in range(1, longest + 1)) / 5


def test_a_model_that_ignores_its_context_needs_none(uniform: LM) -> None:
    found = probe(uniform, TEXT, longest=8)
    assert found.effective() == [0] * len(found.targets)
    assert np.nanmax(np.abs(found.scores)) == pytest.approx(0.0, abs=1e-5)


def copier(lag: int) -> Any:
    """In place of the scorer: a token is certain where the one `lag` places before it is in sight, else 1 in 8."""

    def token_logprobs(lm: LM, sequences: Any, work: Any) -> list[list[float]]:
        head = len(beginning(lm))
        return [
            [0.0 if at - head >= lag else -math.log(8) for at in range(start, len(ids))] for ids, start in sequences
        ]

    return token_logprobs


@pytest.mark.parametrize("lag", [1, 3, 8])
def test_the_one_token_that_matters_is_found(lm: LM, monkeypatch: pytest.MonkeyPatch, lag: int) -> None:
    monkeypatch.setattr("butfor.lm.logprobs.token_logprobs", copier(lag))
    found = probe(lm, TEXT, longest=10, tokens=[15, 20])
    assert found.effective() == [lag, lag]
    for number, target in enumerate(found.targets):
        assert np.nanargmax(found.scores[number]) == target - lag
        assert found.scores[number, target - lag] == pytest.approx(math.log(8))
        assert np.nansum(np.abs(found.scores[number])) == pytest.approx(math.log(8))


def test_the_suite_reports_where_it_mattered(lm: LM, monkeypatch: pytest.MonkeyPatch) -> None:
    suite = Context(longest=12, targets=4, limit=8)
    items = suite.items(lm)
    assert len(items) == 8 and len({tuple(item.data["tokens"]) for item in items}) == 2
    monkeypatch.setattr("butfor.lm.logprobs.token_logprobs", copier(9))
    for record in suite.measure(lm, items):
        assert record.metrics == pytest.approx({"effective": 9, "gain": math.log(8), "near_8": 0})
        drawn = json.loads(record.show["strip"])
        assert len(drawn["tokens"]) == len(drawn["scores"][0]) + 1 == drawn["targets"][0] + 1
        assert str(drawing(record.show["strip"])).count('class="box"') == 1
        assert "".join(drawn["tokens"]) == record.show["context"] + record.show["target"]


def test_records_are_those_of_a_probe_of_the_whole_window(lm: LM) -> None:
    suite = Context(longest=10, targets=3, limit=3)
    items = suite.items(lm)
    for item, record in zip(items, suite.measure(lm, items), strict=True):
        ids, target = item.data["tokens"], item.data["target"]
        curve = [naive(lm, ids, target, k) for k in range(11)]
        sizes = [abs(curve[k] - curve[k - 1]) for k in range(1, 11)]
        assert record.metrics["gain"] == pytest.approx(curve[10] - curve[0], abs=1e-3)
        assert record.metrics["near_8"] == pytest.approx(sum(sizes[:8]) / sum(sizes), abs=1e-3)
        near = [k for k in range(11) if all(abs(value - curve[10]) <= 0.1 for value in curve[k:])]
        assert record.metrics["effective"] == near[0]


def test_wrong_requests_are_named(lm: LM, tmp_path: Path) -> None:
    for text, settings, words in [
        ("a", {}, "at least 2"),
        ("abc", {"tokens": [3]}, "1 to 2"),
        ("abc", {"tokens": [0]}, "1 to 2"),
        ("abc", {"longest": 0}, "at least 1"),
        ("ab" * 1100, {"longest": 2048, "tokens": [2100]}, "longest = 2046"),
    ]:
        with pytest.raises(UserError, match=words):
            probe(lm, text, **settings)
    (tmp_path / "a.txt").write_text("short")
    with pytest.raises(UserError, match="set longest lower"):
        Context(data=str(tmp_path / "a.txt")).ready()


def test_a_strip_is_drawn_whatever_the_text_says(lm: LM) -> None:
    figure = strip(probe(lm, 'a <b> & "c"\n\x1b[0m pump pump', longest=9), rows=3)
    assert json.loads(json.dumps(figure)) == figure and len(figure["targets"]) == 3
    drawn = str(heat(figure))
    assert drawn.count('class="box"') == 3 and "<b>" not in drawn and "\x1b" not in drawn
    import xml.etree.ElementTree as ElementTree

    root = ElementTree.fromstring(drawn)
    assert root.tag.endswith("svg") and "http" not in drawn.replace("http://www.w3.org/2000/svg", "")


def test_targets_of_one_text_do_not_depend_on_each_other(lm: LM) -> None:
    ids = encode(lm, [TEXT])[0]
    whole = probe_tokens(lm, ids, 8, range(1, len(ids)))
    alone = probe_tokens(lm, ids, 8, [30])
    assert alone.logprobs[0] == pytest.approx(whole.logprobs[29], abs=1e-4)


@pytest.mark.parametrize(
    "text", ["", "no figure", "[1]", '{"tokens": ["a"]}', '{"tokens": 3, "targets": [0], "scores": [[]]}']
)
def test_what_is_no_strip_is_shown_as_text(text: str) -> None:
    assert str(drawing(text)) == text.replace('"', "&#34;")
