"""A dialog of ours is no way for strangers to anywhere else, and nobody's name in it is a stranger's to use.

Whoever calls one of our users, or is called by one, gets a Route entry that proves the dialog: RFC 3261 16.3 step 6,
16.12, 26.3.2.
"""

from __future__ import annotations

import pytest

from offhook.clock import Moment
from offhook.location.binding import Binding
from offhook.location.update import Update
from offhook.security.digest_client import Attempt, DigestClient, Secret
from offhook.server.config import DomainConfig
from offhook.testing.network import VirtualNode
from offhook.testing.peer import ScriptedPeer
from offhook.ua.authentication import add_credentials, challenged
from tests.server.wiring import DOMAIN, PASSWORDS, SERVER, Site

Peer = VirtualNode[ScriptedPeer]

EVE = "198.51.100.66"
VICTIM = "203.0.113.7"
BOB = "192.0.2.101"
ALICE = "192.0.2.1"
ALICE_AOR = "<sip:alice@example.com>"


class Dialog:
    """A dialog that was set up through the server. Alice's requests are sent again, with her password, after a 407."""

    def __init__(self, site: Site, caller: Peer, callee: Peer, sender: str, uri: str, transport: str = "UDP") -> None:
        self.site = site
        self.caller = caller
        self.callee = callee
        self.call_id = f"call-{len(site.network.trace or [])}"
        self.sender = sender
        self.called = f"<{uri}>"
        self.transport = transport
        self.challenges = 0
        self.statuses = self.send(caller, "INVITE", uri, f"{sender};tag=c", self.called, [])
        self.challenges = 0
        self.callers_routes = [str(route) for route in caller.role.responses[-1].record_routes][::-1]
        self.callees_routes = [str(route) for route in callee.role.requests[-1].record_routes]

    def send(self, peer: Peer, method: str, uri: str, sender: str, to: str, routes: list[str]) -> list[int]:
        """Send a request and let it happen; the final answers to it."""
        attempt = DigestClient((Secret("alice", PASSWORDS["alice"]),), peer.stack.ids).attempt(method, uri)
        answers = self._send(peer, method, uri, sender, to, routes, attempt)
        if answers == [407] and sender.startswith(ALICE_AOR) and peer.host != EVE:
            self.challenges += 1
            challenged(attempt, peer.role.responses[-1])
            answers = self._send(peer, method, uri, sender, to, routes, attempt)
        return answers

    def _send(
        self, peer: Peer, method: str, uri: str, sender: str, to: str, routes: list[str], attempt: Attempt
    ) -> list[int]:
        before = len(peer.role.responses)

        def act(now: Moment) -> None:
            draft = peer.role.request(method, uri, self.call_id, len(self.site.network.trace or []) + 1)
            draft.set("From", sender).set("To", to)
            for route in routes:
                draft.add("Route", route)
            add_credentials(draft, attempt)
            target = peer.target_to(SERVER, 5060, self.transport if peer is self.caller else "UDP")
            if method == "ACK":
                peer.role.stack.send_ack(draft, target)
            else:
                peer.role.send(draft, target, now)

        peer.call(act)
        self.site.run(3.0)
        return [response.status for response in peer.role.responses[before:] if response.status != 100]

    def by_caller(
        self, peer: Peer, method: str, uri: str = "", sender: str = "", to: str = "", more: tuple[str, ...] = ()
    ) -> list[int]:
        """A request that says to be the caller's, from whomever."""
        to = to or f"{self.called};tag=m"
        routes = [*self.callers_routes, *more]
        return self.send(peer, method, uri or self.callee.role.contact, f"{sender or self.sender};tag=c", to, routes)

    def by_callee(
        self, peer: Peer, method: str, uri: str = "", sender: str = "", more: tuple[str, ...] = ()
    ) -> list[int]:
        """A request that says to be the callee's, from whomever."""
        routes = [*self.callees_routes, *more]
        to = f"{self.sender};tag=c"
        return self.send(peer, method, uri or self.caller.role.contact, f"{sender or self.called};tag=m", to, routes)


