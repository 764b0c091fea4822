"""trl's trainers: their losses and weights are those of our loop, and users of trl get our losses in theirs."""

from __future__ import annotations

import copy
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, ClassVar, final

import pytest
import torch

from butfor import experiment
from butfor.align.policy.cpo import CPO
from butfor.align.policy.dpo import DPO
from butfor.align.reward.deconfound import Deconfound
from butfor.align.reward.disentangle import Disentangle
from butfor.align.reward.invariant import Invariant
from butfor.core.errors import SpecError, UserError
from butfor.core.read import read
from butfor.lm.head import NAME
from butfor.lm.load import load
from butfor.train import trl
from butfor.train.loop import TrainSettings, train
from butfor.train.method import Method
from butfor.train.standard import Standard

pytest.importorskip("trl")
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # trl's own use of it

ASKED = [
    {
        "prompt": f"{n} Is it far? ",
        "chosen": "No." if n % 2 else "Yes, rather.",
        "rejected": "Maybe, but who knows" if n % 3 else "Hm.",
        "length": n % 7,
        "rejected_length": (n * 3) % 7,
    }
    for n in range(24)
]
ROWS = [
    {
        "text": row["prompt"] + row["chosen"],
        "answer_at": len(row["prompt"]),
        "length": row["length"],
        "beside": {
            "rejected": {
                "text": row["prompt"] + row["rejected"],
                "answer_at": len(row["prompt"]),
                "length": row["rejected_length"],
            }
        },
    }
    for row in ASKED
]
BIAS = f"{NAME}.1.bias"  # in a preference it cancels: its gradient is zero but for rounding, which Adam scales up


class Killed(Exception):
    pass


def trained(folder, method, loop, *, rows=ROWS, stop=0, **settings):
    """The model, the losses, and the facts."""
    lm = load("debug")
    settings = {"steps": 3, "batch_size": 6, "length": 40, "learning_rate": 3e-3, "weight_decay": 0.1, **settings}

    def watch(step, total, loss):
        if step == stop:
            raise Killed

    facts = train(
        lm, rows, method, settings=TrainSettings(loop=loop, **settings), seed=1, folder=folder, progress=watch
    )
    losses = [json.loads(line)["loss"] for line in (folder / "train.jsonl").read_text().splitlines()]
    return lm, losses, facts


@pytest.mark.parametrize(
    ("method", "settings", "trainer"),
    [
        pytest.param(Standard(), {"warmup": 2}, "SFTTrainer", id="sft"),
        pytest.param(Standard(), {"objective": "reward"}, "RewardTrainer", id="reward"),
        pytest.param(DPO(beta=0.3), {"steps": None, "tokens": 300}, "DPOTrainer", id="dpo"),
        pytest.param(
            Standard(), {"objective": "reward", "adapt": "head"}, "RewardTrainer", id="head", marks=pytest.mark.slow
        ),
        pytest.param(DPO(beta=0.3), {"adapt": "lora"}, "DPOTrainer", id="lora", marks=pytest.mark.slow),
        pytest.param(DPO(strength=0.8), {"learning_rate": 1e-3}, "", id="causal policy", marks=pytest.mark.slow),
        pytest.param(Invariant(bins=2, strength=3.0), {"objective": "reward"}, "RewardTrainer", id="causal reward"),
    ],
)
def test_losses_and_weights_are_those_of_our_own_loop(tmp_path, monkeypatch, method, settings, trainer):
    import trl as package

    called: set[str] = set()
    for name in ("SFTTrainer", "RewardTrainer", "DPOTrainer"):

        def watched(self, *args, own=getattr(package, name).compute_loss, name=name, **more):
            called.add(name)
            return own(self, *args, **more)

        monkeypatch.setattr(getattr(package, name), "compute_loss", watched)
    own, losses, facts = trained(tmp_path / "own", method, "own", **settings)
    assert not called
    other, found, same = trained(tmp_path / "trl", method, "trl", **settings)
    assert called == ({trainer} if trainer else set())  # whose loss it is
    assert found == pytest.approx(losses, abs=2e-6)
    assert len(set(losses)) == len(losses)
    weights = other.model.state_dict()
    for name, value in own.model.state_dict().items():
        if name != BIAS:
            torch.testing.assert_close(weights[name], value, atol=5e-5, rtol=0)
    for name in ("steps", "tokens", "batches_hash", "rows_hash", "flops"):
        assert getattr(facts, name) == getattr(same, name), name


