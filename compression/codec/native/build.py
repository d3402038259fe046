"""Builds the coder: `python -m compression.codec.native.build [FOLDER]` writes model.wasm and model-scalar.wasm.

Without a folder it writes where the browser and Python read them, static/aura/codec. The compiler is PyPI's `ziglang`,
pinned in pyproject.toml (group dev); the same source gives the same bytes on every machine, which a test checks.
"""

import subprocess
import sys
from pathlib import Path
from typing import Final

SOURCE: Final = Path(__file__).with_name("module.c")
TARGET: Final = Path(__file__).parents[3] / "static" / "aura" / "codec"
#: The modules and what sets them apart: one with 128-bit SIMD, one for engines without it. Both give identical output.
VARIANTS: Final = {"model.wasm": ("-msimd128",), "model-scalar.wasm": ()}
_FLAGS: Final = (
    "-target", "wasm32-freestanding", "-mcpu=mvp+bulk_memory", "-std=c11", "-O3", "-Wall", "-Wextra", "-Werror",
    "-nostdlib", "-Wl,--no-entry", "-Wl,--strip-all",
)  # fmt: skip


def build(folder: Path) -> None:
    """Write both modules into `folder`. Raises subprocess.CalledProcessError when the compiler refuses the source."""
    for name, flags in VARIANTS.items():
        command = [sys.executable, "-m", "ziglang", "cc", *_FLAGS, *flags, SOURCE.name, "-o", str(folder / name)]
        subprocess.run(command, cwd=SOURCE.parent, check=True)


if __name__ == "__main__":
    build(Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET)