def seen(peer: Peer) -> list[str]:
    return [request.method for request in peer.role.requests]


def bind(site: Site, aor: str, contact: str, path: tuple[str, ...] = ()) -> None:
    now = site.network.clock.now()
    binding = Binding(contact, "", None, now.wall + 900, "c", 1, "b", path, "", False)
    site.location.save(Update(aor, "c", 1, [binding]), now)


def site_with_bob(domain: DomainConfig | None = None) -> tuple[Site, Peer]:
    site = Site(domain=domain)
    bind(site, "sip:bob@example.com", f"sip:bob@{BOB}")
    return site, site.stranger(BOB, f"sip:bob@{BOB}")


def call_by_eve(domain: DomainConfig | None = None) -> tuple[Dialog, Peer, Peer]:
    """Eve, whom nobody knows, has called Bob, one of ours; there is a third one whom Eve would like to reach."""
    site, bob = site_with_bob(domain)
    eve, victim = site.stranger(EVE), site.stranger(VICTIM)
    dialog = Dialog(site, eve, bob, f"<sip:eve@{EVE}>", "sip:bob@example.com")
    assert dialog.statuses == [200]
    return dialog, eve, victim


def call_to_eve(transport: str = "UDP") -> tuple[Dialog, Peer, Peer]:
    """Alice, one of ours, has called Eve."""
    site = Site()
    alice = site.stranger(ALICE, f"sip:alice@{ALICE}")
    eve, victim = site.stranger(EVE), site.stranger(VICTIM)
    dialog = Dialog(site, alice, eve, ALICE_AOR, f"sip:eve@{EVE}", transport)
    assert dialog.statuses == [200]
    return dialog, eve, victim


# A stranger who called one of ours


@pytest.mark.parametrize("method", ["INVITE", "MESSAGE", "BYE", "REFER", "FOO"])
@pytest.mark.parametrize("sender", ["", "<sip:nobody@elsewhere.example>"])
def test_a_stranger_gets_nowhere_else_by_a_call_to_one_of_ours(method: str, sender: str) -> None:
    dialog, eve, victim = call_by_eve()
    target = f"sip:+1900@{VICTIM}"
    assert dialog.by_caller(eve, method, target, sender, "<sip:x@x>;tag=made-up") == [403]
    assert dialog.by_caller(eve, method, sender=sender, more=(f"<sip:{VICTIM};lr>",)) == [403]
    assert dialog.by_caller(eve, method, sender=sender, more=(f"<sip:{VICTIM}>",)) == [403]
    assert dialog.by_caller(eve, method, f"sip:bob@{BOB};maddr={VICTIM}", sender) == [403]
    assert dialog.by_callee(eve, method, target) != [200]
    assert seen(victim) == []


def test_nor_with_an_ack() -> None:
    dialog, eve, victim = call_by_eve()
    dialog.by_caller(eve, "ACK", f"sip:+1900@{VICTIM}")
    dialog.by_caller(eve, "ACK", f"sip:+1900@{VICTIM}", ALICE_AOR)
    assert seen(victim) == []
    dialog.by_caller(eve, "ACK")
    assert seen(dialog.callee) == ["INVITE", "ACK"]


@pytest.mark.parametrize("target", ["", f"sip:+1900@{VICTIM}"])
@pytest.mark.parametrize("method", ["INVITE", "MESSAGE"])
def test_nor_does_a_stranger_become_one_of_ours_in_mid_call(target: str, method: str) -> None:
    dialog, eve, victim = call_by_eve()
    assert dialog.by_caller(eve, method, target, ALICE_AOR) == [407]
    assert (seen(victim), seen(dialog.callee)) == ([], ["INVITE"])


