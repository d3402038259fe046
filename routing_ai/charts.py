"""Charts as SVG, drawn by the server: the pages allow no script that draws."""

from collections.abc import Sequence
from decimal import Decimal
from html import escape

WIDTH, HEIGHT = 720, 200
BOTTOM, TOP = 24, 12
# About the width of a letter of a label, and of one that is as large as on a phone.
LETTER, LARGE = 6, 10


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
    amounts = {share: f"${most * Decimal(share):.{digits}f}" for share in (0, 0.5, 1)}
    left = LARGE * max(map(len, amounts.values())) + 6
    height, step = HEIGHT - TOP - BOTTOM, (WIDTH - left) / max(1, len(names))
    parts = [
        f'<svg class="aura-chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(" / ".join(words))}"'
        ' xmlns="http://www.w3.org/2000/svg">'
    ]
    for share, amount in amounts.items():
        y = TOP + height * (1 - share)
        parts.append(f'<line x1="{left}" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}" class="axis"/>')
        # The lowest stands on its line: below there are labels.
        base = y + 4 if share else y
        parts.append(f'<text x="{left - 6}" y="{base:.1f}" text-anchor="end">{amount}</text>')
    every = max(1, len(names) // 10)
    room = int(step * every / LETTER)
    for number, (name, value, other) in enumerate(zip(names, values, others, strict=True)):
        x = left + step * number
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
