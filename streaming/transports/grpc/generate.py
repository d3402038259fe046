"""`python -m streaming.transports.grpc.generate`: makes the modules in `generated/` from `proto/aura/v1/aura.proto`.

They are committed; a test makes them anew and compares. The compiler's version is pinned in pyproject.toml.
"""

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
GENERATED = Path(__file__).parent / "generated"
PACKAGE = "streaming.transports.grpc.generated"


def generate() -> dict[str, str]:
    """Return the generated modules by file name. Raises RuntimeError when the compiler refuses the definition."""
    from grpc_tools import protoc

    with tempfile.TemporaryDirectory() as folder:
        arguments = [
            "protoc",
            f"-I{ROOT / 'proto'}",
            *(f"--{kind}_out={folder}" for kind in ("python", "pyi", "grpc_python")),
        ]
        if protoc.main([*arguments, "aura/v1/aura.proto"]):
            raise RuntimeError("protoc refused proto/aura/v1/aura.proto")
        made = {path.name: path.read_text() for path in sorted(Path(folder, "aura", "v1").iterdir())}
    # The compiler takes the folders of the definition for Python packages.
    return {name: text.replace("from aura.v1 import", f"from {PACKAGE} import") for name, text in made.items()}


if __name__ == "__main__":
    for name, text in generate().items():
        (GENERATED / name).write_text(text)
        sys.stdout.write(f"{GENERATED.relative_to(ROOT) / name}\n")
