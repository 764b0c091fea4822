"""A sequence classifier of Hugging Face as a scalar reward: `classifier:NAME` or `classifier:NAME#LABEL`.

Reward    the only logit of a model with one label (as reward models have); of two labels or more the log-odds of LABEL,
          which has to be named, against all others together.
Texts     as they are. A reward model that was trained on conversations is to be given them in its own template.
Safety    as for any model: safetensors only, and no code from its folder is run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from butfor.core.errors import UnknownName, UserError
from butfor.core.keys import digest
from butfor.lm.world import LM

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

KIND = "classifier"
SCHEME = f"{KIND}:"
BATCH = 16


@dataclass(eq=False)
class Classifier:
    """A model that gives texts a reward, and does nothing else."""

    kind: ClassVar[str] = KIND
    name: str
    model: Any
    tokenizer: Any
    label: int = 0  # which logit is asked for; the only one of a reward model
    notes: list[str] = field(default_factory=list[str])
    hooked: ClassVar[bool] = False

    def fingerprint(self) -> str:
        """Hash of what decides the rewards: weights, configuration, tokenizer, label."""
        inside = LM(self.name, self.model, self.tokenizer)
        return digest(inside.fingerprint(), inside.tokenizer_fingerprint(), self.label)

    def worth(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """The reward of each text [n]."""
        import numpy as np
        import torch

        found = np.empty(len(texts))
        order = sorted(range(len(texts)), key=lambda at: len(texts[at]))
        self.model.eval()
        for start in range(0, len(order), BATCH):
            part = order[start : start + BATCH]
            encoded = self.tokenizer([texts[at] for at in part], padding=True, truncation=True, return_tensors="pt")
            with torch.inference_mode():
                logits = self.model(**encoded.to(self.model.device)).logits.double()  # [B, C]
            if logits.shape[1] > 1:
                rest = torch.cat([logits[:, : self.label], logits[:, self.label + 1 :]], dim=1).logsumexp(1)
                found[part] = (logits[:, self.label] - rest).cpu().numpy()
            else:
                found[part] = logits[:, 0].cpu().numpy()
        return found


def check(name: str) -> Any:
    """Raise a `UserError` if the name cannot be loaded."""
    from butfor.lm.load import check as check_model

    where, _ = _parts(name)
    if where.startswith(SCHEME) or where in ("debug", ""):
        raise UserError(f"{name!r} names no classifier; write {SCHEME}FOLDER or {SCHEME}owner/name")
    check_model(where)


def stamp(name: str) -> str:
    """Names this state of the model's files."""
    from butfor.lm.load import stamp as stamp_model

    return stamp_model(_parts(name)[0])


def make(name: str, **_: Any) -> Classifier:
    """The classifier with its tokenizer, on the accelerator where there is one."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    from butfor.lm.load import check as check_model
    from butfor.lm.quiet import quiet

    where, label = _parts(name)
    source = str(check_model(where) or where)
    try:
        with quiet():
            tokenizer = AutoTokenizer.from_pretrained(source)
            model, about = AutoModelForSequenceClassification.from_pretrained(
                source, use_safetensors=True, output_loading_info=True
            )
    except (OSError, ValueError) as error:
        raise UserError(f"{where} does not load as a sequence classifier: {str(error).splitlines()[0]}") from error
    if drawn := sorted(about["missing_keys"]):
        raise UserError(f"{where} is no sequence classifier: it has no weights for {', '.join(drawn[:3])}")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    model.config.pad_token_id = tokenizer.pad_token_id
    model.to("cuda" if torch.cuda.is_available() else "cpu")
    return Classifier(name, model, tokenizer, _label(where, model.config, label))


def _parts(name: str) -> tuple[str, str]:
    where, _, label = name.removeprefix(SCHEME).partition("#")
    return where, label


def _label(where: str, config: Any, label: str) -> int:
    known = {str(value): int(key) for key, value in config.id2label.items()}
    if config.num_labels == 1:
        return 0
    if label not in known:
        raise UnknownName("label", label, known, f"{where} has {len(known)} labels: name one, {SCHEME}{where}#LABEL")
    return known[label]
