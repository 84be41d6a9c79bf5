"""Fuzz one target with atheris: what reaches code that nothing has reached yet is mutated further.

usage: python -m tests.fuzz.guided TARGET INPUTS SEED FOLDER [--blind]

Writes what it did to standard output as one line of JSON: `inputs`, the `edges` of offhook's code that they reached,
and its `features`, which are edges and how often one input took them. An input that fails is written into FOLDER. With
--blind nothing is learned from what was reached, which tells what the guidance is worth. Without atheris, or where
offhook is compiled and has no edges to see, it ends with status 3.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from random import Random
from typing import Final

__all__ = ["ABSENT", "main", "possible"]

ABSENT: Final = 3
SLOWER: Final = 4.0
"""By this factor code is slower that is being watched."""
MOST_MEGABYTES: Final = 512
OURS: Final = 0.8
"""The share of mutations that are ours, which know the formats; the others are libFuzzer's, which know nothing."""
DONE: Final = re.compile(r"DONE\s+cov: (\d+) ft: (\d+)")


def possible() -> bool:
    """Whether atheris is there and the code is Python that it can watch."""
    try:
        import atheris  # noqa: F401
    except ImportError:
        return False
    from offhook.sip import parser

    return str(parser.__file__).endswith(".py")


def fuzz(name: str, inputs: int, seed: int, folder: Path, blind: bool) -> None:
    """Run in this process, which libFuzzer ends by itself."""
    import atheris

    with atheris.instrument_imports(include=["offhook"]):
        from tests.fuzz.targets import TARGETS
        from tests.fuzz.timing import stopwatch
    stopwatch.allowance = SLOWER
    target = TARGETS[name]
    forever = (data for shard in range(seed, seed + inputs) for data in target.inputs(shard, 1000))

    def mutate(data: bytes, most: int, number: int) -> bytes:
        if blind:
            return next(forever)[:most]
        random = Random(number)
        if random.random() < OURS:
            return target.changed(random, data)[:most]
        return bytes(atheris.Mutate(data, most))

    with tempfile.TemporaryDirectory() as corpus:
        for place, known in enumerate(target.seeds()):
            Path(corpus, str(place)).write_bytes(known)
        options = [
            f"-runs={inputs}",
            f"-seed={seed}",
            f"-max_len={target.largest + 8}",
            f"-rss_limit_mb={MOST_MEGABYTES}",
            f"-artifact_prefix={folder}/{name}-",
            "-len_control=0",
            "-reduce_inputs=0",
            "-mutate_depth=2",
        ]
        atheris.Setup([sys.argv[0], *options, corpus], target.check, custom_mutator=mutate)
        atheris.Fuzz()


def main(arguments: list[str]) -> int:
    name, inputs, seed, folder = arguments[:4]
    if os.environ.get("OFFHOOK_FUZZ_INNER"):
        fuzz(name, int(inputs), int(seed), Path(folder), "--blind" in arguments)
        return 0
    if not possible():
        print("atheris is not there, or offhook is compiled", file=sys.stderr)  # noqa: T201
        return ABSENT
    # libFuzzer ends its process whatever happens; what it tells is on standard error.
    command = [sys.executable, "-m", "tests.fuzz.guided", *arguments]
    done = subprocess.run(
        command, env=os.environ | {"OFFHOOK_FUZZ_INNER": "1"}, capture_output=True, text=True, check=False
    )
    found = DONE.search(done.stderr)
    if done.returncode != 0 or found is None:
        print(done.stderr[-6000:], file=sys.stderr)  # noqa: T201
        return 1
    edges, features = map(int, found.groups())
    print(json.dumps({"inputs": int(inputs), "edges": edges, "features": features}))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
