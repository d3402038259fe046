"""The pages of an export as PDF, in any script that the font has, Arabic from right to left.

Run as a program by `audit.exports.document`: what shapes the text and what runs the embedded model are compiled against
different versions of Cython's types, and cannot be loaded into one process.
"""

import logging
import pickle
import sys
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

from fpdf import FPDF
from fpdf.enums import XPos, YPos

from audit.exports.document import right_to_left
from audit.records import branches
from audit.records.event import Event
from audit.records.transcript import Turn, fold

# Amiri has Latin and Arabic in one file (SIL Open Font License); it comes as a wheel.
FONT = "amiri"
logging.getLogger("fpdf").setLevel(logging.ERROR)
logging.getLogger("fontTools").setLevel(logging.ERROR)


def draw(title: str, parts: list[tuple[str, str, int, list[Event]]]) -> bytes:
    """Return the PDF; a part has a conversation's name, what stands under it, how many entries were erased, and the rest."""
    page = _Page(title)
    for name, below, erased, events in parts:
        page.heading(name, below)
        if erased:
            page.small(f"{erased} entries were erased.")
        turns = fold(events)
        versions = branches.versions(turns)
        for turn in turns:
            page.turn(turn, versions.get(turn.stream) if turn.role == "user" else None)
        page.system(events)
    return bytes(page.output())


class _Page(FPDF):
    """Pages of a transcript."""

    def __init__(self, title: str) -> None:
        super().__init__()
        spec = find_spec("fontpkg_amiri")
        if spec is None or spec.origin is None:
            raise RuntimeError("The package fontpkg-amiri is missing: install AURA's requirements again.")
        files = Path(spec.origin).parent / "files"
        for style, name in (("", "Amiri-Regular.ttf"), ("B", "Amiri-Bold.ttf")):
            self.add_font(FONT, style, str(files / name))
        self.set_text_shaping(True)
        self.set_title(title)
        self.set_creator("AURA")
        self.set_auto_page_break(True, 18)
        self.add_page()
        self.line_of(title, 16, "B")
        self.small(
            f"Made {datetime.now(UTC):%Y-%m-%d %H:%M} UTC. proof.json and signature.txt beside this file prove it."
        )

    def line_of(self, text: str, size: int, style: str = "") -> None:
        """Write a paragraph, from right to left when its first strong letter says so."""
        self.set_font(FONT, style, size)
        align = "R" if right_to_left(text) else "L"
        self.multi_cell(0, size * 0.5, text, align=align, new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def heading(self, text: str, below: str) -> None:
        """Write the heading of a conversation."""
        self.ln(4)
        self.line_of(text, 12, "B")
        self.small(below)

    def small(self, text: str) -> None:
        """Write a small grey line."""
        self.set_text_color(100)
        self.line_of(text, 9)
        self.set_text_color(0)

    def turn(self, turn: Turn, version: tuple[int, int] | None = None) -> None:
        """Write who said what, when; `version` says which one of how many it is of a question."""
        self.ln(2)
        who = turn.actor if turn.role == "user" else (turn.model or "model")
        at = datetime.fromtimestamp(turn.at / 1_000_000, UTC)
        cost = f", ${turn.cost_nano / 1e9:.6f}" if turn.cost_nano else ""
        place = f", version {version[0]} of {version[1]}" if version else ""
        self.small(f"{who}, {at:%Y-%m-%d %H:%M:%S} UTC, {turn.state}{cost}{place}")
        for line in (turn.text or turn.fault or "-").splitlines() or ["-"]:
            self.line_of(line or " ", 11)

    def system(self, events: list[Event]) -> None:
        """Write the entries of the record itself, for exports that have them."""
        for event in events:
            if event.kind in ("access", "erasure", "control"):
                at = datetime.fromtimestamp(event.at / 1_000_000, UTC)
                self.small(
                    f"{at:%Y-%m-%d %H:%M:%S} UTC {event.kind}: {event.actor} {event.text} {event.meta.get('why', '')}"
                )

    def footer(self) -> None:
        """Write the number of the page."""
        self.set_y(-14)
        self.set_font(FONT, "", 9)
        self.cell(0, 8, f"{self.page_no()}", align="C")


if __name__ == "__main__":
    sys.stdout.buffer.write(draw(*pickle.load(sys.stdin.buffer)))
