"""Models and small data sets for the suites, where a test finds public data, and how it hides all of it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from butfor.lm import LM
from butfor.lm.load import load


@pytest.fixture
def public() -> Callable[[str], None]:
    """Skip the test where the authors' files of a set are not on this machine."""

    def need(name: str) -> None:
        root = os.environ.get("BUTFOR_DATA")
        if not root or not (Path(root) / name).is_dir():
            pytest.skip(f"the public data set {name} is not here: BUTFOR_DATA is unset or lacks it")

    return need


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any data: empty caches, no BUTFOR_DATA."""
    monkeypatch.delenv("BUTFOR_DATA", raising=False)
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setenv("BUTFOR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    return tmp_path


@pytest.fixture
def lm() -> LM:
    """A fresh debug model, free to be edited."""
    return cast("LM", load("debug", device="cpu"))


@pytest.fixture
def uniform(lm: LM) -> LM:
    """A model that finds every token equally likely, whatever stands before it."""
    import torch

    with torch.no_grad():
        lm.model.get_input_embeddings().weight.zero_()  # the head is tied to it
    return lm


@pytest.fixture
def opens(lm: LM) -> LM:
    """A model whose tokenizer itself puts a token before every text, as Llama's and Gemma's do."""
    from tokenizers.processors import TemplateProcessing

    bos = str(lm.tokenizer.bos_token)
    backend = cast("Any", lm.tokenizer).backend_tokenizer
    backend.post_processor = TemplateProcessing(
        single=f"{bos} $A", special_tokens=[(bos, cast("int", lm.tokenizer.bos_token_id))]
    )
    return lm


@pytest.fixture
def loglik() -> Callable[[LM, str, str], tuple[float, int]]:
    """log P(continuation | prompt) by one plain call of the model, and its number of tokens: independent of `score`."""

    def compute(lm: LM, prompt: str, continuation: str) -> tuple[float, int]:
        import torch

        before = lm.tokenizer(prompt, add_special_tokens=False)["input_ids"] or [lm.tokenizer.bos_token_id]
        after = lm.tokenizer(continuation, add_special_tokens=False)["input_ids"]  # bytes: nothing merges
        with torch.no_grad():
            logits = lm.model(torch.tensor([before + after])).logits[0].double().log_softmax(-1)
        rows = range(len(before) - 1, len(before) + len(after) - 1)
        return sum(float(logits[row, token]) for row, token in zip(rows, after, strict=True)), len(after)

    return compute


@pytest.fixture
def sets(tmp_path: Path) -> Path:
    """Small public sets in the authors' formats, all rows our own."""
    folder = tmp_path / "sets"
    (folder / "data").mkdir(parents=True)
    (folder / "data/female_occupations.txt").write_text("baker\nnurse\n")
    (folder / "data/male_occupations.txt").write_text("sheriff\nminer\n")
    swap = {"[he]": "[she]", "[her]": "[him]", "[she]": "[he]", "[his]": "[her]"}
    for kind in (1, 2):
        lines = [
            "[The sheriff] thanked the baker because [he] liked the cake.",
            "The sheriff thanked [the baker] and paid [her] well.",
            "[The nurse] waved at the miner because [she] knew the way.",
            "The nurse saw [the miner] and carried [his] lamp.",
        ]
        pro = [f"{n} {line}\n" for n, line in enumerate(lines, 1)]
        anti = [re.sub(r"\[(he|her|she|his)\]", lambda found: swap[found.group()], line) for line in pro]
        (folder / f"data/pro_stereotyped_type{kind}.txt.dev").write_text("".join(pro))
        (folder / f"data/anti_stereotyped_type{kind}.txt.dev").write_text("".join(anti))
    (folder / "crows_pairs_anonymized.csv").write_text(
        ",sent_more,sent_less,stereo_antistereo,bias_type\n"
        "0,Old men drive slowly.,Young men drive slowly.,stereo,age\n"
        "1,The girl could not park.,The boy could not park.,stereo,gender\n"
        "2,I heard that the boy is strong.,I heard that the girl is strong.,antistereo,gender\n"
    )
    row = {
        "target": "baker",
        "bias_type": "profession",
        "stereotype": "The baker was round.",
        "unrelated": "Ice is six.",
    }
    row |= {"anti-stereotype": "The baker was thin."}
    rows = [
        row | {"type": "intrasentence", "context": "The baker was BLANK."},
        row | {"type": "intersentence", "context": "My uncle is a baker.", "target": "Baker"},
    ]
    (folder / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder
