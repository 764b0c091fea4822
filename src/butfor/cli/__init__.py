"""The command line. `main` is what the shell calls; everything heavy is imported inside the commands."""

from __future__ import annotations


def main() -> None:
    """Run the command line."""
    import sys

    from butfor.cli.errors import ascii_where_needed

    ascii_where_needed()
    try:
        from butfor.cli.app import app

        app()
    except KeyboardInterrupt:
        sys.exit(130)
