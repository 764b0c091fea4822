"""One name, one world; a wrong name costs a few lines and says what to write instead."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from butfor.core.errors import MissingData, UnknownName, UserError
from butfor.lm import LM
from butfor.lm.head import FILE, hang
from butfor.lm.load import check, classes, encodes, load, stamp, width
from butfor.lm.save import save
from lm.conftest import family_model, loaded


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUTFOR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))


def test_debug_is_the_same_bytes_every_time() -> None:
    import torch

    before = torch.random.get_rng_state()
    first, second = loaded("debug"), loaded("debug")
    assert torch.equal(torch.random.get_rng_state(), before)  # the global state was not touched
    assert first.fingerprint() == second.fingerprint()
    assert first.tokenizer_fingerprint() == second.tokenizer_fingerprint()
    assert (first.dim, first.context, first.is_encoder) == (32, 2048, False)
    assert first.model.lm_head.weight is first.model.model.embed_tokens.weight


@pytest.mark.parametrize("text", ["plain", "né 😀\n\t", "  two  blanks "])
def test_debug_tokenizer_reads_bytes_and_gives_them_back(text: str) -> None:
    tokenizer = loaded("debug").tokenizer
    ids = tokenizer(text)["input_ids"]
    assert len(ids) == len(text.encode())
    assert tokenizer.decode(ids) == text


def test_debug_has_a_chat_template() -> None:
    said = [{"role": "user", "content": "hi"}]
    text = loaded("debug").tokenizer.apply_chat_template(said, tokenize=False, add_generation_prompt=True)
    assert text == "user: hi\nassistant: "


def test_a_saved_model_is_the_same_model(tmp_path: Path) -> None:
    lm = loaded("debug")
    lm.model.save_pretrained(tmp_path)
    lm.tokenizer.save_pretrained(tmp_path)
    again = loaded(str(tmp_path))
    assert again.fingerprint() == lm.fingerprint()
    assert again.tokenizer_fingerprint() == lm.tokenizer_fingerprint()


def test_dtype_passes_through(tmp_path: Path) -> None:
    import torch

    lm = load("debug", dtype="bfloat16", device="cpu")
    assert isinstance(lm, LM)
    assert lm.model.dtype == torch.bfloat16
    assert lm.fingerprint() != loaded("debug").fingerprint()
    lm.model.save_pretrained(tmp_path)
    lm.tokenizer.save_pretrained(tmp_path)
    assert load(str(tmp_path), dtype=torch.float64, device="cpu").model.dtype == torch.float64  # type: ignore[union-attr]


def test_an_encoder_loads_bare(tmp_path: Path) -> None:
    family_model("bert").save_pretrained(tmp_path)
    loaded("debug").tokenizer.save_pretrained(tmp_path)
    lm = loaded(str(tmp_path))
    assert lm.is_encoder and encodes(str(tmp_path))
    assert type(lm.model).__name__ == "BertModel"


def test_what_a_folder_tells_of_a_model_needs_no_loading(tmp_path: Path) -> None:
    lm = loaded("debug")
    plain, headed = tmp_path / "plain", tmp_path / "headed"
    save(lm, plain)
    assert not encodes("debug") and not encodes("scratch:1x32") and not encodes(str(plain))
    assert [width(name) for name in (str(plain), "scratch:1x64", "debug", "nowhere")] == [32, 64, 32, None]
    assert classes("debug") is None and classes(str(plain)) is None
    hang(lm, 5, 24, 0)
    save(lm, headed)
    assert classes(str(headed)) == 5
    (headed / FILE).write_bytes(b"torn")
    with pytest.raises(UserError, match="holds no head"):
        classes(str(headed))
    (headed / "config.json").write_text(json.dumps({"model_type": "t5", "is_encoder_decoder": True}))
    assert not encodes(str(headed))


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("smolm2-135m", UnknownName, "did you mean 'smollm2-135m'"),
        ("gpt2", UnknownName, "owner/name"),
        ("a b/c", UnknownName, "a folder"),
        ("./nowhere", UserError, "there is no folder './nowhere'"),
        ("/nowhere/at/all", UserError, "there is no folder"),
        ("smollm2-135m", MissingData, "run: butfor fetch smollm2-135m"),
        ("glove-50d", MissingData, "run: butfor fetch glove-50d"),
        ("owner/model", MissingData, "HF_HUB_OFFLINE"),
    ],
)
def test_a_wrong_name_names_the_fix(
    name: str, kind: type[UserError], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for ask in (check, load):
        with pytest.raises(kind, match=words) as caught:
            ask(name)
        assert 1 <= len(str(caught.value).splitlines()) <= 5


def test_an_id_that_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("butfor.lm.load._reachable", lambda: False)
    monkeypatch.setattr("butfor.lm.load._offline", lambda: False)
    check("owner/model")  # might exist: only loading can tell
    with pytest.raises(MissingData, match="neither in the Hugging Face cache nor reachable") as caught:
        load("owner/model")
    assert len(str(caught.value).splitlines()) <= 5


def test_a_cached_model_loads_without_a_look_at_the_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.constants as constants

    def asked() -> bool:
        raise AssertionError("it asked for the network")

    base = tmp_path / "hub" / "models--owner--tiny"
    save(loaded("debug"), base / "snapshots" / "abc")
    (base / "refs").mkdir()
    (base / "refs" / "main").write_text("abc")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("butfor.lm.load._reachable", asked)
    assert loaded("owner/tiny").fingerprint() == loaded("debug").fingerprint()
    assert stamp("owner/tiny") == "", "a hub's model is known by its commit once it is loaded, not before"


@pytest.mark.parametrize("name", [None, "", 3, Path("there")])
def test_a_name_is_a_text(name: Any) -> None:
    with pytest.raises(UserError, match="a model is named by a text") as caught:
        load(name)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("device", ["mps", "cuda", "cuda:99", "xpu", "meta"])
def test_a_device_that_is_not_here(device: str) -> None:
    import torch

    if device in ("cuda", "xpu", "mps") and torch.accelerator.is_available():
        pytest.skip("it may be here")
    with pytest.raises(UserError, match=f"device '{device}' was asked for"):
        load("debug", device=device)


def test_folders_that_are_no_model(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds no config\.json"):
        check(str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UserError, match="safetensors"):
        check(str(tmp_path))
    with pytest.raises(UserError, match="is a file"):
        check(str(tmp_path / "config.json"))
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(UserError, match="cannot be loaded") as caught:
        load(str(tmp_path))
    assert len(str(caught.value).splitlines()) <= 5
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "t5", "is_encoder_decoder": True}))
    with pytest.raises(UserError, match="encoder-decoder"):
        load(str(tmp_path))


def test_code_in_a_models_folder_is_not_run(tmp_path: Path) -> None:
    config = {"model_type": "mine", "auto_map": {"AutoConfig": "code.Config", "AutoModelForCausalLM": "code.Model"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "code.py").write_text("raise SystemExit('ran')")
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(UserError, match="trust_remote_code=True"):
        load(str(tmp_path))


@pytest.mark.parametrize(("option", "words"), [({"dtype": "float23"}, "float32"), ({"device": "gpu"}, "cuda")])
def test_wrong_options(option: dict[str, str], words: str) -> None:
    with pytest.raises(UserError, match=words):
        load("debug", **option)


def test_checking_a_name_needs_no_torch() -> None:
    code = (
        "import sys; from butfor.lm.load import check; check('debug')\n"
        "try: check('nowhere')\nexcept Exception: pass\n"
        "assert not {'torch', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