def test_a_killed_run_resumes_bit_for_bit(tmp_path):
    settings = {"steps": 3, "save_every": 2, "objective": "reward"}
    whole = trained(tmp_path / "whole", Standard(), "trl", **settings)[0]
    with pytest.raises(Killed):
        trained(tmp_path / "cut", Standard(), "trl", stop=3, **settings)
    again = trained(tmp_path / "cut", Standard(), "trl", **settings)[0]
    assert (tmp_path / "cut" / "train.jsonl").read_bytes() == (tmp_path / "whole" / "train.jsonl").read_bytes()
    assert all(torch.equal(value, again.model.state_dict()[name]) for name, value in whole.model.state_dict().items())


def test_the_model_is_given_back_as_it_was(tmp_path, monkeypatch):
    monkeypatch.setattr("trl.trainer.base_trainer.send_telemetry", lambda **_: pytest.fail("trl called home"))
    lm = load("debug")
    lm.tokenizer.pad_token = None
    config = lm.model.config
    before = copy.deepcopy((config.to_dict(), lm.model.generation_config.to_dict()))
    for objective in ("text", "reward"):
        settings = TrainSettings(steps=1, batch_size=2, length=40, objective=objective, loop="trl")
        train(lm, ROWS, Standard(), settings=settings, seed=1, folder=tmp_path / objective)
    assert lm.model.config is config
    assert lm.tokenizer.pad_token is None
    assert not lm.hooked
    assert before == (config.to_dict(), lm.model.generation_config.to_dict())
    plain = trained(tmp_path / "own", Standard(), "own", steps=1)[0]
    assert vars(lm.model).keys() == vars(plain.model).keys()


def test_what_trl_cannot_learn_is_refused_before_it_is_tried(tmp_path):
    with pytest.raises(SpecError, match=r"train\.loop: trl has no trainer for train\.objective = 'label'"):
        TrainSettings(steps=1, objective="label", loop="trl")
    scored = [{"text": f"text {n}", "score": float(n)} for n in range(4)]
    with pytest.raises(UserError, match=r"these rows have scores; set train\.loop = 'own'"):
        trained(tmp_path, Standard(), "trl", rows=scored, objective="reward")


@pytest.mark.parametrize(
    ("found", "problem"),
    [
        (None, r"trl is not installed; run: pip install 'butfor\[align\]'"),
        ("1.15.0", r"trl 1\.15\.0 is installed, .*; run: pip install 'trl>=1\.16,<1\.17'"),
        ("1.17.0rc1", r"trl 1\.17\.0rc1 is installed"),
    ],
)
def test_another_trl_is_refused_in_one_line(tmp_path, monkeypatch, found, problem):
    def version(name):
        if found is None:
            raise metadata.PackageNotFoundError(name)
        return found

    monkeypatch.setattr(metadata, "version", version)
    with pytest.raises(UserError, match=problem) as caught:
        trained(tmp_path, Standard(), "trl")
    assert "\n" not in str(caught.value)
    if found:
        with pytest.raises(UserError, match=problem):
            trl.plugged(object, Standard())


# What users of trl see


def options(config, folder, **more):
    more = {"max_steps": 3, "per_device_train_batch_size": 6, "learning_rate": 3e-3, "seed": 1, **more}
    quiet = {"report_to": "none", "disable_tqdm": True, "log_level": "error", "save_strategy": "no", **more}
    return config(str(folder), logging_steps=1, bf16=False, use_cpu=True, activation_checkpointing=False, **quiet)


def logged(trainer):
    return [line["loss"] for line in trainer.state.log_history if "loss" in line]


def classifier():
    """A sequence classifier of Hugging Face's with one output, and its tokenizer."""
    from transformers import AutoModelForSequenceClassification

    lm = load("debug")
    config = copy.deepcopy(lm.model.config)
    config.num_labels, config.pad_token_id = 1, lm.tokenizer.pad_token_id
    torch.manual_seed(0)
    return AutoModelForSequenceClassification.from_config(config), lm.tokenizer


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Watch(Method):
    """Keeps what a loss is given."""

    objectives: ClassVar[tuple[str, ...]] = ("text", "reward")
    seen: list[tuple[Mapping[str, Any], Any]]

    def loss(self, model: Any, batch: Mapping[str, Any], outputs: Any) -> torch.Tensor:
        self.seen.append((batch, outputs))
        return outputs.loss


def test_a_plugged_policy_is_our_loops_and_trls_own_dpo(tmp_path):
    from datasets import Dataset
    from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

    data, end = Dataset.from_list(ASKED), load("debug").tokenizer.eos_token
    ended = copy.deepcopy(ROWS)  # as trl ends plain texts
    for row in ended:
        row["text"] += end
        row["beside"]["rejected"]["text"] += end
    _, losses, _ = trained(tmp_path / "own", DPO(beta=0.3), "own", rows=ended, weight_decay=0.0, length=128)
    lm, first = load("debug"), load("debug").model
    args = options(SFTConfig, tmp_path / "a")
    ours = trl.plugged(SFTTrainer, DPO(beta=0.3))(
        model=lm.model, args=args, train_dataset=data, processing_class=lm.tokenizer
    )
    ours.train()
    assert args.per_device_train_batch_size == 6  # the user's arguments are the user's
    lm = load("debug")
    args = options(DPOConfig, tmp_path / "b", beta=0.3, disable_dropout=False)
    theirs = trl.plugged(DPOTrainer, Standard())(
        model=lm.model, ref_model=first, args=args, train_dataset=data, processing_class=lm.tokenizer
    )
    theirs.train()
    assert logged(ours) == pytest.approx(losses, abs=1e-5)
    assert logged(theirs) == pytest.approx(losses, abs=1e-5)