def test_a_stranger_goes_on_with_its_call() -> None:
    dialog, eve, _ = call_by_eve()
    assert [dialog.by_caller(eve, method) for method in ("INVITE", "INFO", "BYE")] == [[200]] * 3
    assert dialog.by_callee(dialog.callee, "BYE") == [200]
    assert (seen(dialog.callee), seen(eve)) == (["INVITE", "INVITE", "INFO", "BYE"], ["BYE"])


def test_one_of_ours_is_free_to_go_on_elsewhere() -> None:
    """Where a call goes on is for its sides to say, as long as one is ours and shows it."""
    dialog, _, victim = call_by_eve()
    assert dialog.by_callee(dialog.callee, "BYE", f"sip:eve@{VICTIM}") == [200]
    assert seen(victim) == ["BYE"]


def test_two_calls_of_one_call_id_are_no_way_either() -> None:
    """By entries in opposite directions a request would come back from ourselves, who know everybody."""
    site, bob = site_with_bob()
    eve, victim = site.stranger(EVE), site.stranger(VICTIM)
    site.network.name(DOMAIN, (SERVER, 5060))
    bind(site, "sip:sales@example.com", "sip:bob@example.com")
    first = Dialog(site, eve, bob, f"<sip:eve@{EVE}>", "sip:sales@example.com")
    second = Dialog.__new__(Dialog)
    second.__dict__.update(first.__dict__)
    other = second.send(eve, "INVITE", "sip:sales@example.com", f"<sip:eve@{EVE}>;tag=d", second.called, [])
    assert (first.statuses, other) == ([200], [200])
    routes = [str(route) for route in eve.role.responses[-1].record_routes]
    assert len(first.callers_routes) == len(routes) == 2
    for mine in first.callers_routes:
        for theirs in routes:
            for host in ("elsewhere.example", DOMAIN):
                sender = f"<sip:alice@{host}>;tag=c"
                to = "<sip:x@x>;tag=d"
                first.send(eve, "MESSAGE", f"sip:x@{VICTIM}", sender, to, [mine, theirs])
                first.send(eve, "MESSAGE", f"sip:x@{VICTIM}", sender, to, [mine, theirs, mine])
                first.send(eve, "MESSAGE", f"sip:x@{VICTIM}", sender, to, [mine, f"<sip:{SERVER};lr>", theirs])
    assert seen(victim) == []


def test_a_neighbour_at_our_address_does_not_open_it() -> None:
    """A gateway on the same machine: what comes from that address may be what a stranger made us send to ourselves."""
    trunk = f"sip:{SERVER}:5080"
    domain = DomainConfig(name=DOMAIN, fallback=trunk, fallback_for_strangers=True, trusted=[f"{SERVER}/32"])
    site = Site(domain=domain)
    gateway = site.network.add(SERVER, lambda stack: ScriptedPeer(stack, f"sip:g@{SERVER}:5080", None, "m"), port=5080)
    eve, victim = site.stranger(EVE), site.stranger(VICTIM)
    first = Dialog(site, eve, gateway, f"<sip:eve@{EVE}>", "sip:x@example.com")
    other = first.send(eve, "INVITE", "sip:y@example.com", f"<sip:eve@{EVE}>;tag=d", first.called, [])
    assert (first.statuses, other) == ([200], [200])
    (theirs,) = [str(route) for route in eve.role.responses[-1].record_routes]
    for sender in ("<sip:x@elsewhere.example>", ALICE_AOR):
        (mine,) = first.callers_routes
        routes = [mine, theirs]
        assert first.send(eve, "MESSAGE", f"sip:x@{VICTIM}", f"{sender};tag=c", "<sip:x@x>;tag=d", routes) != [200]
    assert seen(victim) == []
    assert first.by_caller(eve, "BYE") == [200]
    assert first.by_callee(gateway, "MESSAGE", f"sip:x@{VICTIM}") == [200]


# A stranger whom one of ours called


