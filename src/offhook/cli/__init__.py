"""The command `offhook`: one module for each of its commands."""

from __future__ import annotations

import sys

import typer

from offhook.cli.answer import answer
from offhook.cli.call import call
from offhook.cli.check_config import check_config
from offhook.cli.exits import status_of
from offhook.cli.message import message
from offhook.cli.ping import ping
from offhook.cli.register import register
from offhook.cli.serve import serve
from offhook.cli.user import user
from offhook.errors import SipError

__all__ = ["app", "main"]

app = typer.Typer(
    name="offhook",
    help="Offhook: a SIP server, a phone, and tools to see and test calls.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (serve, register, call, answer, message, ping, check_config):
    app.command()(command)
app.add_typer(user, name="user")


def main() -> None:
    """Run the command line; mistakes and failures end it with one sentence and an exit status that tells them apart."""
    try:
        app()
    except SipError as error:
        print(f"offhook: {error}", file=sys.stderr)
        sys.exit(status_of(error))
    except KeyboardInterrupt:
        sys.exit(130)
