"""The verified ladder: fresh questions on all three rungs, each answer computed exactly and checked by enumeration.

```python
from butfor.data.ladder import ladder

for item in ladder(3, seed=7):
    print(item["prompt"], item["choices"][item["answer"]], item["why"], sep="\\n")
```

stories, words   what worlds are told in: common sense, against it, or in words of no language
world, draw      random worlds in whole percents, by family and by dials
kinds            what is asked, as a number whose sign decides: by the engine, and by enumeration (`brute`)
tell, ask, why   premises, question, derivation
stream, check    the endless stream; a file checked again
"""

from __future__ import annotations

from butfor.data.ladder.check import Checked, check, fault, misled, read
from butfor.data.ladder.draw import Dials
from butfor.data.ladder.kinds import KINDS
from butfor.data.ladder.stream import Ladder, ladder
from butfor.data.ladder.words import SENSES

__all__ = ["KINDS", "SENSES", "Checked", "Dials", "Ladder", "check", "fault", "ladder", "misled", "read"]
