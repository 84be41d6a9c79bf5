"""Event and Subscription-State (RFC 6665 8.2.1, 8.2.3)."""

from __future__ import annotations

from offhook.sip.headers.numbers import MAX_DELTA_SECONDS
from offhook.sip.headers.tokens import ParamToken, split_param_token

__all__ = ["Event", "SubscriptionState", "parse_event", "parse_subscription_state"]


class Event(ParamToken):
    """An event type: `token` is the package with its templates, such as "presence.winfo"."""

    __slots__ = ()

    @property
    def package(self) -> str:
        """The event package without templates."""
        return self.token.partition(".")[0]

    @property
    def templates(self) -> tuple[str, ...]:
        """The templates applied to the package, in order."""
        return tuple(self.token.split(".")[1:])

    @property
    def id(self) -> str | None:
        """What tells several subscriptions of one dialog apart (RFC 6665 8.2.1)."""
        return self.param("id")


class SubscriptionState(ParamToken):
    """The state of a subscription: `token` is "active", "pending", "terminated" or an extension."""

    __slots__ = ()

    @classmethod
    def build(
        cls, state: str, *, expires: int | None = None, reason: str | None = None, retry_after: int | None = None
    ) -> SubscriptionState:
        """A value from plain ones; times in seconds."""
        params: dict[str, str | None] = {}
        if expires is not None:
            params["expires"] = str(expires)
        if reason is not None:
            params["reason"] = reason
        if retry_after is not None:
            params["retry-after"] = str(retry_after)
        return SubscriptionState(state, params)

    @property
    def state(self) -> str:
        """The state in lower case."""
        return self.token.lower()

    @property
    def expires(self) -> int | None:
        """Seconds that are left; None when absent or malformed."""
        return _seconds(self.param("expires"))

    @property
    def reason(self) -> str | None:
        """Why it was terminated, in lower case: "deactivated", "timeout", "noresource" ... (RFC 6665 4.1.3)."""
        value = self.param("reason")
        return None if value is None else value.lower()

    @property
    def retry_after(self) -> int | None:
        """Seconds to wait before subscribing again; None when absent or malformed."""
        return _seconds(self.param("retry-after"))


def _seconds(text: str | None) -> int | None:
    if text is None or len(text) > 10 or not text.isascii() or not text.isdigit():
        return None
    return min(int(text), MAX_DELTA_SECONDS)


def parse_event(text: str) -> Event:
    """The value of Event. Raises ParseError."""
    token, params = split_param_token(text)
    return Event(token, params)


def parse_subscription_state(text: str) -> SubscriptionState:
    """The value of Subscription-State. Raises ParseError."""
    token, params = split_param_token(text)
    return SubscriptionState(token, params)
