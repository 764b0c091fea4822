"""The experiment is a value: frozen and typed; it decides everything that a run computes.

```toml
name = "quickstart"
model = "smollm2-135m"
seeds = [0, 1, 2]

[control]
method = "standard"

[treatment]
method = "leace"

[[measure]]
suite = "bias.professions"
primary = true
```

Whatever stands in an arm beside `method`, `model`, `corpus` and `against` is a knob of that method; so it is for a
measure.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from butfor.core.errors import Mistake, SpecError
from butfor.core.registry import Kind, build, resolve

Seed = Annotated[int, Field(ge=0, lt=2**31)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class _Open(_Frozen):
    """A table whose unknown keys are knobs of the method or suite that it names."""

    model_config = ConfigDict(frozen=True, extra="allow", validate_default=True)

    @property
    def knobs(self) -> dict[str, Any]:
        return dict(self.model_extra or {})


class Budget(_Frozen):
    """How much every arm may train. Both zero: nothing is trained, and only the method's edit of the model counts."""

    steps: Annotated[int, Field(ge=0)] = Field(0, description="optimiser steps of every arm")
    tokens: Annotated[int, Field(ge=0)] = Field(0, description="training tokens of every arm, instead of steps")

    @model_validator(mode="after")
    def _one(self) -> Budget:
        if self.steps and self.tokens:
            raise ValueError("give steps or tokens, not both")
        return self

    @property
    def trains(self) -> bool:
        return bool(self.steps or self.tokens)


class Train(_Frozen):
    """How every arm trains: the same rows, order and optimiser in all of them."""

    corpus: str = Field("plain", description="training text: a path to .txt or .jsonl, or plain, stories, stg, …")
    batch_size: Annotated[int, Field(ge=1)] = Field(8, description="rows in a batch")
    length: Annotated[int, Field(ge=2)] = Field(128, description="tokens in a row")
    learning_rate: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        5e-5, description="peak learning rate of AdamW"
    )
    warmup: Annotated[int, Field(ge=0)] = Field(0, description="steps of linear warm-up")
    weight_decay: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(0.0, description="AdamW's weight decay")
    save_every: Annotated[int, Field(ge=1)] = Field(50, description="steps between checkpoints to resume from")
    objective: Literal["text", "label", "choice", "reward"] = Field(
        "text",
        description="what is learnt from a row: its text, its label (by a head), which option comes next, or its worth",
    )
    adapt: Literal["full", "lora", "head"] = Field(
        "full", description="what is trained: every weight, low-rank additions (peft), or the head of a frozen model"
    )
    rank: Annotated[int, Field(ge=1)] = Field(8, description="rank of the additions of adapt = lora")
    loop: Literal["own", "trl"] = Field("own", description="whose trainer takes the steps: butfor's, or trl's")


class Arm(_Open):
    """One arm: a method, its knobs, and the arm that it is compared with."""

    name: str = Field(
        "", description="the arm's name; control and treatment have theirs", pattern=r"^([A-Za-z0-9][\w.-]{0,63})?$"
    )
    method: str = Field("standard", description="what this arm does to data, model or loss; see: butfor list methods")
    model: str | None = Field(None, description="another model for this arm; needs varies = ['model']")
    corpus: str | None = Field(
        None, description="another corpus for this arm; needs varies = ['corpus'] where it is compared with another"
    )
    against: str = Field("control", description="the arm that this one is compared with; '' for none")


class Measure(_Open):
    """One suite, run on every arm."""

    suite: str = Field(description="what is measured; see: butfor list suites")
    primary: bool = Field(False, description="the one suite whose first metric decides the experiment")
    metric: str | None = Field(None, description="the primary metric, where it is not the suite's first")


class Experiment(_Frozen):
    """Everything that decides what a run computes."""

    name: str = Field(description="the run folder's name begins with it", pattern=r"^[A-Za-z0-9][\w.-]{0,63}$")
    about: str = Field("", description="one sentence: what is the question")
    model: str = Field("smollm2-135m", description="an alias, a Hugging Face id, a path, or debug")
    dtype: Literal["float32", "bfloat16", "float16"] = Field("float32", description="the weights' type in memory")
    device: str = Field("auto", description="auto, cpu, cuda, cuda:1, mps", pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$")
    seeds: tuple[Seed, ...] = Field((0, 1, 2), description="each arm is made once per seed", min_length=1)
    seeding: Literal["shared", "own"] = Field(
        "shared", description="shared: a seed is the same batches in every arm; own: each arm draws its own, as for A/A"
    )
    level: Annotated[float, Field(gt=0.5, lt=1)] = Field(0.95, description="confidence level of every interval")
    keep: Literal["models", "records"] = Field("models", description="models: save each changed model; records: do not")
    varies: tuple[str, ...] = Field((), description="keys besides the method that may differ between arms")
    preset: str | None = Field(None, description="set by --preset")
    budget: Budget = Budget(steps=0, tokens=0)
    train: Train = Train.model_construct()
    control: Arm = Field(default_factory=lambda: Arm.model_validate({}), description="the arm to compare with")
    treatment: Arm = Field(description="the arm whose effect is the question")
    arm: tuple[Arm, ...] = Field((), description="more arms, each with a name")
    measure: tuple[Measure, ...] = Field(description="what is measured on every arm", min_length=1)

    @field_validator("seeds")
    @classmethod
    def _distinct(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(seeds)) < len(seeds):
            raise ValueError("every seed once")
        return seeds

    @property
    def arms(self) -> dict[str, Arm]:
        """Control, treatment and the rest, by name."""
        named = {"control": self.control, "treatment": self.treatment}
        return named | {arm.name: arm for arm in self.arm}

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Which arm is compared with which: (treatment, control)."""
        return [(name, arm.against) for name, arm in self.arms.items() if name != "control" and arm.against]

    def model_of(self, arm: Arm) -> str:
        return arm.model or self.model

    def corpus_of(self, arm: Arm) -> str:
        return arm.corpus or self.train.corpus

    @property
    def primary(self) -> Measure:
        """The measure that decides."""
        return next(measure for measure in self.measure if measure.primary)

    def method(self, arm: Arm) -> Any:
        """The arm's method, built with its knobs."""
        return _built("method", arm.method, arm.knobs)

    def suite(self, measure: Measure) -> Any:
        """The measure's suite, built with its knobs."""
        return _built("suite", measure.suite, measure.knobs)


def _built(kind: Kind, name: str, knobs: dict[str, Any]) -> Any:
    made, problems = build(resolve(kind, name), knobs)
    if problems:
        raise SpecError(Mistake(f"{name}.{knob}" if knob else name, problem) for knob, problem in problems)
    return made
