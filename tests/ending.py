"""The exit status of a program that runs in this process."""

from collections.abc import Callable


def status_of(main: Callable[..., int], *arguments: object) -> object:
    """What `main` returns, or ends with where its arguments are wrong."""
    try:
        return main(*arguments)
    except SystemExit as ended:  # of argparse
        return ended.code
