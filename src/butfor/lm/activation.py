"""Read and set what happens inside a model: h ← do(h = value) at a site, the rest of the mechanism left alone.

    with do(lm, {Site(3, "attn", positions=(-1,)): 0.0}):
        lm.model(**inputs)

A value is a number, a tensor that broadcasts to the site, or a function of the current activation. What was not
addressed keeps its bits. Hooks are gone when the block ends, however it ends; blocks nest, the inner one seeing
the outer's edits. Positions count in the row of tokens that the model is given, so inside `generate` only
`positions=None` makes sense.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

from butfor.core.errors import UnknownSite, UserError
from butfor.lm.forward import scoring_mode
from butfor.lm.site import Site, head_count, module
from butfor.lm.tokens import encode, listed, opening, shortened
from butfor.lm.world import LM

if TYPE_CHECKING:
    from torch import Tensor
    from torch.utils.hooks import RemovableHandle

    Value: TypeAlias = float | Tensor | Callable[[Tensor], Tensor]
    Edit: TypeAlias = Callable[[Tensor], Tensor]  # the whole activation [B, T, d] → the new one


@contextmanager
def do(lm: LM, values: Mapping[Site, Value]) -> Iterator[None]:
    """Set activations inside the block. Shapes: [B, P, d] with P positions, and d the head's width for a head."""
    _check(values)
    with ExitStack() as stack:
        for site, value in values.items():
            stack.callback(_hook(lm, site, _setter(lm, site, value)).remove)
        yield


def _check(values: Any) -> None:
    if not isinstance(values, Mapping):
        raise UserError(f"do takes sites and their values, as in {{Site(0, 'mlp'): 0.0}}, not {shortened(values)}")
    for site, value in values.items():
        if not isinstance(site, Site):
            raise UserError(f"do takes sites, as in {{Site(0, 'mlp'): 0.0}}, not {shortened(site)}")
        if not callable(value):
            _tensor(site, value)


def _tensor(site: Site, value: Any) -> Tensor:
    import torch

    try:
        return torch.as_tensor(value)
    except (TypeError, ValueError, RuntimeError):
        raise UserError(
            f"{site}: a value is a number, a tensor, or a function of the activation that returns one, "
            f"not {shortened(value)}"
        ) from None


def read(lm: LM, text: str | Sequence[int], sites: Sequence[Site]) -> dict[Site, Tensor]:
    """The activations [P, d] of one text (or its tokens) at the sites, on the model's device."""
    import torch

    ids = opening(lm) + encode(lm, [text])[0] if isinstance(text, str) else list(text)
    if isinstance(text, str) and lm.is_encoder:
        ids = lm.tokenizer(text)["input_ids"]
    if not ids:
        raise UserError("there is no token to read in an empty text")
    sites = listed("sites", sites, Site(0, "mlp"))
    found: dict[Site, Tensor] = {}
    with ExitStack() as stack:
        for site in sites:
            stack.callback(_hook(lm, site, _keeper(lm, site, found)).remove)
        stack.enter_context(scoring_mode(lm.model))
        lm.model(input_ids=torch.tensor([ids], device=lm.device))
    return found


def _keeper(lm: LM, site: Site, found: dict[Site, Tensor]) -> Edit:
    def keep(whole: Tensor) -> Tensor:
        found[site] = _view(lm, site, whole)[0].clone()
        return whole

    return keep


def _setter(lm: LM, site: Site, value: Value) -> Edit:
    def put(whole: Tensor) -> Tensor:
        new = whole.clone()
        here = _view(lm, site, whole)  # [B, P, d]
        wanted = value(here) if callable(value) else value
        wanted = _tensor(site, wanted).to(device=whole.device, dtype=whole.dtype)
        try:
            wanted = wanted.expand_as(here)
        except RuntimeError as error:
            raise UserError(
                f"{site}: a value of shape {list(wanted.shape)} does not fit the activation {list(here.shape)}"
            ) from error
        target = _heads(lm, site, new)
        target[:, _places(site, whole)] = wanted
        return new

    return put


def _view(lm: LM, site: Site, whole: Tensor) -> Tensor:
    return _heads(lm, site, whole)[:, _places(site, whole)]


def _heads(lm: LM, site: Site, whole: Tensor) -> Tensor:
    """The head's part of the last axis (a view), or all of it."""
    if site.head is None:
        return whole
    width = whole.shape[-1] // head_count(lm)
    return whole[..., site.head * width : (site.head + 1) * width]


def _places(site: Site, whole: Tensor) -> slice | list[int]:
    if site.positions is None:
        return slice(None)
    length = whole.shape[1]
    wrong = [position for position in site.positions if not -length <= position < length]
    if wrong:
        raise UnknownSite(f"{site}: the text has {length} tokens, positions 0 to {length - 1} (or −1 to −{length})")
    return [position % length for position in site.positions]


def _hook(lm: LM, site: Site, edit: Edit) -> RemovableHandle:
    """Route the site's tensor through `edit`: a layer's or projection's input, or a module's (first) output."""
    part = module(lm, site)

    def edited(whole: Tensor) -> Tensor:
        if whole.ndim != 3:
            raise UnknownSite(f"{site}: {type(part).__name__} of {lm.name} works on {list(whole.shape)}, not [B, T, d]")
        return edit(whole)

    if site.kind in ("resid_in", "head"):

        def before(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
            if args:
                return (edited(args[0]), *args[1:]), kwargs
            name = "hidden_states" if "hidden_states" in kwargs else next(iter(kwargs))
            return args, {**kwargs, name: edited(kwargs[name])}

        return part.register_forward_pre_hook(before, with_kwargs=True)

    def after(_: Any, __: tuple[Any, ...], output: Any) -> Any:
        return (edited(output[0]), *output[1:]) if isinstance(output, tuple) else edited(output)

    return part.register_forward_hook(after)
