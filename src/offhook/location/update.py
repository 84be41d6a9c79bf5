"""One change of an address-of-record's bindings, as a REGISTER asks for it (RFC 3261 10.3 steps 6 and 7).

The change is a value with a pure function, so that every location service can apply it in a transaction of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from offhook.errors import ProtocolError
from offhook.location.binding import Binding

__all__ = ["DEFAULT_MAX_CONTACTS", "Update"]

DEFAULT_MAX_CONTACTS: Final = 10


class Update:
    """What one REGISTER wants.

    `bindings` are to be added or to take the place of those that they match; one that `expires` at 0 is to be
    removed. `everything`: all bindings are to go ("*"). `most`: how many bindings the address-of-record may have.
    """

    __slots__ = ("aor", "bindings", "call_id", "cseq", "everything", "most")

    def __init__(
        self,
        aor: str,
        call_id: str,
        cseq: int,
        bindings: Sequence[Binding],
        everything: bool = False,
        most: int = DEFAULT_MAX_CONTACTS,
    ) -> None:
        self.aor = aor
        self.call_id = call_id
        self.cseq = cseq
        self.bindings = bindings
        self.everything = everything
        self.most = most

    @classmethod
    def removal(cls, aor: str) -> Update:
        """The administrator's removal of all bindings, whatever their order."""
        return cls(aor, "", 0, (), True)

    def __repr__(self) -> str:
        what = "*" if self.everything else ", ".join([binding.contact for binding in self.bindings])
        return f"<Update {self.aor}: {what}>"

    def apply(self, current: Sequence[Binding]) -> list[Binding]:
        """The bindings after the change, from those that have not expired; the arguments stay as they are.

        All or nothing: raises ProtocolError 500 when a newer REGISTER of the same client was here before, and 403
        when there would be too many bindings.
        """
        if self.everything:
            for binding in current:
                # Step 6: agreeing Call-IDs ask for a higher CSeq.
                if binding.call_id == self.call_id and binding.cseq >= self.cseq:
                    raise _out_of_order("6")
            return []
        result = list(current)
        for wanted in self.bindings:
            self._change(result, wanted)
        if len(result) > self.most and len(result) > len(current):
            raise ProtocolError(f"more than {self.most} contacts", status=403)
        return result

    def _change(self, result: list[Binding], wanted: Binding) -> None:
        """Step 7 for one contact address."""
        for position, binding in enumerate(result):
            if not binding.matches(wanted):
                continue
            if binding.call_id == self.call_id and binding.cseq >= self.cseq and binding not in self.bindings:
                if binding.cseq == self.cseq and binding.branch == wanted.branch:
                    # The same request again (17.2.3): a server that was restarted has no transaction to know it by.
                    return
                raise _out_of_order("7")
            if wanted.expires:
                result[position] = wanted
            else:
                del result[position]
            return
        if wanted.expires:
            result.append(wanted)


def _out_of_order(step: str) -> ProtocolError:
    """The update is aborted and the request fails; what fails here is answered 500 (RFC 3261 10.3 step 7)."""
    return ProtocolError("CSeq is not above that of the binding", status=500, clause=f"RFC 3261 10.3 step {step}")