@pytest.mark.parametrize("method", ["INVITE", "MESSAGE"])
def test_a_stranger_who_is_called_gets_nowhere_else(method: str) -> None:
    dialog, eve, victim = call_to_eve()
    assert dialog.by_callee(eve, method, f"sip:x@{VICTIM}") == [403]
    assert dialog.by_callee(eve, method, f"sip:x@{VICTIM}", ALICE_AOR) == [407]
    assert dialog.by_caller(eve, method, f"sip:x@{VICTIM}", "<sip:x@x>") == [403]
    assert dialog.by_caller(eve, method, f"sip:x@{VICTIM}") == [407]
    assert (seen(victim), seen(dialog.caller)) == ([], [])


def test_the_flow_of_a_phone_leads_to_it_and_nowhere_else() -> None:
    dialog, eve, victim = call_to_eve("TCP")
    assert dialog.by_callee(eve, "MESSAGE", f"sip:x@{VICTIM}") == [200]
    assert dialog.by_caller(eve, "MESSAGE", f"sip:x@{VICTIM}") == [407]
    assert (seen(victim), seen(dialog.caller)) == ([], ["MESSAGE"])


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_a_call_of_ours_goes_on_from_both_sides(transport: str) -> None:
    dialog, eve, _ = call_to_eve(transport)
    dialog.by_caller(dialog.caller, "ACK")
    assert [dialog.by_caller(dialog.caller, method) for method in ("INVITE", "INFO")] == [[200]] * 2
    assert [dialog.by_callee(eve, method) for method in ("INVITE", "BYE")] == [[200]] * 2
    dialog.by_callee(eve, "ACK")
    assert seen(eve) == ["INVITE", "ACK", "INVITE", "INFO"]
    assert seen(dialog.caller) == ["INVITE", "BYE", "ACK"]
    assert dialog.challenges == 0


@pytest.mark.parametrize("more", [(), ("<tel:+1555>",)])
@pytest.mark.parametrize("method", ["INVITE", "SUBSCRIBE"])
def test_a_call_that_goes_on_where_nothing_leads_is_answered_and_over(method: str, more: tuple[str, ...]) -> None:
    """An INVITE whose transaction is left without a final answer is there for ever."""
    site, bob = site_with_bob()
    alice = site.stranger(ALICE, f"sip:alice@{ALICE}")
    dialog = Dialog(site, alice, bob, ALICE_AOR, "sip:bob@example.com")
    assert dialog.statuses == [200]
    assert dialog.by_caller(alice, method, "sip:bob@192.0.2.101" if more else "tel:+1555", more=more) == [404]
    assert site.server.stack.transactions.unanswered == 0
    site.run(40.0)
    assert site.left() == [0, 0]


def test_one_of_ours_that_moved_is_challenged_once() -> None:
    dialog, eve, _ = call_to_eve()
    moved = dialog.site.stranger("192.0.2.77", "sip:alice@192.0.2.77")
    assert dialog.by_caller(moved, "INVITE") == [200]
    assert dialog.challenges == 1
    dialog.by_caller(moved, "ACK")
    assert dialog.by_caller(moved, "BYE") == [200]
    assert dialog.challenges == 1
    assert seen(eve) == ["INVITE", "INVITE", "ACK", "BYE"]


@pytest.mark.rfc("3261 22.1 #6")
def test_an_ack_is_not_challenged_but_dropped() -> None:
    dialog, eve, _ = call_to_eve()
    moved = dialog.site.stranger("192.0.2.77", "sip:alice@192.0.2.77")
    dialog.by_caller(moved, "ACK")
    assert (seen(eve), seen(moved), moved.role.responses) == (["INVITE"], [], [])


