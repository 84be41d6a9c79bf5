"""What is fuzzed: inputs, how they are changed, and what must hold for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Final

from offhook.errors import ParseError, ProtocolError
from tests.fuzz.octets import Mutation, Mutator, amplified
from tests.fuzz.timing import MOST_SECONDS, Stopwatch, stopwatch

__all__ = ["Failed", "Target", "documented"]

ONE_LARGE_IN: Final = 250


class Failed(Exception):
    """An input for which something does not hold, in `data`; the cause tells what."""

    def __init__(self, target: str, data: bytes) -> None:
        super().__init__(target, data)
        self.target = target
        self.data = data

    def __str__(self) -> str:
        return f"{self.target}: {self.data[:400]!r}, {len(self.data)} octets"


def documented(error: ParseError | ProtocolError, *statuses: int) -> None:
    """Refuse an error that cannot be answered as documented: another status than these, or no clause."""
    if error.status not in statuses or (error.status != 413 and not error.clause):
        raise AssertionError(f"{error.status}, {error.clause}") from error


class Target:
    """A reader of what strangers send.

    `seeds` gives inputs that are not mutated yet. `check` says whether an input was accepted, and raises whatever
    comes up when it does what it must not; its outcome depends on the input alone. `largest`: octets of an input;
    `most`: the seconds that it may take.
    """

    def __init__(
        self,
        name: str,
        seeds: Callable[[], Sequence[bytes]],
        check: Callable[[bytes], bool],
        *,
        marks: Sequence[bytes] = (),
        more: Sequence[Mutation] = (),
        largest: int = 8192,
        most: float = MOST_SECONDS,
    ) -> None:
        self.name = name
        self.seeds = seeds
        self.largest = largest
        self._mutate = Mutator(seeds, marks, more)
        self._check = check
        self._most = most
        # What a check times by itself is what programs do: that of the whole counts for nothing else.
        self._watch = stopwatch if most == MOST_SECONDS else Stopwatch()

    def inputs(self, shard: int, count: int) -> Iterator[bytes]:
        """`count` mutated inputs, always the same; another shard gives others."""
        random = Random(f"offhook {self.name} {shard}")
        seeds = self.seeds()
        for _ in range(count):
            yield self.changed(random, random.choice(seeds))

    def changed(self, random: Random, data: bytes) -> bytes:
        """A mutated input; now and then it is as large as one may be, or a little larger."""
        data = self._mutate(random, data)
        if random.random() * ONE_LARGE_IN < 1:
            return amplified(random, data, self.largest, self._mutate.marks)
        return data

    def check(self, data: bytes) -> bool:
        """Whether an input is accepted. Raises Failed when something does not hold."""
        try:
            return self._watch.within(lambda: self._check(data), self._most)
        except Exception as error:
            raise Failed(self.name, data) from error

    def run(self, shard: int, count: int) -> int:
        """Check a shard; how many inputs were accepted. Raises Failed."""
        return sum(self.check(data) for data in self.inputs(shard, count))
