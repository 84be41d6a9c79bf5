"""Which calls are under way to an address-of-record (RFC 3261 16.5): what registers meanwhile joins their targets."""

from __future__ import annotations

from offhook.proxy.context import ResponseContext

__all__ = ["Watch"]


class Watch:
    """The response contexts that may still get targets, by address-of-record."""

    __slots__ = ("_contexts",)

    def __init__(self) -> None:
        # In the order of their calls; thousands may wait for one address.
        self._contexts: dict[str, dict[ResponseContext, None]] = {}

    def __len__(self) -> int:
        return len(self._contexts)

    def begin(self, aor: str, context: ResponseContext) -> None:
        """Watch the bindings of `aor` for a context."""
        context.watched = aor
        among = self._contexts.get(aor)
        if among is None:
            self._contexts[aor] = {context: None}
        else:
            among[context] = None

    def end(self, context: ResponseContext) -> None:
        """No further target is wanted. Nothing happens when none was."""
        aor = context.watched
        if aor:
            context.watched = ""
            among = self._contexts[aor]
            del among[context]
            if not among:
                del self._contexts[aor]

    def holds(self, aor: str) -> bool:
        """Whether a context waits for bindings of `aor`."""
        return aor in self._contexts

    def of(self, aor: str) -> list[ResponseContext]:
        """The contexts that wait for bindings of `aor`, in a list of their own."""
        return list(self._contexts.get(aor, ()))
