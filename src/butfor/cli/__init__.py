"""The command line. `main` is what the shell calls; everything heavy is imported inside the commands."""

from __future__ import annotations


def main() -> None:
    """Run the command line."""
    from butfor.cli.app import app

    app()
