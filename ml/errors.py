"""The two ways a step can fail, and the exit codes that the command line gives them."""


class SlateError(Exception):
    """Base of every error that Slate raises on purpose; its message is meant for people."""

    exit_code = 1


class RunFailed(SlateError):
    """A step ran and could not finish: a gate refused, a model did not train (exit code 1)."""


class BadInput(SlateError):
    """What was handed in is wrong: names the file, row, field and remedy (exit code 2)."""

    exit_code = 2
