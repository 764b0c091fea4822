"""Wrong experiments: each costs 1 to 5 lines and exit code 2, names the fix, and leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from butfor.cli.app import app

GOOD = """name = "x"
model = "debug"
seeds = [0]

[treatment]
method = "swap"

[[measure]]
suite = "bias.professions"
primary = true
limit = 8

[budget]
steps = 1
"""

# (what is changed, into what, what the message must say)
WRONG: list[tuple[str, str, str]] = [
    ('name = "x"', "", "name: is required"),
    ('name = "x"', 'name = "a/b"', "name: 'a/b'"),
    ('name = "x"', "name = 3", "name: should be a string, not 3"),
    ('name = "x"', 'nmae = "x"', "did you mean 'name'"),
    ('name = "x"', 'name = "x', "is not TOML"),
    ('model = "debug"', 'model = "smolm2-135m"', "did you mean 'smollm2-135m'"),
    ('model = "debug"', 'model = "./nowhere"', "there is no folder './nowhere'"),
    ('model = "debug"', 'model = "debug"\ndtype = "float23"', "dtype"),
    ('model = "debug"', 'model = "debug"\ndevice = "gpu"', "auto, cpu, cuda"),
    ("seeds = [0]", "seeds = []", "seeds: is empty"),
    ("seeds = [0]", "seeds = [0, 0]", "every seed once"),
    ("seeds = [0]", 'seeds = ["0"]', "seeds.0: should be an integer"),
    ("seeds = [0]", "seeds = [-1]", "seeds.0: should be greater than or equal to 0"),
    ("seeds = [0]", "seeds = 3", "seeds: should be a list"),
    ("seeds = [0]", "level = 95", "level: should be less than 1"),
    ("steps = 1", "step = 3", "did you mean 'steps'"),
    ("steps = 1", "steps = 3.5", "budget.steps: should be an integer"),
    ("steps = 1", "steps = 3\ntokens = 9", "give steps or tokens, not both"),
    ("steps = 1", "steps = 3\n[train]\ncorpus = 'plian'", "did you mean 'plain'"),
    ("steps = 1", "steps = 3\n[train]\ncorpus = 'gone.txt'", "gone.txt"),
    ("steps = 1", "steps = 0", "swap acts in training, and nothing is trained"),
    ("seeds = [0]", "[train]\nlearning_rate = 0", "train.learning_rate: should be greater than 0"),
    ("seeds = [0]", "[control]\nmethod = 3", "control.method: should be a string"),
    ("seeds = [0]", "[control]\nmodel = 'minilm'", "varies = ['model']"),
    ("seeds = [0]", "varies = ['budget']", "varies: 'budget' cannot vary"),
    ("seeds = [0]", "[[arm]]\nmethod = 'standard'", "every [[arm]] needs a name"),
    ("seeds = [0]", "[[arm]]\nname = 'control'", "two arms are called 'control'"),
    ("seeds = [0]", "[[arm]]\nname = 'a'\nagainst = 'contrl'", "did you mean 'control'"),
    ('method = "swap"', 'method = "swop"', "did you mean 'swap'"),
    ('method = "swap"', 'method = "swap"\nmod = "add"', "did you mean 'mode'"),
    ('method = "swap"', 'method = "swap"\nmode = "ad"', "treatment.mode: should be"),
    ('method = "swap"', 'method = "nobody:Here"', "does not import"),
    ("[treatment]", "[treatmnt]", "did you mean 'treatment'"),
    ("primary = true", "", "no measure is primary"),
    ("primary = true", 'primary = "yes"', "primary: should be"),
    ("primary = true", 'primary = true\nmetric = "stereo"', "did you mean 'stereotype'"),
    ("limit = 8", "limit = 0", "measure.0.limit: should be greater than or equal to 1"),
    ("limit = 8", "limt = 8", "did you mean 'limit'"),
    ('"bias.professions"', '"bias.profession"', "did you mean 'bias.professions'"),
    ('"bias.professions"', '"bias.crows_pairs"', "butfor fetch crows_pairs"),
    ("limit = 8", 'limit = 8\n[[measure]]\nsuite = "reason.copa"\nprimary = true', "only one measure can be primary"),
    ("limit = 8", 'limit = 8\n[[measure]]\nsuite = "bias.professions"', "is measured twice"),
    ("limit = 8", 'limit = 8\n[[measure]]\nsuite = "reason.copa"\ndata = "gone.xml"', "gone.xml"),
    ("limit = 8", "limit = 8\n[[measure]]\nlimit = 3", "measure.1.suite: is required"),
    ("[[measure]]", "[measure]", "write [[measure]], not [measure]"),
    ("seeds = [0]", "[[arm]]\nname = '..'", "arm.0.name: '..' does not fit"),
    ("seeds = [0]", "[[arm]]\nname = 'steps'", "is a place in the run folder"),
    ("seeds = [0]", "[control]\nagainst = 'treatment'", "what the others are compared with"),
    ("seeds = [0]", "[preset.tiny]\nsedes = [0]", "did you mean 'seeds'"),
    ("seeds = [0]", "[preset]\ntiny = 3", "should hold tables"),
    ('model = "debug"', 'model = "debug"\npreset = "tiny"', "choose one with --preset"),
    ("seeds = [0]", "[train]\nlearning_rate = inf", "train.learning_rate: should be a finite number"),
    ('method = "swap"', 'method = ":x"', "does not import"),
    ('method = "swap"', 'method = "butfor.evaluate.bias.weat:WEAT"', "which is no method"),
    ('"bias.professions"', '"butfor.pretrain.swap:Swap"', "which is no suite"),
]


@pytest.mark.parametrize(("old", "new", "said"), WRONG, ids=[f"{new or 'no ' + old}"[:40] for old, new, _ in WRONG])
def test_a_wrong_experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, said: str) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BUTFOR_DATA", raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    assert GOOD.count(old) == 1
    if new.startswith("[") and not old.startswith("["):  # a new table stands at the end, where no key follows it
        text = f"{GOOD}\n{new}\n"
    else:
        text = GOOD.replace(old, new)
    Path("e.toml").write_text(text, encoding="utf-8")
    result = CliRunner().invoke(app, ["run", "e.toml", "--out", "runs"])
    lines = result.stderr.strip().splitlines()
    assert result.exit_code == 2, result.output
    assert said in result.stderr
    assert 1 <= len(lines) <= 5, result.stderr
    assert lines[0].startswith("error: e.toml")
    told = [line.split(": ", 2)[-1] for line in lines]
    assert len(set(told)) == len(told), "a mistake was told twice"
    assert "Traceback" not in result.output
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "quikstart"], "did you mean 'quickstart'"),
        (["run", "gone.toml"], "butfor init gone.toml"),
        (["run", "debug", "--preset", "tyni"], "did you mean 'tiny'"),
        (["run", "debug", "--set", "budget"], "--set budget.steps=20"),
        (["run", "debug", "--set", "budget.stepz=2"], "--set budget.stepz: no such key; did you mean 'steps'"),
        (["run", "debug", "--set", "measure.bias.weta.limit=2"], "no entry 'bias'"),
        (["run", "debug", "--set", "preset=tiny"], "chosen with --preset"),
        (["run", "debug", "--set", "seeds=[1]\nlevel=0.9"], "should read KEY=VALUE"),
        (["run", "x" * 5000 + ".toml"], "no such file"),
        (["init", "gone/x.toml"], "there is no folder gone"),
        (["fetch", "smollm2-135m", "--from", "gone.whl"], "there is no file gone.whl"),
        (["status", "runs/gone"], "no run folder"),
        (["compare", "a", "b"], "no run folder at a"),
        (["report", "gone"], "gone"),
        (["explain", "seedz"], "did you mean 'seeds'"),
        (["list", "recipe"], "did you mean 'recipes'"),
        (["fetch", "smollm"], "did you mean 'smollm2-135m'"),
        (["rnu", "debug"], "run"),
        (["run"], "NAME|FILE"),
    ],
)
def test_a_wrong_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 2
    assert said in result.stderr
    assert len(result.stderr.strip().splitlines()) <= 5
    assert list(tmp_path.iterdir()) == []
