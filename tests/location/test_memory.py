from __future__ import annotations

import gc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from offhook.errors import ProtocolError
from offhook.location.binding import Binding
from offhook.location.memory import SWEEP_AT_ONCE, SWEEP_PAUSE, SWEEP_SECONDS, MemoryLocation
from offhook.location.update import Update
from tests.location.bindings import AOR, at, bound, rows
from tests.location.test_update import RequestSketch, check_against_model, sketches


def register(service: MemoryLocation, *bindings: Binding, aor: str = AOR, seconds: float = 0.0) -> list[Binding]:
    first = bindings[0]
    return service.save(Update(aor, first.call_id, first.cseq, bindings), at(seconds))


def test_what_was_saved_is_found() -> None:
    service = MemoryLocation()
    first, second = bound("sip:a@h", q=0.5, params=";x", path=("<sip:p;lr>",)), bound("sip:b@h")
    assert service.lookup_now(AOR, at(0)) == []
    assert register(service, first, second) == [first, second]
    assert rows(service.lookup_now(AOR, at(0))) == rows([first, second])
    assert service.lookup_now("sip:bob@example.com", at(0)) == []


def test_a_list_that_was_given_out_belongs_to_the_caller() -> None:
    service = MemoryLocation()
    register(service, bound()).clear()
    service.lookup_now(AOR, at(0)).clear()
    assert len(service.lookup_now(AOR, at(0))) == 1


async def test_awaiting_gives_the_same() -> None:
    service = MemoryLocation()
    register(service, bound())
    assert rows(await service.lookup(AOR, at(0))) == rows(service.lookup_now(AOR, at(0)))


def test_what_has_expired_is_not_given_out_nor_compared_with() -> None:
    service = MemoryLocation()
    register(service, bound(cseq=9, expires=60), bound("sip:b@h", cseq=9))
    assert len(service.lookup_now(AOR, at(59.9))) == 2
    assert [binding.contact for binding in service.lookup_now(AOR, at(60))] == ["sip:b@h"]
    assert len(service.held(AOR)) == 2
    # Its Call-ID and CSeq have gone with it.
    assert len(register(service, bound(cseq=1, expires=200), seconds=60)) == 2


def test_a_refused_update_changes_nothing() -> None:
    service = MemoryLocation()
    register(service, bound(cseq=5))
    before = rows(service.held(AOR))
    with pytest.raises(ProtocolError):
        register(service, bound("sip:new@h", cseq=4), bound(cseq=4))
    assert rows(service.held(AOR)) == before


@given(st.lists(sketches, max_size=30))
def test_it_does_what_the_model_does(sketches: list[RequestSketch]) -> None:
    service = MemoryLocation()

    def save(current: list[Binding], update: Update) -> list[Binding]:
        assert rows(service.lookup_now(AOR, at(0))) == rows(current)
        return service.save(update, at(0))

    check_against_model(sketches, save)


async def test_all_bindings_can_be_counted_and_listed() -> None:
    service = MemoryLocation()
    register(service, bound(), bound("sip:b@h", expires=60))
    register(service, bound(expires=60), aor="sip:bob@example.com")
    register(service, bound(), aor="sip:carol@example.com")
    register(service, bound(cseq=2, expires=0), aor="sip:carol@example.com")
    assert await service.count() == 3
    assert {aor: len(bindings) async for aor, bindings in service.all(at(0))} == {AOR: 2, "sip:bob@example.com": 1}
    assert {aor: len(bindings) async for aor, bindings in service.all(at(60))} == {AOR: 1}


def test_a_listing_lives_through_changes() -> None:
    service = MemoryLocation()
    for number in range(10):
        register(service, bound(), aor=f"sip:{number}@example.com")
    listing = service.all(at(0))
    step(listing.__anext__())
    for number in range(10, 200):
        register(service, bound(), aor=f"sip:{number}@example.com")
    assert step(listing.__anext__())


def step(awaitable: object) -> object:
    """What something gives that never waits."""
    with pytest.raises(StopIteration) as stopped:
        awaitable.__await__().send(None)  # type: ignore[attr-defined]
    return stopped.value.value


