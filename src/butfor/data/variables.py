"""Variables of a study as people name them: a name, what it means, its values; read from TOML.

    about = "patients of a chest clinic"      # optional: what is studied

    [[variable]]
    name = "smoke"
    about = "smoking cigarettes"              # optional
    values = ["yes", "no"]                    # optional

Data       Names and descriptions are data. They stand in a prompt as JSON strings (`quoted`), so that a quotation mark
           or a line break in a name stays inside of it, and what a name says is never taken for an instruction by us.
           What the study is about stands on one line.
Refused    no variable or one alone, a name that stands twice or is empty, anything longer than `LONGEST` characters.
Limits     A model may still obey what it reads in a name; quoting shows it where the name ends, and nothing more.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from butfor.core.errors import DataError, did_you_mean
from butfor.data.find import saw

LONGEST = 200  # characters of a name, a description or a value
MOST = 100  # variables
KEYS = ("name", "about", "values")


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable."""

    name: str
    about: str = ""
    values: tuple[str, ...] = ()

    @property
    def told(self) -> str:
        """The name with what it means, as it stands in a prompt."""
        values = f" ({', '.join(map(quoted, self.values))})" if self.values else ""
        return quoted(self.name) + (f": {quoted(self.about)}" if self.about else "") + values


@dataclass(frozen=True, slots=True)
class Study:
    """The variables that are studied, and what the study is about."""

    variables: tuple[Variable, ...]
    about: str = ""

    def __post_init__(self) -> None:
        names = self.names
        if len(names) < 2:
            raise DataError(f"a graph needs two variables or more; there is {len(names)}: add [[variable]] name = …")
        if len(names) > MOST:
            raise DataError(f"{len(names)} variables are more than can be asked about ({MOST}); leave some out")
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise DataError(f"a variable stands twice: {', '.join(map(quoted, twice))}; give each a name of its own")

    @property
    def names(self) -> tuple[str, ...]:
        """The names in their order."""
        return tuple(variable.name for variable in self.variables)

    @property
    def listed(self) -> str:
        """All variables, a line each."""
        return "\n".join(f"- {variable.told}" for variable in self.variables)

    @classmethod
    def read(cls, source: str | Path | Mapping[str, Any]) -> Study:
        """A study from a TOML file, or from a mapping of the same keys."""
        where = "the variables" if isinstance(source, Mapping) else str(source)
        table = source if isinstance(source, Mapping) else _toml(Path(source))
        for key in table:
            if key not in ("about", "variable"):
                raise DataError(f"{where}: unknown key {key!r}{did_you_mean(key, ('about', 'variable'))}")
        rows = table.get("variable", ())
        if isinstance(rows, str | Mapping) or not isinstance(rows, Iterable):
            raise DataError(f'{where}: variables are written [[variable]], each with a line name = "…"')
        made = [_variable(where, n, row) for n, row in enumerate(cast("Iterable[Any]", rows), 1)]
        about = _text(where, "about", table.get("about", ""))
        return cls(tuple(made), " ".join(about.split()))

    @classmethod
    def named(cls, names: Sequence[str]) -> Study:
        """A study whose variables have names and nothing else."""
        return cls.read({"variable": [{"name": name} for name in names]})


def quoted(text: str) -> str:
    """The text as a JSON string, the letters of all languages as they are."""
    return json.dumps(text, ensure_ascii=False)


def _toml(path: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(saw(path).read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise DataError(
            f"{path} does not exist; a file of variables is TOML: [[variable]] with name and about"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read ({error}); a file of variables is TOML in UTF-8") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise DataError(f"{path} is no TOML: {error}") from error


def _variable(where: str, number: int, row: Any) -> Variable:
    place = f"{where}, variable {number}"
    if not isinstance(row, Mapping):
        raise DataError(f'{place} is no table; write [[variable]] and below it name = "…"')
    table = cast("Mapping[str, Any]", row)
    for key in table:
        if key not in KEYS:
            raise DataError(f"{place}: unknown key {key!r}{did_you_mean(key, KEYS)}")
    name = _text(place, "name", table.get("name", ""))
    if not name:
        raise DataError(f'{place} has no name; write name = "…"')
    values = table.get("values", ())
    if isinstance(values, str | Mapping) or not isinstance(values, Iterable):
        raise DataError(f'{place}: values should be a list, as in ["yes", "no"]')
    told = tuple(_text(place, "values", str(value)) for value in cast("Iterable[Any]", values))
    return Variable(name, _text(place, "about", table.get("about", "")), told)


def _text(place: str, key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise DataError(f"{place}: {key} should be a text in quotation marks, not {value!r:.60}")
    if len(value) > LONGEST:
        raise DataError(f"{place}: {key} has {len(value):,} characters; {LONGEST} at most")
    return value.strip()
