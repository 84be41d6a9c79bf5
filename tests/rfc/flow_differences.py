"""Where our messages differ from the RFCs' on purpose, each with its reason; any other difference is a fault."""

from __future__ import annotations

from typing import Final

from tests.rfc.flow_comparison import Finding
from tests.rfc.flow_steps import Step

__all__ = ["DIFFERENCES", "INSTEAD", "PRELUDES", "SKIPPED", "Difference"]


class Difference:
    """`codes` of findings, expected at `scopes`: plays ("3.2"), their steps ("3.2 F5"), kinds of message ("180 INVITE")
    or all ("*")."""

    def __init__(self, codes: str, scopes: str, reason: str) -> None:
        self.codes = codes.split(", ")
        self.scopes = scopes.split(", ")
        self.reason = reason

    def words(self, play: str, step: Step, finding: Finding) -> set[str]:
        """The code and the scopes by which it explains a finding; empty where it does not."""
        scopes = {"*", play, f"{play} F{step.number}", step.kind} & {*self.scopes}
        return {finding.code, *scopes} if finding.code in self.codes and scopes else set()

    def __repr__(self) -> str:
        return f"{', '.join(self.codes)} at {', '.join(self.scopes)}"


DIFFERENCES: Final = (
    # What later RFCs want, or RFC 3261 itself where the flows leave it out.
    Difference("Via rport added", "*", "RFC 3581 3: a client that supports rport asks for it."),
    Difference("Max-Breadth added", "INVITE, ACK, BYE", "RFC 5393 5.3.3: a proxy limits parallel forking."),
    Difference("Date added", "200 REGISTER", "RFC 3261 10.3 step 8: the answer SHOULD have it."),
    Difference("Allow added", "REGISTER, INVITE, 180 INVITE, 200 INVITE", "RFC 3261 13.2.1, 13.3.1.4: SHOULD; 20.5."),
    Difference("Supported added", "REGISTER, INVITE, 200 INVITE", "RFC 3261 13.2.1, 13.3.1.4: SHOULD."),
    Difference("Accept added", "INVITE", "RFC 3261 13.2.1: MAY; it tells of multipart bodies."),
    Difference("User-Agent added", "REGISTER, INVITE, ACK, BYE", "RFC 3261 20.41."),
    Difference(
        "Server added",
        "180 INVITE, 200 INVITE, 200 BYE, 480 INVITE, 486 INVITE, 487 INVITE",
        "RFC 3261 20.35: of user agents; proxies have none in theirs.",
    ),
    Difference("SDP sendrecv added", "INVITE, 200 INVITE, ACK", "RFC 3264 5.1: the default, in words."),
    Difference(
        "Authorization algorithm added, Authorization qop added, Authorization nc added, Authorization cnonce added",
        "2.1, 2.2, 2.3, 2.4, 2.4 with *, 2.5",
        "RFC 3261 22.4: what answers a qop has them; the flows offer qop and do not answer it.",
    ),
    Difference(
        "Proxy-Authorization algorithm added, Proxy-Authorization qop added, Proxy-Authorization nc added, "
        "Proxy-Authorization cnonce added",
        "INVITE, ACK",
        "As Authorization.",
    ),
    Difference(
        "WWW-Authenticate opaque left out, WWW-Authenticate stale left out, Proxy-Authenticate opaque left out, "
        "Proxy-Authenticate stale left out, Authorization opaque left out, Proxy-Authorization opaque left out",
        "401 REGISTER, 407 INVITE, REGISTER, INVITE, ACK",
        "RFC 7616 3.3: both are optional; without stale it is false, an empty opaque says nothing.",
    ),
    # How our proxies and user agents do what the flows do in another way.
    Difference(
        "Record-Route proof added, Route proof added",
        "INVITE, 180 INVITE, 200 INVITE, ACK, BYE",
        "RFC 3261 16.6 step 4: parameters of the proxy's own; ours prove the dialog (RFC 5626 5.3).",
    ),
    Difference(
        "Record-Route transport added, Route transport added",
        "3.2, 3.3, 3.5, 3.6, 3.9",
        "RFC 3261 16.6 step 4: the next hop is known to speak it, for that is how it was reached.",
    ),
    Difference(
        "Request-URI is sips:biloxi.example.com, Authorization uri is sips:biloxi.example.com",
        "2.1, 2.2, 2.3, 2.4, 2.4 with *, 2.5",
        "RFC 3261 10.2: the Request-URI names the domain; the flows name the registrar's host.",
    ),
    Difference("Request-URI is sip:biloxi.com", "24.1 F1", "RFC 3261 10.2, as before."),
    Difference(
        "Contact expires 3600",
        "2.1 F1, 2.1 F3, 2.5 F1, 2.5 F3",
        "RFC 3261 10.2.1.1: what we want is asked for, in the parameter.",
    ),
    Difference(
        "Contact expires 7200, Expires left out",
        "24.1 F1, 24.1 F2",
        "RFC 3261 10.2.1.1, 10.3 step 8: the parameter instead; in the answer it MUST be there.",
    ),
    Difference("Expires left out", "2.4 F1", "RFC 3261 10.2.1.1: the parameter is there instead."),
    Difference(
        "Contact is <sips:bob@client.biloxi.example.com:5061>;expires=0",
        "2.4 F1",
        "RFC 3261 10.2.2: our user agent removes its own contact, and leaves those of the user's other phones.",
    ),
    Difference(
        "Contact expires 3598, Contact expires 3599, Contact expires 3600",
        "2.2 F2, 2.3 F2",
        "RFC 3261 10.3 steps 7 and 8: what is left of an hour, which is the registrar's default for mailto too.",
    ),
    Difference("Contact expires 3598", "3.6 F2", "RFC 3261 21.3.3: for how long the redirection holds."),
    Difference(
        "To display name",
        "*",
        "RFC 3261 8.1.1.2: may be there; a user agent that is given a URI knows no name for it.",
    ),
    Difference(
        "From display name", "BYE, 200 BYE, 3.7", "RFC 3261 12.2.1.1: the callee's From is the To of the INVITE."
    ),
    Difference(
        "Via TCP for UDP, Contact transport added",
        "3.3, 3.5",
        "RFC 3261 18.1.1: with our fields an INVITE with two credentials fits no datagram, so that these are over TCP.",
    ),
    Difference(
        "SDP c= is IN IP4 192.0.2.101, SDP c= is IN IP4 192.0.2.201",
        "3.5 F2, 3.5 F4, 3.5 F11",
        "RFC 3261 16.6: a proxy leaves the body alone; the RFC's is a B2BUA here.",
    ),
    Difference(
        "Call-ID kept",
        "3.4",
        "RFC 3263 4.3: our user agent sends the same request to the next server; the RFC's begins another call.",
    ),
    Difference(
        "Route <sip:ss1.atlanta.example.com;lr> added",
        "3.4 F8, 3.4 F11",
        "RFC 3261 8.1.2: the route to its outbound proxy, which both proxies are by name.",
    ),
    Difference(
        "Route <sip:bigbox3.site3.atlanta.com;lr> added",
        "24.2 F1",
        "RFC 3261 8.1.2: the route to an outbound proxy; the RFC does not say how Alice knows hers.",
    ),
    Difference("status 408", "3.10 F12, 3.10 F14", "RFC 3261 16.7 and 16.8: who gets no answer behaves as upon a 408."),
    # What the RFCs print wrongly.
    Difference(
        "reason phrase Proxy Authentication Required",
        "407 INVITE",
        "RFC 3261 21.4.8: Proxy Authentication Required; the flows say Authorization.",
    ),
    Difference(
        "Request-URI transport added",
        "3.1, 3.2, 3.3, 3.5, 3.6, 3.9",
        "RFC 3261 12.2.1.1, 16.6 step 2: the whole Contact of the other side, whose transport the flows drop.",
    ),
    Difference(
        "From tag kept",
        "2.1 F3, 2.1 F4, 2.5 F3, 2.5 F4",
        "RFC 3261 8.1.3.5: what is sent again has the same From; the flows print another tag.",
    ),
    Difference("To tag changed", "2.5 F4", "RFC 3261 19.3: a tag is unique; the flow prints one in two answers."),
    Difference("To tag added", "200 CANCEL", "RFC 3261 8.2.6.2: every answer but 100 MUST have one."),
    Difference(
        "Route <sip:ss1.atlanta.example.com;lr> added",
        "3.2 F3, 3.3 F3, 3.3 F10, 3.4 F10, 3.8 F20, 3.9 F11, 3.10 F15, 3.11 F14",
        "RFC 3261 17.1.1.3: the Routes of the INVITE MUST be in the ACK to a refusal.",
    ),
    Difference(
        "Route <sip:ss1.atlanta.example.com;lr> added", "3.3 F11", "RFC 3261 22.3: the INVITE again; F1 and F4 have it."
    ),
    Difference(
        "Proxy-Authorization added",
        "3.2 F15, 3.4 F18, 3.5 F12, 3.5 F13",
        "RFC 3261 22.1: the credentials of the INVITE are in the ACK, as in 3.3 F19.",
    ),
    Difference("Proxy-Authorization added", "3.5 F14, 3.5 F15", "RFC 3261 22.3: in all that has the same Call-ID."),
    Difference("Contact left out", "3.3 F20, 3.3 F21", "RFC 3261 16.6: F19 has none, and a proxy adds none."),
    Difference(
        "Via sent-by is ss1.atlanta.example.com:5060",
        "3.3 F8, 3.8 F18",
        "RFC 3261 17.1.1.3: the Via of the proxy that sent the INVITE.",
    ),
    Difference(
        "Request-URI is sip:bob@biloxi.example.com",
        "3.8 F11",
        "RFC 3261 9.1: that of the INVITE; the flow prints Alice's.",
    ),
    Difference("Content-Length added", "3.8 F19", "RFC 3261 20.14: SHOULD, and all others have it."),
    Difference("Max-Forwards added", "2.5 F1", "RFC 3261 8.1.1.6: MUST."),
    Difference("Max-Forwards left out", "3.7 F10, 3.7 F13", "RFC 3261 20 table 2: in requests alone."),
    Difference("Via received left out", "2.5 F1, 3.6 F14", "RFC 3261 18.2.1: the receiver adds it, not the sender."),
    Difference("Via received is 192.0.2.100", "3.6 F14", "RFC 3261 18.2.1: Bob's sent-by is a name."),
    Difference("Via received is 192.0.2.201", "3.2 F22", "RFC 3261 18.2.1: Bob's address; the flow prints Alice's."),
    Difference(
        "Via received is 192.0.2.4", "24.2 F14", "RFC 3261 18.2.1: our Bob writes his name into Via, not his address."
    ),
)

