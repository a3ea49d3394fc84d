"""Fuzzes one target with atheris, guided by coverage: python -m tests.fuzz TARGET CORPUS [libFuzzer options].

What it finds is left as a file beside the corpus; put it into tests/fuzz/found, and it is a test.
"""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["daemon", "ledger"]):
    from tests.fuzz import deep_targets, seeds, targets

TARGETS = targets.TARGETS | deep_targets.DEEP
SEEDS = seeds.SEEDS | deep_targets.DEEP_SEEDS


def main() -> None:
    name, corpus, *options = sys.argv[1:]
    directory = Path(corpus)
    directory.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(SEEDS[name]):
        (directory / f"seed-{number}").write_bytes(seed)
    longest = f"-max_len={targets.LONGEST}"
    atheris.Setup(
        [sys.argv[0], corpus, longest, f"-artifact_prefix={directory.parent}/{name}-", *options],
        TARGETS[name],
    )
    atheris.Fuzz()


main()
