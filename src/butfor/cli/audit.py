"""audit: from the command line to the audit and back."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from butfor.cli.app import show_json
from butfor.cli.runs import checks_of, shortest
from butfor.core.errors import UnknownName, UserError

if TYPE_CHECKING:
    from butfor.audit import Audit

BY = ("auto", "likelihood", "generation")


def described(
    model: str,
    suites: str,
    items: Path | None,
    pairs: Path | None,
    endpoint: str,
    served: str,
    *,
    price: str,
    endpoint_settings: Mapping[str, Any],
    **how: Any,
) -> Audit:
    """The audit that a command line asks for."""
    from butfor.audit import Audit

    if served and not endpoint:
        raise UserError("--model names a model at an address; give the address with --endpoint URL")
    if endpoint and model and served:
        raise UserError(f"two models are named, {model} and {served}; behind an address the second is enough")
    if not (model or served):
        raise UserError("name a model: butfor audit smollm2-135m, or butfor audit --endpoint URL --model NAME")
    if how["by"] not in BY:
        raise UnknownName("--by", how["by"], BY)
    if endpoint and how["by"] == "likelihood":
        raise UserError("an address is asked by generation; leave out --by likelihood")
    if endpoint and (how["dtype"], how["device"]) != ("auto", "auto"):
        raise UserError("the server chooses dtype and device; leave out --dtype and --device with --endpoint")
    if price and not endpoint:
        raise UserError("--price counts what an address costs; give one with --endpoint URL, or leave out --price")
    for path in (items, pairs):
        if path is not None and not path.is_file():
            raise UserError(f"{path} is no file that can be read" if path.exists() else f"no such file: {path}")
    if price:
        endpoint_settings = {**endpoint_settings, "price": _price(price)}
    names = tuple(word.strip() for word in suites.split(",") if word.strip())
    if suites and not names:
        raise UserError(f"--suites {suites!r} names no suite; see butfor list suites, or leave it out for all that fit")
    return Audit(
        model=served or model, endpoint=endpoint, suites=names, items=items, pairs=pairs,
        endpoint_settings=endpoint_settings if endpoint else {}, **how,
    )  # fmt: skip


def _price(text: str) -> tuple[float, float]:
    try:
        given, said = (float(part) for part in text.split(","))
    except ValueError:
        raise UserError(
            f"--price {text!r}: give two numbers, as 0.15,0.60: a million tokens read, and written"
        ) from None
    return given, said


def audit_command(asked: Audit, out: Path, cache: Path | None, *, as_json: bool, quiet: bool) -> None:
    """Run the audit, print its headlines and the report's path; 3 where a check says do not trust."""
    from butfor.audit import audit
    from butfor.core.progress import Progress

    done = audit(
        asked, out=out, cache=cache, progress=Progress(quiet=quiet), command=shlex.join(["butfor", *sys.argv[1:]])
    )
    if as_json:
        facts = {"run": str(done.path), "report": str(done.report), "trusted": done.trusted}
        show_json({**facts, "effects": done.effects, "suites": done.suites})
    else:
        from rich.console import Console

        from butfor.report.headlines import headlines

        Console(width=None if sys.stdout.isatty() else 80, highlight=False).print(headlines(done.path))
        print(f"\n{done.report}")
    if not done.trusted:
        from butfor.core.errors import Untrusted

        told = f"the audit is done, but none of its headlines can be trusted; see the checks in {done.report}"
        heads = tuple(f"{row['suite']}/{row['headline']}: " for row in done.suites)
        failed = shortest(row for row in checks_of(done.path) if f"{row['about']}: ".startswith(heads))
        raise Untrusted("\n".join([told, *failed]))
