"""A picture of bars, as SVG."""

from xml.sax.saxutils import escape

WIDTH, ROW, LEFT, RIGHT = 640, 28, 130, 60


def bars(path, title, rows):
    """Draws a bar for each name and value; the first is what the others are compared with."""
    longest = max(value for _, value in rows)
    height = 40 + ROW * len(rows)
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
             'font-family="sans-serif" font-size="14">',
             f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
             f'<text x="10" y="22" font-weight="bold">{escape(title)}</text>']
    for number, (name, value) in enumerate(rows):
        top = 36 + ROW * number
        length = (WIDTH - LEFT - RIGHT) * value / longest
        colour = "#c0392b" if name == "idetcd" else "#7f8c8d"
        lines += [f'<text x="{LEFT - 8}" y="{top + 16}" text-anchor="end">{escape(name)}</text>',
                  f'<rect x="{LEFT}" y="{top}" width="{length:.1f}" height="20" fill="{colour}"/>',
                  f'<text x="{LEFT + length + 6:.1f}" y="{top + 16}">{value:.2f}</text>']
    with open(path, "w") as file:
        file.write("\n".join([*lines, "</svg>", ""]))
