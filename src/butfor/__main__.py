"""`python -m butfor` is the command line."""

from butfor.cli import main

main()
