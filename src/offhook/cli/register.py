"""`offhook register`: register an account and keep it registered."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from offhook.cli.options import AsOption, AuthoritiesOption, ProxyOption, TraceOption, TransportOption
from offhook.cli.phone import user_agent
from offhook.cli.registration import until_rejected
from offhook.cli.run import run
from offhook.cli.say import say
from offhook.ua.agent import UserAgent

__all__ = ["register"]


def register(
    *,
    once: Annotated[bool, typer.Option("--once", help="Only try whether it works, and unregister again.")] = False,
    as_: AsOption = "",
    proxy: ProxyOption = "",
    transport: TransportOption = "",
    authorities: AuthoritiesOption = None,
    trace: TraceOption = False,
) -> None:
    """Register, and stay registered until Ctrl-C."""
    agent = user_agent(
        as_, "alice", proxy=proxy, transport=transport, authorities=authorities, register=True, trace=trace
    )
    run(_register(agent, once))


async def _register(agent: UserAgent, once: bool) -> None:
    async with agent as ua:
        say(f"registered {ua.settings.aor}{'' if once else '; Ctrl-C unregisters'}")
        if not once:
            try:
                failure = await until_rejected(ua)
            except asyncio.CancelledError:
                say("unregistering")
                return
            raise failure.exception
