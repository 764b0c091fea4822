"""One name, one world: a Hugging Face id, a folder, an alias of a model that `butfor fetch` brings, or `debug`.

`check` answers whether a name can be loaded without torch and without the network, so a wrong experiment fails at once.
Nothing is executed from a model's folder unless `trust_remote_code` is given, and weights are read as safetensors only.
"""

from __future__ import annotations

import os
import re
import socket
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from butfor.core.errors import MissingData, UnknownName, UserError
from butfor.core.extras import need
from butfor.core.keys import digest
from butfor.core.registry import MADE
from butfor.lm.head import FILE, put
from butfor.lm.quiet import quiet
from butfor.lm.world import LM, Vectors, World

if TYPE_CHECKING:
    import torch

FETCHED = ("smollm2-135m", "minilm", "glove-50d")
ALIASES = (*FETCHED, "debug")
HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
HOW = "give one of these, a folder, or a Hugging Face id written owner/name"


def load(
    name: str,
    *,
    dtype: str | torch.dtype = "float32",
    device: str | torch.device | None = None,
    device_map: str | dict[str, Any] | None = None,
    trust_remote_code: bool = False,
    seed: int = 0,
) -> World:
    """Load a language model or word vectors. Without `device` a model goes to the accelerator, if there is one.

    `dtype` "auto" is the type that the weights are stored in, where this machine computes in it, else float32.
    `seed` decides the weights of a model that is made and not loaded (`scratch:4x128`).
    """
    where = check(name)
    if (maker := made(name)) is not None:
        return _made(maker, name, seed, dtype, device)
    if where is not None and (where / "words.txt").is_file():
        return _vectors(name, where)
    need("transformers")
    torch = need("torch")
    place = None if device_map is not None else _device(device)
    kind = _stored(name, where, place, trust_remote_code) if dtype == "auto" else _dtype(dtype)
    if name == "debug":
        from butfor.lm.debug import debug

        return debug(kind, place or torch.device("cpu"))
    return _pretrained(name, where, kind, place, device_map, trust_remote_code)


def check(name: str) -> Path | None:
    """Raise a `UserError` if the name cannot be loaded; return its folder if it has one. No torch, no network."""
    if not isinstance(name, str) or not name:
        raise UserError(f"a model is named by a text, not {name!r}; {HOW}: {', '.join(ALIASES)}")
    if name == "debug":
        return None
    if (maker := made(name)) is not None:
        return maker.check(name)
    if name in FETCHED:
        folder = models() / name
        if not folder.is_dir():
            raise MissingData(f"the model {name!r} is not on this machine; run: butfor fetch {name}")
        return folder
    if _is_path(name):
        return _checked_folder(name)
    if not HUB_ID.fullmatch(name):
        if (_hub() / f"models--{name}").is_dir():
            return None
        raise UnknownName("model", name, ALIASES, HOW)
    if not (_hub() / f"models--{name.replace('/', '--')}").is_dir() and _offline():
        raise MissingData(f"the model {name!r} is not in the Hugging Face cache {_hub()}, and HF_HUB_OFFLINE is set")
    return None


def made(name: str) -> Any:
    """The module that makes a model which is no file, by what stands before the colon of its name; else None."""
    scheme = name.partition(":")[0]
    return import_module(MADE[scheme]) if scheme in MADE else None


def kind(name: str) -> str:
    """What kind of world the name means: lm, vectors, analyst. Needs no torch."""
    folder = check(name)
    if (maker := made(name)) is not None:
        return maker.KIND
    return "vectors" if folder is not None and (folder / "words.txt").is_file() else "lm"


def encodes(name: str) -> bool:
    """Whether the name means an encoder, as its configuration tells; False where none is here to tell."""
    try:
        config = _config(name)
        from transformers import AutoModel

        return config is not None and _auto_class(name, config) is AutoModel
    except UserError:  # loading says what is wrong with it
        return False


def width(name: str) -> int | None:
    """How wide what a model makes of a token is; None where nothing here tells."""
    try:
        if (maker := made(name)) is not None:
            return maker.width(name) if hasattr(maker, "width") else None
        if name == "debug":
            return load(name).dim
        config = _config(name)
    except UserError:  # loading says what is wrong with it
        return None
    return None if config is None else getattr(config.get_text_config(), "hidden_size", None)


def _config(name: str) -> Any:
    """The configuration of a model that is a file, without its weights; None where none is here."""
    folder = check(name)
    if name == "debug" or made(name) is not None:
        return None
    need("transformers")
    from transformers import AutoConfig

    try:
        with quiet():
            return AutoConfig.from_pretrained(str(folder or name), local_files_only=True)
    except (OSError, ValueError):
        return None