@pytest.mark.rfc("3261 22.1 #5")
@pytest.mark.parametrize(
    ("sender", "change", "passes"),
    [
        (ALICE_AOR, ("", ""), True),
        ("<sip:bob@example.com>", ("", ""), False),
        (ALICE_AOR, ("nc=00000001", "nc=00000002"), False),
        (ALICE_AOR, ('response="', 'response="0'), False),
    ],
)
def test_an_ack_passes_by_the_credentials_of_its_invite(sender: str, change: tuple[str, str], passes: bool) -> None:
    """A phone that is at another address by the time of the answer cannot be challenged for its ACK."""
    dialog, eve, _ = call_to_eve()
    [proven] = [text for m in dialog.site.messages(to=SERVER) for text in m.texts("Proxy-Authorization")]
    moved = dialog.site.stranger("192.0.2.77", "sip:alice@192.0.2.77")

    def act(now: Moment) -> None:
        draft = moved.role.request("ACK", dialog.callee.role.contact, dialog.call_id, 1)
        draft.set("From", f"{sender};tag=c").set("To", f"{dialog.called};tag=m")
        for route in dialog.callers_routes:
            draft.add("Route", route)
        draft.add("Proxy-Authorization", proven.replace(*change))
        moved.role.stack.send_ack(draft, moved.target_to(SERVER, 5060))

    moved.call(act)
    dialog.site.run(1.0)
    assert seen(eve) == (["INVITE", "ACK"] if passes else ["INVITE"])
    assert not eve.role.requests[-1].has("Proxy-Authorization")
    assert moved.role.responses == []


def test_a_trusted_network_may_move() -> None:
    domain = DomainConfig(name=DOMAIN, trusted=["192.0.2.0/24"])
    site = Site(domain=domain)
    alice, eve = site.stranger(ALICE, f"sip:alice@{ALICE}"), site.stranger(EVE)
    dialog = Dialog(site, alice, eve, ALICE_AOR, f"sip:eve@{EVE}")
    moved = site.stranger("192.0.2.77", "sip:alice@192.0.2.77")
    dialog.by_caller(moved, "ACK")
    assert dialog.by_caller(moved, "BYE") == [200]
    assert (seen(eve), dialog.challenges) == (["INVITE", "ACK", "BYE"], 0)


def test_accounts_that_are_slow_let_a_phone_move_too() -> None:
    dialog, eve, _ = call_to_eve()
    dialog.site.accounts.slow = True
    moved = dialog.site.stranger("192.0.2.77", "sip:alice@192.0.2.77")
    assert dialog.by_caller(moved, "INVITE") == [200]
    dialog.by_caller(moved, "ACK")
    assert seen(eve) == ["INVITE", "INVITE", "ACK"]


# Ways that a side is reached by


def test_a_trunk_sends_from_more_than_one_address() -> None:
    """What goes to the phone of ours can go nowhere else, whoever sends it."""
    site = Site(domain=DomainConfig(name=DOMAIN, fallback=f"sip:{VICTIM}"))
    alice, trunk = site.stranger(ALICE, f"sip:alice@{ALICE}"), site.stranger(VICTIM)
    dialog = Dialog(site, alice, trunk, ALICE_AOR, "sip:+1555@example.com")
    sibling = site.stranger("203.0.113.8")
    assert dialog.by_callee(sibling, "BYE") == [200]
    assert (seen(alice), dialog.challenges) == (["BYE"], 0)


def test_a_stranger_reaches_a_callee_by_the_name_that_it_registered() -> None:
    site = Site()
    for name in ("bob.example.net", "Bob.example.net"):
        site.network.name(name, (BOB, 5060))
    bob, eve = site.stranger(BOB, "sip:bob@Bob.example.net"), site.stranger(EVE)
    bind(site, "sip:bob@example.com", "sip:bob@bob.example.net")
    dialog = Dialog(site, eve, bob, f"<sip:eve@{EVE}>", "sip:bob@example.com")
    assert dialog.by_caller(eve, "BYE") == [200]