def test_without_a_loss_of_its_own_a_plugged_trainer_is_trls(tmp_path):
    """On the same rows in the same order, RewardTrainer alone makes the same losses and weights."""
    from datasets import Dataset
    from trl import RewardConfig, RewardTrainer

    model, tokenizer = classifier()
    data = Dataset.from_list(ASKED)
    ours = trl.plugged(RewardTrainer, Standard())(
        model=model, args=options(RewardConfig, tmp_path), train_dataset=data, processing_class=tokenizer
    )
    ours.train()
    order = [place for line in ours.butfor_plan.plan for place, _ in line]
    model, tokenizer = classifier()
    alone = RewardTrainer(
        model=model,
        args=options(RewardConfig, tmp_path, train_sampling_strategy="sequential"),
        train_dataset=data.select(order),
        processing_class=tokenizer,
    )
    alone.train()
    assert logged(ours) == pytest.approx(logged(alone), abs=1e-6)
    for name, value in alone.model.state_dict().items():
        torch.testing.assert_close(ours.model.state_dict()[name], value, atol=1e-5, rtol=0)


def test_columns_and_features_reach_the_loss(tmp_path):
    from datasets import Dataset
    from trl import RewardConfig, RewardTrainer

    model, tokenizer = classifier()
    watch, data = Watch(seen=[]), Dataset.from_list(ASKED)
    trainer = trl.plugged(RewardTrainer, watch)(
        model=model,
        args=options(RewardConfig, tmp_path, max_steps=1),
        train_dataset=data,
        eval_dataset=data,
        processing_class=tokenizer,
    )
    trainer.train()
    [(batch, outputs)] = watch.seen
    assert batch["length"].tolist() == [ASKED[n]["length"] for n in batch["row"].tolist()]
    assert batch["rejected.length"].tolist() == [ASKED[n]["rejected_length"] for n in batch["row"].tolist()]
    again, _ = classifier()  # with the weights from before the step
    for side in (outputs, outputs.rejected):
        assert side.features.shape == (6, model.config.hidden_size)
        torch.testing.assert_close(again.score(side.features), side.logits, atol=1e-6, rtol=0)
    margin = outputs.logits - outputs.rejected.logits
    assert outputs.loss.item() == pytest.approx(torch.log1p(torch.exp(-margin)).mean().item(), abs=1e-6)
    assert 0 < trainer.evaluate()["eval_loss"] < 1  # by trl, on rows of trl
    assert len(watch.seen) == 1
    assert not [name for name in model.state_dict() if "butfor" in name]


@pytest.mark.parametrize(
    "method",
    [Disentangle(strength=2.0), pytest.param(Invariant(bins=2, of="features"), marks=pytest.mark.slow), Deconfound()],
    ids=["disentangle", "invariant", "deconfound"],
)
def test_reward_methods_train_a_sequence_classifier(tmp_path, method):
    from trl import RewardConfig, RewardTrainer

    model, tokenizer = classifier()
    before = copy.deepcopy(model.state_dict())
    trainer = trl.plugged(RewardTrainer, method)(
        model=model,
        args=options(RewardConfig, tmp_path, max_steps=2),
        train_dataset=ROWS * 3,
        processing_class=tokenizer,
    )
    trainer.train()
    assert bool(trainer.butfor_lm.notes) == isinstance(method, Deconfound)
    assert before.keys() == model.state_dict().keys()
    assert not torch.equal(before["score.weight"], model.state_dict()["score.weight"])


def test_a_plugged_trainer_resumes_and_takes_additions_of_peft(tmp_path):
    from peft import LoraConfig
    from trl import SFTConfig, SFTTrainer

    def made():
        lm = load("debug")
        return trl.plugged(SFTTrainer, DPO(beta=0.3))(
            model=lm.model,
            args=options(SFTConfig, tmp_path, save_strategy="steps", save_steps=2),
            train_dataset=ROWS,
            processing_class=lm.tokenizer,
            peft_config=LoraConfig(r=4, target_modules="all-linear", init_lora_weights=True),
        )

    whole, again = made(), made()
    whole.train()
    again.train(resume_from_checkpoint=str(tmp_path / "checkpoint-2"))
    assert logged(again) == logged(whole)
    assert all(torch.equal(v, again.model.state_dict()[name]) for name, v in whole.model.state_dict().items())