def classes(name: str) -> int | None:
    """How many classes the head beside a model's weights knows; None where there is no head. Needs no torch."""
    folder = check(name)
    if folder is None or not (folder / FILE).is_file():
        return None
    need("safetensors")
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(folder / FILE, framework="np") as held:
            return int(held.get_slice("weight").get_shape()[0])
    except (OSError, SafetensorError) as error:
        raise _torn(folder / FILE, error) from error


def tokenizer(name: str, *, local: bool = False) -> Any:
    """The tokenizer of a model that is from scratch, a folder or on the hub, by itself; `local` asks no hub."""
    from transformers import AutoTokenizer

    where = check(name)
    if hasattr(maker := made(name), "tokenizer"):
        return maker.tokenizer(name)
    try:
        with quiet():
            return AutoTokenizer.from_pretrained(str(where or name), local_files_only=local or where is not None)
    except (OSError, ValueError) as error:
        raise _explained(name, where, error) from error


def stamp(name: str) -> str:
    """Names this state of the files in a model's folder: names, sizes, times. A hub's model has its commit for that."""
    folder = check(name)
    if (maker := made(name)) is not None:
        return maker.stamp(name)
    if folder is None:
        return ""
    files = [(item.name, item.stat()) for item in sorted(folder.iterdir())]
    return digest([(file, stat.st_size, stat.st_mtime_ns) for file, stat in files])


def place(device: str) -> str:
    """Where `device` ("auto" or a device) puts a model on this machine, by the name of the hardware."""
    torch = need("torch")
    chosen = _device(None if device == "auto" else device)
    return f"{chosen.type} {torch.cuda.get_device_name(chosen)}" if chosen.type == "cuda" else str(chosen)


def _made(maker: Any, name: str, seed: int, dtype: str | torch.dtype, device: str | torch.device | None) -> World:
    if maker.KIND != "lm":
        return maker.make(name, seed=seed)
    need("transformers")
    need("torch")
    return maker.make(name, seed=seed, dtype=_dtype("float32" if dtype == "auto" else dtype), device=_device(device))


def models() -> Path:
    """The folder that holds the fetched models."""
    return cache() / "models"


def cache() -> Path:
    """Where butfor keeps what it fetched: `BUTFOR_CACHE`, else the platform's cache folder."""
    chosen = os.environ.get("BUTFOR_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "butfor"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "butfor"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "butfor"


def _is_path(name: str) -> bool:
    return name.startswith(("/", "./", "../", "~")) or name.endswith(os.sep) or Path(name).exists() or "\\" in name


def _checked_folder(name: str) -> Path:
    folder = Path(name).expanduser()
    if not folder.exists():
        raise UserError(f"there is no folder {name!r} to load a model from")
    if not folder.is_dir():
        raise UserError(f"{name} is a file; give the folder that holds the model's config.json")
    if (folder / "words.txt").is_file() and (folder / "vectors.npy").is_file():
        return folder
    if not (folder / "config.json").is_file():
        raise UserError(f"{name} holds no config.json, so it is not a model in Hugging Face format")
    if not (any(folder.glob("*.safetensors")) or any(folder.glob("*.safetensors.index.json"))):
        raise UserError(f"{name} holds no .safetensors weights; load it where it was made and save it with safetensors")
    return folder


def _hub() -> Path:
    """The Hugging Face cache, by the same variables that `huggingface_hub` reads."""
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    return Path(os.environ.get("HF_HUB_CACHE") or Path(home) / "hub").expanduser()


def _offline() -> bool:
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}


def _dtype(dtype: str | torch.dtype) -> torch.dtype:
    import torch

    if isinstance(dtype, torch.dtype):
        return dtype
    known = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16, "float64": torch.float64}
    if dtype not in known:
        raise UnknownName("dtype", dtype, known)
    return known[dtype]


def _stored(name: str, where: Path | None, place: torch.device | None, trust: bool) -> torch.dtype:
    """The weights' own type, where this machine computes in it at full speed; else float32."""
    import torch

    if name == "debug":
        return torch.float32
    from transformers import AutoConfig

    with quiet():
        own = AutoConfig.from_pretrained(name if where is None else str(where), trust_remote_code=trust).dtype
    chosen = own if isinstance(own, torch.dtype) else torch.float32
    if chosen == torch.bfloat16 and (place is None or place.type == "cuda"):
        return chosen if torch.cuda.is_available() and torch.cuda.is_bf16_supported() else torch.float32
    if chosen == torch.bfloat16 and place is not None and place.type == "cpu":
        return chosen if _quick_bfloat16() else torch.float32
    return torch.float32 if place is not None and place.type == "cpu" else chosen


