"""Fuzzing led by coverage (atheris): `python -m tests.fuzz TARGET [FOLDER] [-runs=N] [-max_total_time=SECONDS] [...]`.

Whatever the bytes: an error of the parser's own, or something that is coded to them again. Further arguments are
libFuzzer's; FOLDER keeps what was found. Anything else that happens ends the run with the bytes that made it happen.
tests/test_fuzz.py runs each target for a moment, and shows that a target finds a fault that is there.
"""

import sys
import tempfile
from pathlib import Path

import atheris  # type: ignore[import-untyped,unused-ignore]

with atheris.instrument_imports(include=["compression.codec", "streaming.protocol", "tests.fuzz_targets"]):
    from tests.fuzz_targets import SEEDS, TARGETS


def main() -> None:
    """Run the target that the first argument names, until it fails or libFuzzer's bounds are reached."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in TARGETS:
        raise SystemExit(f"Name what to fuzz: {', '.join(TARGETS)}.")
    folder = Path(tempfile.mkdtemp(prefix="aura-fuzz-"))
    for number, seed in enumerate(SEEDS.get(name, ())):
        (folder / f"seed-{number}").write_bytes(seed)
    # What is found is kept in the first folder: the caller's, if there is one.
    own = [argument for argument in sys.argv[2:] if not argument.startswith("-")]
    flags = [argument for argument in sys.argv[2:] if argument.startswith("-")]
    atheris.Setup([sys.argv[0], *flags, *own, str(folder)], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
