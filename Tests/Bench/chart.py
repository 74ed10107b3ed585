"""The chart of the README: each ratio as a part of what its goal allows. No library, and readable light and dark."""

from html import escape

from report import ratio

WIDTH, RIGHT, STEP, TOP = 300, 110, 24, 46
LETTER = 6.8  # no letter's width is known here: a generous mean
LIMIT = 2.0  # a bar that is longer ends here

STYLE = """
  text { font: 13px sans-serif; fill: #1f2328 }
  .title { font-weight: bold }
  .met { fill: #2da44e } .missed { fill: #cf222e }
  line { stroke: #1f2328; stroke-dasharray: 4 3 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .met { fill: #3fb950 } .missed { fill: #f85149 }
    line { stroke: #e6edf3 }
  }
"""


def part(row):
    """How much of what the goal allows is taken: 1 just meets it, less is better."""
    goal = row["goal"]["ratio"]
    return row["ratio"] / goal if row["goal"]["at"] == "most" else goal / row["ratio"]


def svg(rows):
    """Those rows that have a ratio and a goal, as an SVG document."""
    shown = [row for row in rows if "met" in row]
    labels = [f"{row['work']} / {row['peer']['name']} ({row['where']})" for row in shown]
    left = round(max((len(label) for label in labels), default=0) * LETTER) + 16
    width = left + WIDTH + RIGHT
    height = TOP + STEP * len(shown) + 12
    scale = WIDTH / LIMIT
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
        f' viewBox="0 0 {width} {height}" role="img">',
        "<title>swrun beside its peers: how much of each goal is taken</title>",
        f"<style>{STYLE}</style>",
        f'<text class="title" x="{left + scale:g}" y="16" text-anchor="middle">goal</text>',
        f'<text x="{left + scale:g}" y="32" text-anchor="middle">shorter is better</text>',
    ]
    for index, (label, row) in enumerate(zip(labels, shown)):
        y = TOP + STEP * index
        length = max(2, min(part(row), LIMIT) * scale)
        sign = "≤" if row["goal"]["at"] == "most" else "≥"
        value = f"{ratio(row['ratio'])} ({sign} {row['goal']['ratio']:g})"
        lines += [
            f'<text x="{left - 8}" y="{y + 13}" text-anchor="end">{escape(label)}</text>',
            f'<rect class="{"met" if row["met"] else "missed"}" x="{left}" y="{y}" width="{length:.1f}" height="16"/>',
            f'<text x="{left + WIDTH + 8}" y="{y + 13}">{escape(value)}</text>',
        ]
    middle = left + scale
    lines += [f'<line x1="{middle:g}" y1="{TOP - 8}" x2="{middle:g}" y2="{height - 8}"/>', "</svg>", ""]
    return "\n".join(lines)
