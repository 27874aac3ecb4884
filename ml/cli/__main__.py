"""`python -m ml.cli` is `slate`."""

from ml.cli import main

main()
