"""Save a world so that `load` gives it back bit for bit: Hugging Face format with safetensors, or words and vectors."""

from __future__ import annotations

from pathlib import Path

from butfor.lm.world import LM, World


def save(world: World, folder: Path) -> None:
    """Write a world into a new folder."""
    folder.mkdir(parents=True)
    if isinstance(world, LM):
        from safetensors.torch import save_file

        from butfor.lm.head import FILE, has_head, headless, state
        from butfor.lm.quiet import quiet

        with quiet(), headless(world):
            world.model.save_pretrained(folder)
            world.tokenizer.save_pretrained(folder)
        if has_head(world):
            save_file({name: tensor.contiguous() for name, tensor in state(world).items()}, folder / FILE)
        return
    import numpy as np

    np.save(folder / "vectors.npy", world.matrix, allow_pickle=False)
    (folder / "words.txt").write_text("\n".join(world.words) + "\n", encoding="utf-8")