def test_a_sweep_forgets_what_has_expired() -> None:
    forgotten: list[tuple[str, list[str]]] = []
    service = MemoryLocation(lambda aor, gone: forgotten.append((aor, [binding.contact for binding in gone])))
    register(service, bound("sip:a@h", expires=60), bound("sip:b@h", expires=600))
    assert service.sweep(at(59)) == SWEEP_SECONDS
    assert forgotten == []
    service.sweep(at(60 + 2 * SWEEP_SECONDS))
    assert forgotten == [(AOR, ["sip:a@h"])]
    assert len(service.held(AOR)) == 1
    service.sweep(at(600 + 2 * SWEEP_SECONDS))
    assert forgotten[1:] == [(AOR, ["sip:b@h"])]
    assert service.held(AOR) == []


def test_a_sweep_does_a_little_at_a_time() -> None:
    service = MemoryLocation()
    for number in range(2 * SWEEP_AT_ONCE + 1):
        register(service, bound(), aor=f"sip:{number}@example.com")
    late = at(3600 + 2 * SWEEP_SECONDS)
    assert [service.sweep(late) for _ in range(3)] == [SWEEP_PAUSE, SWEEP_PAUSE, SWEEP_SECONDS]
    assert [number for number in range(2 * SWEEP_AT_ONCE + 1) if service.held(f"sip:{number}@example.com")] == []


class Life(RuleBasedStateMachine):
    """Registrations come, are refreshed, removed and expire, while sweeps go on at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.service = MemoryLocation()
        self.seconds = 0.0
        self.cseq = 0
        self.ends: dict[str, dict[str, float]] = {}

    @rule(user=st.sampled_from("abc"), contact=st.sampled_from("xy"), lifetime=st.sampled_from([0, 7, 60, 3600]))
    def register(self, user: str, contact: str, lifetime: int) -> None:
        self.cseq += 1
        binding = bound(f"sip:{contact}@h", cseq=self.cseq, expires=self.seconds + lifetime if lifetime else 0)
        register(self.service, binding, aor=user, seconds=self.seconds)
        of_user = self.ends.setdefault(user, {})
        of_user.pop(binding.contact, None)
        if lifetime:
            of_user[binding.contact] = self.seconds + lifetime

    @rule(seconds=st.sampled_from([0.5, 5, 10, 61, 1000, 4000]))
    def wait(self, seconds: float) -> None:
        self.seconds += seconds

    @rule()
    def sweep(self) -> None:
        assert self.service.sweep(at(self.seconds)) > 0

    @precondition(lambda self: self.seconds > 0)
    @rule()
    def end(self) -> None:
        """When all has expired and was swept, nothing is left in memory."""
        self.seconds += 10_000
        self.ends.clear()
        self.service.sweep(at(self.seconds))
        assert (self.service._packed, self.service._due, self.service._bindings) == ({}, {}, 0)

    @invariant()
    def what_lives_is_there(self) -> None:
        for user in "abc":
            living = {c for c, end in self.ends.get(user, {}).items() if end > self.seconds}
            assert {one.contact for one in self.service.lookup_now(user, at(self.seconds))} == living
        held = sum([len(self.service.held(user)) for user in "abc"])
        assert self.service._bindings == held
        waiting = [aor for due in self.service._due.values() for aor in due]
        assert sorted(waiting) == sorted(self.service._packed)


TestLife = Life.TestCase


@pytest.fixture
def population() -> tuple[MemoryLocation, int]:
    service = MemoryLocation()
    number = 20_000
    for user in range(number):
        binding = bound(
            f"sip:u{user}@10.{user >> 16}.{user >> 8 & 255}.{user & 255}:5060;transport=udp",
            call_id=f"{user}-1c3e5a7b9d2f4061@10.1.2.3",
            cseq=user + 1000,
            user_agent="Phone 5000 3.2.1.0",
        )
        register(service, binding, aor=f"sip:u{user}@example.com")
    gc.collect()
    return service, number


def test_a_million_bindings_fit_into_a_gigabyte(population: tuple[MemoryLocation, int]) -> None:
    service, number = population
    octets = sum([len(packed) + 33 for packed in service._packed.values()])
    octets += sum([len(aor) + 49 for aor in service._packed])
    octets += service._packed.__sizeof__() + sum([due.__sizeof__() for due in service._due.values()])
    assert octets / number < 1000


def test_the_collector_has_nothing_to_do_with_bindings(population: tuple[MemoryLocation, int]) -> None:
    service, number = population
    assert not any(gc.is_tracked(packed) for packed in service._packed.values())
    held = {id(value) for value in gc.get_objects() if isinstance(value, Binding)}
    assert len(held) < number / 100
