"""The registrar (RFC 3261 10.3): a role of the engine, without I/O. Its steps stand in the order of that section.

Where the location service answers at once, the request is answered without a transaction (8.2.7): bindings remember
the branch that wrote them, so that a retransmission gets the same answer and changes nothing. Where the service takes
its time, a transaction absorbs retransmissions.

Budget on CPython 3.11, parser and engine included: 55 us for a REGISTER (`python -m bench.engine
--only REGISTER`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from offhook.clock import Moment
from offhook.errors import ParseError, ProtocolError
from offhook.flow import Flow
from offhook.location.base import Later, LocationService, Outcome
from offhook.location.binding import Binding
from offhook.location.update import Update
from offhook.registrar.answer import Answer, Answers, local_status
from offhook.registrar.aor import aor_of, host_of
from offhook.registrar.body import refusal_of_body
from offhook.registrar.contacts import WantedContact, wanted_contacts
from offhook.registrar.outbound import binds_flow, is_first_hop, leads_back, supports
from offhook.registrar.refused import Refused
from offhook.registrar.removals import Removals
from offhook.registrar.settings import RegistrarSettings
from offhook.sip.headers.address import NameAddr
from offhook.sip.host import host_key, is_ip_address
from offhook.sip.message import Request
from offhook.sip.status import phrase_for
from offhook.sip.uri import SipUri
from offhook.stack import Stack

__all__ = ["Registrar"]

OPTIONS: Final = frozenset(("path", "outbound"))
"""The option tags that are understood."""
LONGEST_USER_AGENT: Final = 128


class Registrar:
    """Changes the bindings of the domains that it serves.

    `domains`: their names in lower case. `is_listener` tells whether a URI names an address of this server. `secret`
    keys the tags of answers without a transaction and is the same in all workers.
    """

    def __init__(
        self,
        stack: Stack,
        location: LocationService,
        later: Later,
        domains: frozenset[str],
        is_listener: Callable[[SipUri], bool],
        secret: bytes,
        settings: RegistrarSettings | None = None,
    ) -> None:
        self.stack = stack
        self.location = location
        self.later = later
        self.domains = frozenset([host_key(domain) for domain in domains])
        self._numeric = frozenset([domain for domain in self.domains if is_ip_address(domain)])
        self.settings = RegistrarSettings() if settings is None else settings
        self._is_listener = is_listener
        self._answers = Answers(stack, secret)
        self._removals = Removals(stack.transactions.values.timeout)
        self.registered: Callable[[str, list[Binding], Moment], None] = _nobody
        """Called with each address-of-record whose bindings were written, and all that it then has."""

    def request(self, request: Request, flow: Flow, now: Moment, identity: str | None = None) -> None:
        """Take a REGISTER that matches no transaction.

        `identity` is the address-of-record of the authenticated user, None where nobody was asked to authenticate
        (a trusted network). Raises ParseError when the request cannot even be refused.
        """
        try:
            self._register(request, flow, now, identity)
        except Refused as refused:
            self.stack.refuse(request, flow, refused.status, refused.headers)
        except (ParseError, ProtocolError) as error:
            self.stack.refuse(request, flow, local_status(error.status), (), phrase_for(error))

    def _register(self, request: Request, flow: Flow, now: Moment, identity: str | None) -> None:
        domain = self._requested_domain(request)  # Step 1
        self._check_extensions(request)  # Step 2
        to = request.octets("to")
        aor = aor_of(to)
        if identity is None:
            identity = _asserted(request, to or b"", aor)
        self._authorize(aor, identity)  # Steps 3 and 4
        self._check_aor(aor, domain)  # Step 5
        answer = Answer(self._answers, request, flow, now)
        if request.holds("contact"):
            self._change(request, flow, aor, answer, now)  # Steps 6 and 7
        else:
            self._fetch(request, flow, aor, answer, now)  # Step 6

    def _requested_domain(self, request: Request) -> str:
        """Step 1: the domain in the Request-URI, "" when it names the server itself, which has all of them.

        What is for the domains of others has to be forwarded before it comes here.
        """
        uri = request.uri
        if isinstance(uri, SipUri):
            host = uri.host_key
            is_ours = host in self.domains
            if is_ours and host not in self._numeric:
                return host
            if is_ours or self._is_listener(uri):
                return ""
        raise ProtocolError("not a domain of this registrar", status=404, clause="RFC 3261 10.3 step 1")

    def _check_extensions(self, request: Request) -> None:
        """Step 2: Require, and what else 8.2.2 and 8.2.3 ask of any UAS."""
        if request.holds("require"):
            unknown = [tag for tag in request.tokens("Require") if tag.lower() not in OPTIONS]
            if unknown:
                raise Refused(420, ("Unsupported", ", ".join(unknown)))
        if request.holds("path") and not self.settings.path_unasked and not supports(request, "path"):
            # RFC 3327 5.3: a proxy added a Path that the client does not know of.
            raise Refused(420, ("Unsupported", "path"))
        if refusal := refusal_of_body(request):
            raise Refused(415, *refusal)

    def _authorize(self, aor: str, identity: str) -> None:
        """Steps 3 and 4: one's own address-of-record alone."""
        if identity != aor:
            may_register = self.settings.may_register
            if may_register is None or not may_register(identity, aor):
                raise ProtocolError("for another's address-of-record", status=403, clause="RFC 3261 10.3 step 4")

    def _check_aor(self, aor: str, domain: str) -> None:
        """Step 5: the address-of-record belongs to the domain in the Request-URI."""
        host = host_of(aor)
        if host not in self.domains or (domain and host != domain):
            raise ProtocolError("not an address-of-record of this domain", status=404, clause="RFC 3261 10.3 step 5")

    def _fetch(self, request: Request, flow: Flow, aor: str, answer: Answer, now: Moment) -> None:
        """Step 6: without a Contact nothing changes; the answer tells what there is."""
        bindings = self.location.lookup_now(aor, now)
        if bindings is None:
            answer.transaction = self.stack.accept(request, flow, now)
            self.later(self.location.lookup(aor, now), answer.complete)
        else:
            answer.complete(bindings, now)

    def _change(self, request: Request, flow: Flow, aor: str, answer: Answer, now: Moment) -> None:
        """Steps 6 and 7: all changes or none are carried out, by the location service."""
        update = self._update(request, flow, aor, answer, now)
        self._removals.check(update, now)
        try:
            saved = self.location.save(update, now)
        except (ParseError, ProtocolError):
            raise
        except Exception as error:
            # Whatever a service of somebody else's raises: this request fails, and nothing else.
            answer.failed(error, now)
            return
        self._removals.remember(update, now)
        if isinstance(saved, list):
            self._saved(aor, answer, saved, now)
        else:
            answer.transaction = self.stack.accept(request, flow, now)
            self.later(saved, partial(self._kept, aor, answer))

    def _kept(self, aor: str, answer: Answer, outcome: Outcome, now: Moment) -> None:
        """A change that took its time is done, or has failed."""
        if not isinstance(outcome, Exception):
            self._answers.outage.worked(now)
        self._saved(aor, answer, outcome, now)

    def _saved(self, aor: str, answer: Answer, outcome: Outcome, now: Moment) -> None:
        answer.complete(outcome, now)
        if isinstance(outcome, list):
            self.registered(aor, outcome, now)

    def _update(self, request: Request, flow: Flow, aor: str, answer: Answer, now: Moment) -> Update:
        contacts = wanted_contacts(request, self.settings)
        if contacts is None:
            return Update(aor, request.call_id, request.cseq_number, (), True)
        most = self.settings.max_contacts
        if len(contacts) > 2 * most:
            # All that there are can go, and as many come; each is compared with each.
            raise ProtocolError(f"more than {2 * most} contacts at once", status=403)
        path: tuple[str, ...] = ()
        if request.holds("path"):
            path = tuple([str(value) for value in request.headers("Path")])
        first_hop = is_first_hop(request)
        answer.outbound = binds_flow(request, contacts, path, first_hop)
        bindings: list[Binding] = []
        for contact in contacts:
            _check_secure(request, contact, path)
            back = first_hop and not path and (contact.reg_id > 0 or leads_back(request, flow, contact))
            bindings.append(self._binding(request, flow, contact, path, back, now))
        return Update(aor, request.call_id, request.cseq_number, bindings, False, most)

    def _binding(
        self, request: Request, flow: Flow, contact: WantedContact, path: tuple[str, ...], back: bool, now: Moment
    ) -> Binding:
        """The record of a contact address, with the Call-ID and CSeq of its request. Its end is on the wall clock."""
        agent = request.octets("user-agent")
        binding = Binding(
            contact.uri,
            contact.params,
            contact.q,
            now.wall + contact.expires if contact.expires else 0.0,
            request.call_id,
            request.cseq_number,
            request.branch or "",
            path,
            flow.serialize(),
            back,
            contact.instance,
            contact.reg_id,
            "" if agent is None else agent[:LONGEST_USER_AGENT].decode("utf-8", "surrogateescape"),
        )
        if binding.size() > self.settings.max_octets:
            raise ProtocolError("too much to keep for one binding", status=513, clause="RFC 3261 21.5.7")
        return binding


def _check_secure(request: Request, contact: WantedContact, path: tuple[str, ...]) -> None:
    """RFC 5630 5.2: a sips contact is bound only where the Request-URI and the whole Path are sips too."""
    if contact.secure and contact.expires:
        routes = [value for value in request.headers("Path") if isinstance(value, NameAddr)] if path else []
        if request.raw_uri[:5].lower() != b"sips:" or any(route.uri.scheme != "sips" for route in routes):
            raise ProtocolError("a sips contact over a sip way", status=400, clause="RFC 5630 5.2")


def _asserted(request: Request, to: bytes, aor: str) -> str:
    """Who a request says that it is from, which counts where nobody has to prove it; mostly who it is for."""
    value = request.octets("from") or b""
    if to[-1:] == b">" and value[: len(to) + 5] == to + b";tag=":
        return aor
    return aor_of(value)


def _nobody(aor: str, bindings: list[Binding], now: Moment) -> None:
    """Stands where nobody wants to know what was registered."""
