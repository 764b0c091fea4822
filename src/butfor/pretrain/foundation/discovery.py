"""Amortised causal discovery: a network trained on random worlds reads a data set and says how likely each edge is.

Idea      A search starts anew on every data set. A network that has seen thousands of worlds with their graphs answers
          in one forward pass, and with probabilities: where the data leave a direction open it says so.
Equation  θ = argmin of the mean, over random worlds (G, D), of −Σ over pairs i < j of log P_θ(state of {i, j} in G |
          D), the states being i → j, j → i and neither. Its optimum is the posterior of each pair under the training
          worlds.
Source    Lorch et al. 2022 (AVICI). The network is our own: `discovery_net.py`; the worlds: `data/graph_worlds.py`;
          the training: `train_discovery.py`, whose command, log and scores stand beside the checkpoint.
Here      Columns are standardised, so that an order of variances tells nothing (Reisach et al. 2021).
Limits    Trained on 2 to 12 variables, 50 to 400 rows, linear and smooth mechanisms, without hidden causes: elsewhere
          its probabilities promise nothing. Numbers alone: labels and columns of few whole numbers are refused. With 2
          or 3 variables nearly all training worlds are complete graphs: give 5 columns or more. Nothing forbids a
          cycle of three or more; `form = "acyclic"` drops the least likely edges until none is left.
Example   [treatment]
          method = "pretrain.foundation.discovery"
          form   = "acyclic"
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, final

import numpy as np

from butfor.core.errors import DataError, MalformedData, MissingData
from butfor.core.keys import digest, file_digest
from butfor.pretrain.foundation.discovery_net import Shape, odds, probabilities, sizes
from butfor.train.method import Method

if TYPE_CHECKING:
    from butfor.pretrain.foundation.discovery_net import Weights
    from butfor.scm.columns import Columns, Floats

SHIPPED = Path(__file__).parent / "checkpoints" / "discovery.safetensors"
Form = Literal["probabilities", "acyclic"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery(Method):
    """Draw graphs with a trained network, in one forward pass."""

    worlds: ClassVar[tuple[str, ...]] = ("analyst",)
    checkpoint: str = ""  # a file of weights; empty: the one that ships with butfor
    form: Form = "probabilities"

    @property
    def file(self) -> Path:
        """The weights."""
        return Path(self.checkpoint).expanduser() if self.checkpoint else SHIPPED

    @property
    def rests_on(self) -> list[str]:
        if self.checkpoint:
            Network.load(self.file)
        return [file_digest(there(self.file))]

    def model(self, world: Any, rng: np.random.Generator) -> Any:  # noqa: ARG002
        """Put the network in the place of the search."""
        file = self.file
        network = Network.load(file)
        world.discover = network.edges if self.form == "probabilities" else network.acyclic
        world.identity = digest(world.identity, "discovery", file_digest(file), self.form)
        count = sum(value.numel() for value in network.weights.values())
        world.notes.append(f"graphs are drawn by a network of {count:,} weights from {file.name}, as {self.form}")
        return world


@final
@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """A trained network that is ready to read data."""

    weights: Weights
    shape: Shape

    @classmethod
    def load(cls, file: Path) -> Network:
        """From a file that `train_discovery.py` wrote; computes in float32."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(there(file), "pt") as opened:
                shape = Shape.read(opened.metadata() or {})
                weights = {name: opened.get_tensor(name).float() for name in sizes(shape)}
        except (SafetensorError, KeyError, ValueError) as error:
            raise MalformedData(file, 1, f"no checkpoint of amortised discovery ({error})") from error
        if wrong := [name for name, (size, _) in sizes(shape).items() if tuple(weights[name].shape) != size]:
            raise MalformedData(file, 1, f"{wrong[0]} has not the size that the header tells")
        return cls(weights, shape)

    def edges(self, data: Columns) -> Floats:
        """P(row causes column) [d, d]."""
        import torch

        x = torch.tensor(numbers(data), dtype=torch.float32)
        with torch.inference_mode():
            return probabilities(odds(self.weights, self.shape, x[None]))[0].double().numpy()

    def acyclic(self, data: Columns) -> Floats:
        """The same, with the least likely edges of every cycle at 0."""
        return without_cycles(self.edges(data))


def there(file: Path) -> Path:
    """The file, or what to do without it."""
    if not file.is_file():
        raise MissingData(
            f"there is no checkpoint {file}; leave checkpoint out for the one that ships, or make one:\n"
            "python -m butfor.pretrain.foundation.train_discovery --out FILE"
        )
    return file


def numbers(data: Columns) -> Floats:
    """The data [n, d], standardised; raises `DataError` where the network cannot read them."""
    if len(data.names) < 2 or data.n < 3:
        raise DataError(f"a graph needs 2 columns and 3 rows or more, not {len(data.names)} and {data.n}")
    if coarse := [name for name in data.names if data.is_discrete(name)]:
        raise DataError(
            f"the network reads continuous numbers, and {', '.join(coarse[:6])} hold categories; "
            "search for those with method = 'pretrain.foundation.search'"
        )
    x = np.stack([data.varying(name) for name in data.names], axis=1)
    return (x - x.mean(axis=0)) / x.std(axis=0)


def without_cycles(p: Floats) -> Floats:
    """The same probabilities, but 0 for the edges that would close a cycle.

    Edges of the decided graph (p_ij + p_ji ≥ ½, p_ij ≥ p_ji) are taken from the likeliest on.
    """
    kept, reach = p.copy(), np.eye(len(p), dtype=bool)
    order = np.argsort(-np.where((p + p.T >= 0.5) & (p >= p.T), p, 0.0), axis=None, kind="stable")
    for i, j in zip(*np.unravel_index(order, p.shape), strict=True):
        if p[i, j] + p[j, i] < 0.5 or p[i, j] < p[j, i] or i == j:
            break
        if reach[j, i]:
            kept[i, j] = 0.0
        else:
            reach |= np.outer(reach[:, i], reach[j])
    return kept
