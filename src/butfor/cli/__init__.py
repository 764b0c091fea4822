"""The command line. `main` is what the shell calls; everything heavy is imported inside the commands."""

from __future__ import annotations


def main() -> None:
    """Run the command line."""
    import io
    import os
    import sys

    from butfor.cli.errors import ascii_where_needed

    nowhere = io.TextIOWrapper(io.FileIO(os.devnull, "w"))
    sys.stdout, sys.stderr = sys.stdout or nowhere, sys.stderr or nowhere  # the shell may have closed them
    ascii_where_needed()
    try:
        from butfor.cli.app import app

        app()
    except KeyboardInterrupt:
        sys.exit(130)
