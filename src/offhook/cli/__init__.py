"""The command `offhook`: one module for each of its commands.

Only the module of the command that is called is imported: a server needs no audio, and a list of accounts no sockets.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Final

import typer

from offhook.cli.exits import INTERRUPTED, STATUSES, status_of
from offhook.cli.say import complain, prepare
from offhook.errors import SipError

__all__ = ["COMMANDS", "application", "main"]

COMMANDS: Final = {
    "serve": "serve",
    "register": "register",
    "call": "call",
    "answer": "answer",
    "message": "message",
    "ping": "ping",
    "user": "user",
    "lint": "lint",
    "check-config": "check_config",
}
"""The commands in the order of the help, each with its module and its name there."""

EPILOG: Final = "Exit status: " + "; ".join(f"{status} {meaning}" for status, meaning in STATUSES.items()) + "."


def main() -> None:
    """Run the command line; mistakes and failures end it with one sentence and an exit status that tells them apart."""
    prepare()
    try:
        application(sys.argv[1:])()
    except SipError as error:
        complain(error)
        sys.exit(status_of(error))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def application(words: list[str]) -> typer.Typer:
    """The command line, with the one command that the words call, or with all when they call none."""
    app = typer.Typer(
        name="offhook",
        help="Offhook: a SIP server, a phone, and tools to see and test calls.",
        epilog=EPILOG,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    app.callback()(_offhook)
    called = next((word for word in words if not word.startswith("-")), "")
    for name in [called] if called in COMMANDS else [] if words[:1] == ["--version"] else COMMANDS:
        command = getattr(import_module(f"offhook.cli.{COMMANDS[name]}"), COMMANDS[name])
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name)(command)
    return app


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"offhook {version('offhook')}")
        raise typer.Exit


def _offhook(
    *,
    show_version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    """What all commands share."""
