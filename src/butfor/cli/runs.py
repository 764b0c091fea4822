"""run, plan, compare: from the command line to the experiment and back."""

from __future__ import annotations

import json
import shlex
import sys
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from butfor.cli.app import show_json

if TYPE_CHECKING:
    from butfor.experiment import Result


def run_command(source: str, preset: str | None, out: Path, sets: Sequence[str], *, as_json: bool, quiet: bool) -> None:
    """Print the arm diff, run, print the table of effects and the report's path; 3 where a check says do not trust."""
    from butfor.core.progress import Progress
    from butfor.experiment import diff, load, run

    progress = Progress(quiet=quiet)
    experiment = load(source, preset=preset, overrides=sets)
    for line in diff_lines(diff(experiment)):
        progress.say(line)
    result = run(experiment, out=out, progress=progress, command=command_line(source, preset, out, sets))
    if as_json:
        show_json(
            {
                "run": str(result.path),
                "report": str(result.report),
                "trusted": result.trusted,
                "primary": result.primary,
                "effects": result.effects,
            }
        )
    else:
        show_table(result.path)
        print(f"\n{result.report}")
    if not result.trusted:
        from butfor.core.errors import Untrusted

        told = f"the run is done, but its primary effect must not be trusted; see the checks in {result.report}"
        raise Untrusted("\n".join([told, *failed_checks(result)]))


def failed_checks(result: Result) -> list[str]:
    """What is wrong with the primary effect."""
    primary = result.primary
    about = f"{primary['suite']}/{primary['metric']}: {primary['treatment']} against {primary['control']}"
    return shortest(row for row in checks_of(result.path) if row["about"] == about)


def checks_of(folder: Path) -> list[dict[str, Any]]:
    """The checks of a finished run or audit, as they stand in its folder."""
    return json.loads((folder / "checks.json").read_text(encoding="utf-8"))["checks"]


def shortest(checks: Iterable[dict[str, Any]]) -> list[str]:
    """What failed: at most three checks, one a line, those that decide first."""
    from butfor.effects import UNTRUSTED

    failed = sorted((row for row in checks if not row["ok"]), key=lambda row: row["code"] not in UNTRUSTED)
    told = dict.fromkeys(f"{row['code']}: {row['message']}" for row in failed)
    return [textwrap.shorten(line, 78, placeholder=" …") for line in list(told)[:3]]


def command_line(source: str, preset: str | None, out: Path, sets: Sequence[str]) -> str:
    """The command that makes this run again."""
    words = ["butfor", "run", source, *(["--preset", preset] if preset else [])]
    words += ["--out", str(out)] if out != Path("runs") else []
    return shlex.join(words + [word for item in sets for word in ("--set", item)])


def show_table(source: Any) -> None:
    """A table of effects on stdout, as wide as the terminal or 80 columns."""
    from rich.console import Console

    from butfor.report.text import table

    Console(width=None if sys.stdout.isatty() else 80, highlight=False).print(table(source))


def diff_lines(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The arm diff as text."""
    lines = ["what differs between the arms:"]
    for row in rows:
        values = ", ".join(f"{arm} {'–' if value is None else value}" for arm, value in row["values"].items())
        lines.append(f"  {row['key']}: {values}" + ("" if row["declared"] else "   NOT DECLARED"))
    return lines if rows else ["the arms do not differ: this is an A/A run"]


def plan_command(source: str, preset: str | None, sets: Sequence[str], *, as_json: bool) -> None:
    """Print what would be run."""
    from butfor.experiment import load, plan

    planned = plan(load(source, preset=preset, overrides=sets))
    if as_json:
        show_json(planned)
        return
    print("\n".join(diff_lines(planned["diff"])))
    shared = ", ".join(f"{key} {value}" for key, value in planned["same"].items())
    print("\n" + textwrap.fill(f"the same in every arm: {shared}", 80, subsequent_indent="  "))
    print(f"\n{len(planned['arms'])} arms × {len(planned['seeds'])} seeds; training: {planned['training']}")
    for measure in planned["measures"]:
        mark = "  primary" if measure["primary"] else ""
        print(f"  {measure['suite']:<20} {measure['items']:>6} items in {measure['steps']} steps{mark}")


def compare_command(a: Path, b: Path, *, as_json: bool) -> None:
    """Print the effects of run B against run A."""
    from butfor.experiment import compare

    found = compare(a, b)
    if as_json:
        show_json(found)
        return
    for note in found["notes"]:
        print(f"note: {note}", file=sys.stderr)
    show_table(found["effects"])
