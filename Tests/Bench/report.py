"""One table of all rows, for the terminal and for the README."""

HEAD = ["work", "where", "swrun", "beside", "", "ratio", "goal", "met"]


def number(value):
    return f"{value:,.0f}" if value >= 1000 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def ratio(value):
    return f"{value:.3f}" if value < 0.1 else f"{value:.2f}"


def _side(side, unit):
    if "why" in side:
        return "does not run here"
    spread = f" ({number(side['low'])} to {number(side['high'])})" if side["samples"] > 1 else ""
    return f"{number(side['median'])}{spread} {unit}"


def _end(row):
    for side in (row["own"], row.get("peer", {})):
        if "why" in side:
            return side["why"]
    return {True: "yes", False: "no", None: ""}[row.get("met")]


def _cells(row):
    peer, goal = row.get("peer"), row.get("goal")
    return [
        row["work"],
        row["where"],
        _side(row["own"], row["unit"]),
        peer["name"] if peer else "",
        _side(peer, row["unit"]) if peer else "",
        ratio(row["ratio"]) if "ratio" in row else "",
        f"{'≤' if goal['at'] == 'most' else '≥'} {goal['ratio']:g}" if goal else "",
        _end(row),
    ]


def text(rows):
    lines = [HEAD, *map(_cells, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(7)] + [0]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines)


def markdown(rows):
    def line(cells):
        return "| " + " | ".join(cell.replace("|", "\\|").replace("<", "&lt;") for cell in cells) + " |"

    return "\n".join(map(line, [HEAD, ["---"] * len(HEAD), *map(_cells, rows)]))