def _quick_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 by itself; torch tells it under a private name, which may go."""
    import torch

    asked = (getattr(torch.cpu, name, bool) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    return any(ask() for ask in asked)


def _device(device: str | torch.device | None) -> torch.device:
    import torch

    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        place = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise UserError(f"unknown device {device!r}; give cpu, cuda, cuda:0, mps, …") from error
    try:
        torch.zeros(1, device=place).tolist()
    except (RuntimeError, AssertionError, ImportError) as error:
        raise UserError(
            f"device {str(device)!r} was asked for, but torch sees none here; leave device out, or give cpu"
        ) from error
    return place


def _pretrained(
    name: str,
    where: Path | None,
    dtype: torch.dtype,
    device: torch.device | None,
    device_map: str | dict[str, Any] | None,
    trust: bool,
) -> LM:
    source = name if where is None else str(where)
    try:
        try:
            tokenizer, model = _read(name, source, dtype, device_map, trust, local=True)
        except (OSError, ValueError) as error:  # not in the hub's cache, or not whole
            if where is not None or "trust_remote_code" in str(error) or not _reachable():
                raise
            tokenizer, model = _read(name, source, dtype, device_map, trust, local=False)
    except (OSError, ValueError) as error:
        raise _explained(name, where, error) from error
    if device is not None:
        model = model.to(device)
    lm = LM(name, model.eval(), tokenizer)
    if where is not None and (where / FILE).is_file():
        _with_head(lm, where / FILE)
    return lm


def _with_head(lm: LM, file: Path) -> None:
    """Put the head that was saved beside a model on it."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        put(lm, load_file(file))
    except (OSError, SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise _torn(file, error) from error


def _torn(file: Path, error: Exception) -> UserError:
    return UserError(f"{file} holds no head for this model ({str(error).splitlines()[0]}); remove it")


def _read(
    name: str, source: str, dtype: torch.dtype, device_map: str | dict[str, Any] | None, trust: bool, *, local: bool
) -> tuple[Any, Any]:
    """Tokenizer and model; `local` keeps off the network."""
    from transformers import AutoConfig, AutoTokenizer

    common: dict[str, Any] = {"trust_remote_code": trust, "local_files_only": local}
    with quiet():
        config = AutoConfig.from_pretrained(source, **common)
        kind = _auto_class(name, config)
        tokenizer = AutoTokenizer.from_pretrained(source, **common)
        model = kind.from_pretrained(
            source, config=config, dtype=dtype, device_map=device_map, use_safetensors=True, **common
        )
    return tokenizer, model


def _reachable() -> bool:
    """Whether the hub has an address from here: asked once, because the hub's client retries for half a minute."""
    if _offline() or any(os.environ.get(key) for key in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")):
        return not _offline()
    host = urlsplit(os.environ.get("HF_ENDPOINT") or "https://huggingface.co").hostname
    try:
        socket.getaddrinfo(host, None)
    except OSError:
        return False
    return True


def _auto_class(name: str, config: Any) -> Any:
    """Decoders load with their next-token head; models that read in both directions load bare, for features."""
    from transformers import AutoModel, AutoModelForCausalLM
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
        MODEL_FOR_MASKED_LM_MAPPING_NAMES,
    )

    if getattr(config, "is_encoder_decoder", False):
        raise UserError(f"{name} is an encoder-decoder ({config.model_type}); butfor loads decoders, and encoders")
    causal = config.model_type in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES or "AutoModelForCausalLM" in getattr(
        config, "auto_map", {}
    )
    masked = config.model_type in MODEL_FOR_MASKED_LM_MAPPING_NAMES and not getattr(config, "is_decoder", False)
    if not causal and not masked:
        raise UserError(f"{name} is no language model that butfor can load (model_type {config.model_type!r})")
    return AutoModel if masked else AutoModelForCausalLM


def _explained(name: str, where: Path | None, error: Exception) -> UserError:
    """A loading error of `transformers`, in at most three lines."""
    first = (str(error).strip().splitlines() or [type(error).__name__])[0]
    if "trust_remote_code" in str(error):
        return UserError(f"{name} needs code of its own; if you trust it: load({name!r}, trust_remote_code=True)")
    if where is not None:
        return UserError(f"{name} cannot be loaded: {first}")
    return MissingData(
        f"the model {name!r} is neither in the Hugging Face cache nor reachable: {first}\n"
        f"check the id and the network, or give a folder, or use one that butfor fetches: {', '.join(FETCHED)}"
    )


def _vectors(name: str, folder: Path) -> Vectors:
    import numpy as np

    words = (folder / "words.txt").read_text(encoding="utf-8").removesuffix("\n").split("\n")
    matrix = np.load(folder / "vectors.npy", mmap_mode="r", allow_pickle=False)
    if matrix.ndim != 2 or len(words) != len(matrix):
        raise UserError(f"{folder}: {len(words)} words, but vectors.npy has the shape {matrix.shape}")
    return Vectors(name, words, matrix)
