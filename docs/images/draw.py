"""Draws this folder's pictures as SVG, readable on a light and on a dark page: python docs/images/draw.py"""

import math
import re
from pathlib import Path

HERE = Path(__file__).parent
INK, BLUE, RED, GREEN, ORANGE = "#768390", "#2f81f7", "#e5534b", "#3fa45b", "#c98a1b"
CURVES = {"wait-segment": BLUE, "alignatt": GREEN, "wait-k": ORANGE}
Point = tuple[float, float]


def svg(width: int, height: int, title: str, parts: list[str]) -> str:
    """The whole file."""
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
            f'font-family="sans-serif" font-size="14" role="img">\n<title>{title}</title>\n' + "\n".join(parts)
            + "\n</svg>\n")


def text(x: float, y: float, words: str, color: str = INK, anchor: str = "start") -> str:
    return f'<text x="{x:g}" y="{y:g}" fill="{color}" text-anchor="{anchor}">{words}</text>'


def line(points: list[Point], color: str = INK, width: float = 1.5, dashes: str = "") -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return (f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="{width}"'
            + (f' stroke-dasharray="{dashes}"' if dashes else "") + "/>")


def arrow(start: Point, end: Point, color: str, dashes: str = "") -> list[str]:
    """A line with a head of 10 pixels."""
    angle = math.atan2(end[1] - start[1], end[0] - start[0])
    head = [(end[0] - 10 * math.cos(angle + side), end[1] - 10 * math.sin(angle + side)) for side in (-0.4, 0.4)]
    return [line([start, end], color, 3, dashes), line([head[0], end, head[1]], color, 3)]


def projection() -> str:
    """Eq. 4 of arXiv 2409.15911: g_a loses its part along g_st, where that part points against g_st."""
    origin, primary, auxiliary = (200.0, 190.0), (400.0, 190.0), (90.0, 70.0)
    projected = (origin[0], auxiliary[1])
    merged = (primary[0], projected[1])
    return svg(620, 250, "Gradient projection", [
        *arrow(origin, primary, BLUE), text(330, 215, "gradient of translation (primary)", BLUE, "middle"),
        *arrow(origin, auxiliary, RED), text(12, 55, "gradient of recognition: it opposes", RED),
        line([auxiliary, projected], INK, 1.5, "5,4"), text(114, 88, "removed"),
        *arrow(origin, projected, GREEN), text(208, 102, "what is left of it", GREEN),
        *arrow(origin, merged, ORANGE, "9,5"), text(408, 65, "their sum: the update", ORANGE),
        text(12, 242, "MGCM does this for each module of the network, where the inner product is negative.")])


def table() -> dict[str, list[Point]]:
    """System -> (AL in ms, BLEU), from the demo's table in docs/first_run.md; offline rows have no AL."""
    rows: dict[str, list[Point]] = {}
    for row in (HERE.parent / "first_run.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        if len(cells) == 13 and re.fullmatch(r"[\d.]+", cells[2]):
            rows.setdefault(cells[0], []).append((float(cells[5]) if cells[5].isdigit() else 0.0, float(cells[2])))
    return rows


def demo() -> str:
    """BLEU against AL."""
    found = table()

    def at(point: Point) -> Point:
        return 60 + point[0] * 0.25, 320 - point[1] * 4.6

    parts = [line([at((0, 60)), at((0, 0)), at((2100, 0))]),
             text(*at((1050, -9.5)), "AL: how far the translation is behind the speaker, in ms", anchor="middle"),
             text(12, 24, "BLEU")]
    for latency in (0, 500, 1000, 1500, 2000):
        parts.append(text(at((latency, 0))[0], 338, str(latency), anchor="middle"))
    for score in (0, 20, 40, 60):
        parts.append(text(52, at((0, score))[1] + 5, str(score), anchor="end"))
    for name, color in CURVES.items():
        points = [at(point) for point in found[name]]
        parts.append(line(points, color, 2.5))
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{color}"/>' for x, y in points]
    [(_, greedy)], [(_, beam)] = found["offline greedy"], found["offline beam5"]
    for score, name in ((greedy, "offline, greedy"), (beam, "offline, beam of 5")):
        parts += [line([at((0, score)), at((2100, score))], INK, 1, "3,4"), text(592, at((0, score))[1] + 5, name)]
    parts += [text(*at((560, 12)), "wait-k", ORANGE), text(*at((1180, 38)), "wait-segment", BLUE),
              text(*at((360, 48)), "alignatt", GREEN)]
    return svg(730, 370, "Quality against latency of the demo", parts)


PICTURES = {"projection.svg": projection, "demo.svg": demo}

if __name__ == "__main__":
    for name, draw in PICTURES.items():
        (HERE / name).write_text(draw(), encoding="utf-8")
