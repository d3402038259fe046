"""Charts as SVG, drawn by the server: the pages allow no script that draws."""

from collections.abc import Sequence
from decimal import Decimal
from html import escape

WIDTH, HEIGHT = 720, 200
LEFT, BOTTOM, TOP = 60, 24, 12
# About the width of a letter of a label.
LETTER = 6


def bars(
    names: Sequence[str],
    values: Sequence[Decimal],
    others: Sequence[Decimal],
    words: tuple[str, str],
    labels: Sequence[str] | None = None,
) -> str:
    """Return bars for `values` before paler ones for `others`, with `words` for both. Equal lengths; no value below 0.

    Each bar says its name and values to a pointer; the table beside it says them to a screen reader. Under it stands its
    label (without `labels` its name), as much of it as there is room for.
    """
    labels = names if labels is None else labels
    most = max([*values, *others, Decimal(0)]) or Decimal("0.01")
    digits = 4 if most >= Decimal("0.01") else 9
    height, step = HEIGHT - TOP - BOTTOM, (WIDTH - LEFT) / max(1, len(names))
    parts = [
        f'<svg class="aura-chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(" / ".join(words))}"'
        ' xmlns="http://www.w3.org/2000/svg">'
    ]
    for share in (0, 0.5, 1):
        y = TOP + height * (1 - share)
        amount = f"${most * Decimal(share):.{digits}f}"
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}" class="axis"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{amount}</text>')
    every = max(1, len(names) // 10)
    room = int(step * every / LETTER)
    for number, (name, value, other) in enumerate(zip(names, values, others, strict=True)):
        x = LEFT + step * number
        parts.append(f"<g><title>{escape(name)}: {words[0]} ${value:f}, {words[1]} ${other:f}</title>")
        for amount_of, kind in ((other, "other"), (value, "value")):
            size = float(amount_of / most) * height
            place = (
                f'x="{x + step * 0.15:.1f}" y="{TOP + height - size:.1f}" width="{step * 0.7:.1f}" height="{size:.1f}"'
            )
            parts.append(f'<rect class="{kind}" {place}/>')
        parts.append("</g>")
        if number % every == 0:
            middle = x + step / 2
            label = labels[number] if len(labels[number]) <= room else f"{labels[number][: room - 1]}…"
            parts.append(f'<text x="{middle:.1f}" y="{HEIGHT - 6}" text-anchor="middle">{escape(label)}</text>')
    return "".join([*parts, "</svg>"])
