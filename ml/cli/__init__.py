"""`slate`: every step of the pipeline by hand, a thin shell over `ml.steps`."""

import atexit
import sys
from typing import NoReturn

from ml.cli.app import app
from ml.errors import SlateError
from ml.logs import console, set_up_logging, silence_exit

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line; exit code 0, 1 for a failed run, 2 for bad input."""
    set_up_logging()
    atexit.register(silence_exit)
    try:
        app(args=arguments, prog_name="slate")
    except SlateError as error:
        console.print(f"[bold red]{type(error).__name__}[/]:", end=" ")
        console.print(str(error), markup=False, highlight=False, soft_wrap=True)
        sys.exit(error.exit_code)
    sys.exit(0)