def test_what_cannot_be_plugged_is_refused_with_the_fix(tmp_path):
    from transformers import Trainer
    from trl import DPOTrainer, RewardConfig, RewardTrainer, SFTConfig, SFTTrainer

    for trainer, method, problem in [
        (Trainer, Standard(), "is no SFTTrainer, RewardTrainer or DPOTrainer"),
        (RewardTrainer, DPO(), "DPO learns from 'text', not from a RewardTrainer"),
        (DPOTrainer, CPO(), "plug it into SFTTrainer"),
    ]:
        with pytest.raises(UserError, match=problem):
            trl.plugged(trainer, method)

    model, tokenizer = classifier()

    def make(trainer=SFTTrainer, config=SFTConfig, rows=ROWS, method=None, model=model, **more):
        return trl.plugged(trainer, method or Standard())(
            model=model, args=options(config, tmp_path, **more), train_dataset=rows, processing_class=tokenizer
        )

    for more, problem in [
        ({"packing": True}, "set packing = False"),
        ({"gradient_accumulation_steps": 2}, "gradient_accumulation_steps = 1"),
        ({"model": "debug"}, "give the model and its tokenizer as they are"),
        ({"rows": iter(ROWS)}, "should be a datasets.Dataset, or rows"),
        ({"rows": [*ROWS[:1], {"score": 1.0}]}, "row 2 .counted from 1. has no text"),
    ]:
        with pytest.raises(UserError, match=problem):
            make(**more)
    with pytest.raises(UserError, match="learns from pairs"):
        make(RewardTrainer, RewardConfig, rows=[{"text": f"{n}", "score": 1.0 * n} for n in range(9)])


def test_data_sets_of_trl_become_rows():
    from datasets import Dataset
    from trl import SFTConfig

    lm = load("debug")
    end, args = lm.tokenizer.eos_token, SFTConfig
    lm.tokenizer.chat_template = (
        "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}{% if add_generation_prompt %}[assistant]"
        "{% endif %}"
    )

    def rows(*given):
        return trl.rows_of(Dataset.from_list(list(given)), lm.tokenizer, args)

    assert rows({"text": "One.", "kind": "a"}) == [{"text": f"One.{end}", "kind": "a"}]
    assert rows({"prompt": "One? ", "completion": "Two."}) == [{"text": f"One? Two.{end}", "answer_at": 5}]
    said = [{"role": "user", "content": "One?"}, {"role": "assistant", "content": "Two."}]
    assert rows({"messages": said}) == [{"text": "[user]One?[assistant]Two."}]
    asked = {"prompt": said[:1], "chosen": said[1:], "rejected": [{"role": "assistant", "content": "No."}]}
    at = len("[user]One?[assistant]")
    assert rows({**asked, "chosen_length": 4, "rejected_length": 3}) == [
        {
            "text": "[user]One?[assistant]Two.",
            "answer_at": at,
            "length": 4,
            "beside": {"rejected": {"text": "[user]One?[assistant]No.", "answer_at": at, "length": 3}},
        }
    ]
    with pytest.raises(
        UserError, match=r"row 1 .counted from 1. has no chosen and rejected, prompt and .* messages, or 'text'"
    ):
        rows({"texts": "One."})


@pytest.mark.filterwarnings("ignore:`gradient_checkpointing`:FutureWarning")  # of trl's own default
def test_the_page_says_what_is_true(capsys):
    page = (Path(__file__).parents[2] / "docs" / "trl.md").read_text(encoding="utf-8")
    (code,), (experiment,) = (re.findall(rf"```{kind}\n(.*?)```", page, re.DOTALL) for kind in ("python", "toml"))
    space: dict[str, Any] = {"__name__": __name__}
    exec(compile(code, "docs/trl.md", "exec", dont_inherit=True), space)
    assert space["trainer"].state.global_step == 4
    assert read(tomllib.loads(experiment)).train.loop == "trl"


def test_scores_are_refused_when_the_experiment_is_read(tmp_path: Path) -> None:
    rows = tmp_path / "scored.jsonl"
    rows.write_text("".join(json.dumps({"text": f"text {n}", "score": n / 9}) + "\n" for n in range(9)))
    with pytest.raises(SpecError, match=r"trl's RewardTrainer learns from pairs, and these rows have scores"):
        experiment.load(
            {
                "name": "scored",
                "model": "debug",
                "seeds": [0, 1],
                "budget": {"steps": 2},
                "train": {"corpus": str(rows), "objective": "reward", "loop": "trl"},
                "treatment": {"method": "standard"},
                "measure": [{"suite": "reward.preferences", "primary": True}],
            }
        )