@pytest.mark.rfc("3327 5.2")
@pytest.mark.parametrize("recorded", [True, False])
def test_a_stranger_reaches_a_callee_behind_its_edge(recorded: bool) -> None:
    """An edge proxy that stays in the way of the dialog, by the name of its Path, and one that does not."""
    site = Site()
    edge, bob, eve = site.stranger("192.0.2.50", f"sip:bob@{BOB}"), site.stranger(BOB), site.stranger(EVE)
    site.network.name("edge.example.net", ("192.0.2.50", 5060))
    bind(site, "sip:bob@example.com", f"sip:bob@{BOB}", ("<sip:edge.example.net;lr>",))
    dialog = Dialog(site, eve, edge, f"<sip:eve@{EVE}>", "sip:bob@example.com")
    more = ("<sip:edge.example.net;lr>",) if recorded else ()
    assert dialog.by_caller(eve, "BYE", f"sip:bob@{BOB}", more=more) == [200]
    assert (seen(edge)[1:], seen(bob)) == ((["BYE"], []) if recorded else ([], ["BYE"]))


@pytest.mark.rfc("5626 5.3")
def test_a_stranger_behind_a_nat_is_reached_over_its_flow() -> None:
    """Also by a trunk that sends from another address than it was reached by."""
    site = Site(domain=DomainConfig(name=DOMAIN, fallback=f"sip:{VICTIM}", fallback_for_strangers=True))
    trunk, sibling, eve = site.stranger(VICTIM), site.stranger("203.0.113.8"), site.stranger(EVE, "sip:eve@10.0.0.1")
    dialog = Dialog(site, eve, trunk, f"<sip:eve@{EVE}>", "sip:+1555@example.com")
    assert dialog.by_callee(sibling, "BYE") == [200]
    assert seen(eve) == ["BYE"]


def test_a_spiral_goes_on_from_both_sides() -> None:
    site, bob = site_with_bob()
    eve = site.stranger(EVE)
    bind(site, "sip:sales@example.com", "sip:bob@example.com")
    dialog = Dialog(site, eve, bob, f"<sip:eve@{EVE}>", "sip:sales@example.com")
    assert len(dialog.callers_routes) == 2
    dialog.by_caller(eve, "ACK")
    assert dialog.by_caller(eve, "INFO") == [200]
    assert dialog.by_callee(bob, "INVITE") == [200]
    dialog.by_callee(bob, "ACK")
    assert dialog.by_callee(bob, "BYE") == [200]
    assert (seen(bob), seen(eve)) == (["INVITE", "ACK", "INFO"], ["INVITE", "ACK", "BYE"])
    assert all(len(request.vias) == 2 for request in bob.role.requests[1:])


def test_a_route_that_a_request_within_the_dialog_renews_is_as_good() -> None:
    """A phone that lost its route set finds us again by the Record-Route of a later INVITE (16.6 step 4)."""
    dialog, eve, victim = call_to_eve()
    assert dialog.by_caller(dialog.caller, "INVITE") == [200]
    dialog.callees_routes = [str(route) for route in eve.role.requests[-1].record_routes]
    assert dialog.by_callee(eve, "MESSAGE", f"sip:x@{VICTIM}") == [403]
    assert dialog.by_callee(eve, "INVITE") == [200]
    # The stranger is the caller of this one, and still a stranger.
    renewed = [str(route) for route in dialog.caller.role.requests[-1].record_routes]
    uri, to = dialog.caller.role.contact, f"{ALICE_AOR};tag=c"
    assert dialog.send(eve, "MESSAGE", f"sip:x@{VICTIM}", f"{dialog.called};tag=m", to, renewed) == [403]
    assert dialog.send(eve, "BYE", uri, f"{dialog.called};tag=m", to, renewed) == [200]
    assert seen(victim) == []
    assert dialog.send(dialog.caller, "BYE", f"sip:x@{VICTIM}", f"{ALICE_AOR};tag=c", "<sip:x@x>;tag=m", renewed) == [
        200
    ]
