"""How much an engine takes on at once, whatever the world sends (RFC 3261 21.5.4)."""

from __future__ import annotations

from offhook.sip.message import Request
from offhook.transaction.table import TransactionTable

__all__ = ["Capacity"]


class Capacity:
    """The most `transactions` in all, and the most `unanswered` requests, which are the dearest, among them.

    Beyond either no request gets in that begins something. What belongs to calls that exist goes on until a quarter
    more is there: ACK and CANCEL always.
    """

    __slots__ = ("transactions", "unanswered")

    def __init__(self, transactions: int = 300_000, unanswered: int = 30_000) -> None:
        if transactions < 1 or unanswered < 1:
            raise ValueError("a capacity must be at least 1")
        self.transactions = transactions
        self.unanswered = unanswered

    def has_room(self, table: TransactionTable) -> bool:
        """Whether any request may get in."""
        return table.unanswered < self.unanswered and len(table.servers) + len(table.clients) < self.transactions

    def is_half_full(self, table: TransactionTable) -> bool:
        """Whether the half is taken that those who show no password may have."""
        return (
            2 * table.unanswered >= self.unanswered
            or 2 * (len(table.servers) + len(table.clients)) >= self.transactions
        )

    def refuses(self, request: Request, table: TransactionTable) -> bool:
        """Whether a request is turned away when there is no room. Raises ParseError."""
        method = request.method
        if method == "ACK" or method == "CANCEL":
            return False
        if request.to_tag is None:
            return True
        held = len(table.servers) + len(table.clients)
        return 4 * table.unanswered >= 5 * self.unanswered or 4 * held >= 5 * self.transactions