SKIPPED: Final = {
    "3.3 F5": "RFC 3261 17.2.1: no 100 is needed where something else follows within 200 ms, and here it is the 407.",
}
"""The steps that ours do not take, and why."""

INSTEAD: Final = {"3.10 F12": "408 INVITE", "3.10 F14": "408 INVITE"}
"""What ours send where the RFC has another kind of message; DIFFERENCES says why."""

_ALICE, _ALG1, _SS1, _SS2 = "192.0.2.101", "192.0.2.128", "192.0.2.111", "192.0.2.222"
_CHALLENGED: Final = (
    f"INVITE {_ALICE} -> {_SS1}",
    f"407 INVITE {_SS1} -> {_ALICE}",
    f"ACK {_ALICE} -> {_SS1}",
)
PRELUDES: Final = {
    "3.5": (
        f"INVITE {_ALICE} -> {_ALG1}",
        f"INVITE {_ALG1} -> {_SS2}",
        f"407 INVITE {_SS2} -> {_ALG1}",
        f"ACK {_ALG1} -> {_SS2}",
        f"407 INVITE {_ALG1} -> {_ALICE}",
        f"ACK {_ALICE} -> {_ALG1}",
    ),
    **dict.fromkeys(("3.8", "3.9", "3.10", "3.11"), _CHALLENGED),
}
"""What ours send before F1 where it has credentials already: they are not kept across dialogs (RFC 3261 22.3)."""
