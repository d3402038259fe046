"""A picture of a few figures, as SVG."""

from collections.abc import Sequence
from xml.sax.saxutils import escape

_ROW, _LEFT, _WIDTH = 22, 110, 460
_COLOURS = ("#0b6bcb", "#9aa5b1", "#555f6d")


def bars(title: str, series: Sequence[str], rows: Sequence[tuple[str | float, ...]]) -> str:
    """Return horizontal bars: each row is a name and one value for each of `series`."""
    most = max(float(value) for row in rows for value in row[1:])
    parts = [f'<text x="8" y="20" font-weight="bold">{escape(title)}</text>']
    top = 34
    for row in rows:
        parts.append(f'<text x="8" y="{top + _ROW}">{escape(str(row[0]))}</text>')
        for number, value in enumerate(row[1:]):
            width, y = float(value) / most * _WIDTH, top + number * _ROW
            parts.append(
                f'<rect x="{_LEFT}" y="{y + 4}" width="{width:.1f}" height="{_ROW - 6}" fill="{_COLOURS[number]}"/>'
                f'<text x="{_LEFT + width + 6:.1f}" y="{y + 16}">{float(value):.3f} {escape(series[number])}</text>'
            )
        top += len(series) * _ROW + 12
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_LEFT + _WIDTH + 160}" height="{top + 10}" '
        f'font-family="sans-serif" font-size="13"><rect width="100%" height="100%" fill="white"/>{"".join(parts)}</svg>\n'
    )
