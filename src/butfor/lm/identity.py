"""What decides a model's outputs beside its weights: its code, its attention, and whatever somebody hung on it.

Code is named, not hashed. Names are enough for a library's own code, whose version the environment pins. They are not
for hooks, patched forwards and attention functions from elsewhere: two of them may share a name and differ in what they
compute. `foreign` lists these, so that nobody takes a model that has them for known by its fingerprint alone.
What `transformers` and `accelerate` put on a model carries out what configuration and placement say; it comes and goes
with use (capturing hidden states, spreading layers over devices), changes no output, and does not count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from butfor.lm.tokens import encode

if TYPE_CHECKING:
    from torch.nn import Module

    from butfor.lm.world import LM

TEXT = "She said that the nurse and the engineer went home because he was tired. In 1994, 27% of them did; why?"
LIBRARIES = ("transformers.", "accelerate.", "torch.nn.")


def structure(model: Module) -> list[str]:
    """One line a module (path, class, its forward), then one for each attention in use, then what is foreign."""
    lines = [f"{path} {name(type(part))} {name(type(part).forward)}" for path, part in model.named_modules()]
    lines += [f"attention {kind} {functions}" for kind, functions in sorted(_attention(model).items())]
    return lines + foreign(model)


def behaviour(lm: LM) -> str:
    """A digest of what the model makes of a fixed text, to the last bit, on this device and with these threads."""
    import hashlib

    import torch

    ids = torch.tensor([encode(lm, [TEXT])[0][: lm.context or 64][:64]], device=lm.device)
    training = lm.model.training
    lm.model.eval()
    try:
        with torch.inference_mode():
            out = lm.model(input_ids=ids)
    finally:
        lm.model.train(training)
    seen = out.logits if hasattr(out, "logits") else out.last_hidden_state
    return hashlib.blake2b(seen.float().cpu().numpy().tobytes(), digest_size=16).hexdigest()


def foreign(model: Module) -> list[str]:
    """Hooks, patched forwards and attention functions that no library put there: where each is, and its name."""
    from torch.nn.modules import module as every

    found = [f"hook on every module: {name(hook)}" for hook in _hooks(every, "_global_forward")]
    for path, part in model.named_modules():
        found += [f"hook on {path}: {name(hook)}" for hook in _hooks(part, "_forward")]
        found += [f"forward of {path}: {name(patch)}" for patch in _patches(part)]
    for kind in {type(part) for part in model.modules()}:
        packages = {parent.__module__.partition(".")[0] for parent in kind.__mro__}
        if name(kind.forward).partition(":")[0].partition(".")[0] not in packages:
            found.append(f"forward of {name(kind)}: {name(kind.forward)}")
    found.sort()
    for kind, functions in _attention(model).items():
        found += [f"attention {kind}: {function}" for function in functions if not function.startswith(LIBRARIES)]
    return found


def name(code: Any) -> str:
    """Module and qualified name of a function, class or callable object."""
    while isinstance(code, partial):
        code = code.func
    made = code if hasattr(code, "__qualname__") else type(code)
    module = str(made.__module__)
    if module.startswith("transformers_modules."):  # a model's own code: the rest is the folder that it came from
        module = module.rpartition(".")[2]
    return f"{module}:{made.__qualname__}"


def _hooks(owner: Any, prefix: str) -> Iterator[Any]:
    for table in (getattr(owner, f"{prefix}_pre_hooks"), getattr(owner, f"{prefix}_hooks")):
        yield from (hook for hook in table.values() if not name(hook).startswith(LIBRARIES))


def _patches(part: Module) -> Iterator[Callable[..., Any]]:
    """The forward that stands in for the one of this module's class, if there is one."""
    own: Any = vars(part).get("forward")
    if own is not None and name(own).startswith("accelerate."):
        own = vars(part).get("_old_forward")  # what accelerate calls
    if own is not None and getattr(own, "__func__", None) is not type(part).forward:
        yield own


def _attention(model: Module) -> dict[str, list[str]]:
    """Each attention implementation in use, with the names of its functions (none for a model's own "eager")."""
    from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    configs = [getattr(part, "config", None) for part in model.modules()]
    kinds = {str(getattr(config, "_attn_implementation", None)) for config in configs if config is not None}
    tables: list[Any] = [ALL_ATTENTION_FUNCTIONS, ALL_MASK_ATTENTION_FUNCTIONS]
    return {kind: [name(table[kind]) for table in tables if kind in table] for kind in kinds}
