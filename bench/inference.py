"""How fast are exact answers? butfor's variable elimination and pgmpy's, on the networks that pgmpy ships.

    P(target | three findings), targets and findings drawn at random; child (20 variables) and alarm (37)

Both answer each question in turn, the first of the two changing places, after each has answered another one (no plan of
this question is in a cache); a ratio is the median over the questions, with its quartiles. The answers must agree to
1e-6: rows of seven decimals do not sum to one, and each reads them its own way. The promise is 5 times; each line says
whether it is kept. `do` is the same question after an intervention on one of the findings' variables: each answers it
on the network without the arrows into that variable, made before the clock starts.
"""

from __future__ import annotations

import gzip
import random
import statistics
import time
from pathlib import Path

import pgmpy
from pgmpy.inference import VariableElimination
from pgmpy.readwrite import BIFReader

from butfor.scm import SCM

PROMISED = 5.0
QUESTIONS = 200


def text(name: str) -> str:
    """A network that pgmpy ships, in the BIF format."""
    file = Path(pgmpy.__file__).parent / "utils" / "example_models" / f"{name}.bif.gz"
    return gzip.decompress(file.read_bytes()).decode()


def questions(states: dict[str, list[str]], seed: int) -> list[tuple[str, dict[str, str]]]:
    """(target, findings) at random."""
    rng = random.Random(seed)
    found: list[tuple[str, dict[str, str]]] = []
    for _ in range(QUESTIONS):
        target, *seen = rng.sample(sorted(states), 4)
        found.append((target, {name: rng.choice(states[name]) for name in seen}))
    return found


def main() -> None:
    for name in ("child", "alarm"):
        source = text(name)
        ours, theirs = SCM.from_bif(source), BIFReader(string=source).get_model()
        states = {node: list(theirs.get_cpds(node).state_names[node]) for node in theirs.nodes()}
        for kind in ("see", "do"):
            ratios: list[float] = []
            for number, (target, findings) in enumerate(questions(states, 20261121)):
                set_ = next(iter(findings)) if kind == "do" else None
                model = theirs.do([set_]) if set_ else theirs
                engine = VariableElimination(model)
                if abs(engine.query([target], evidence=findings, show_progress=False).values.sum() - 1) > 1e-6:
                    continue  # findings that never happen together
                world = ours.do({set_: findings[set_]}) if set_ else ours
                given = {key: value for key, value in findings.items() if key != set_}
                value = states[target][0]
                world.p({target: value})
                clock = [0.0, 0.0]
                answers = [0.0, 0.0]
                for which in (0, 1) if number % 2 else (1, 0):
                    start = time.perf_counter()
                    if which == 0:
                        answers[0] = world.p({target: value}, given)
                    else:
                        found = engine.query([target], evidence=findings, show_progress=False)
                        answers[1] = float(found.get_value(**{target: value}))
                    clock[which] = time.perf_counter() - start
                assert abs(answers[0] - answers[1]) < 1e-6, (target, findings, answers)
                ratios.append(clock[1] / clock[0])
            low, middle, high = statistics.quantiles(ratios, n=4)
            kept = "kept" if middle >= PROMISED else "NOT KEPT"
            print(
                f"{name:<6} {kind:<4} pgmpy / butfor {middle:6.1f} [{low:.1f}, {high:.1f}]  {len(ratios)} questions,"
                f" promised {PROMISED:g}: {kept}"
            )


if __name__ == "__main__":
    main()
