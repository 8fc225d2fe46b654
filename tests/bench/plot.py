"""Line charts on two logarithmic axes, as SVG, without any library."""
import html
import math

WIDTH, HEIGHT = 1000, 640
LEFT, RIGHT, TOP, BOTTOM = 80, 310, 60, 70
# Colours that most eyes can tell apart.
COLOURS = ["#0b62a4", "#c8472b", "#2e8540", "#7a4fa3", "#a8741a", "#008c95", "#b0307f", "#555555",
           "#6b8e00", "#3d3dc8"]
STYLE = ("text{font-family:sans-serif;font-size:13px;fill:#222}"
         ".title{font-size:17px;font-weight:bold}.grid{stroke:#ddd;stroke-width:1}"
         ".axis{stroke:#222;stroke-width:1}.line{fill:none;stroke-width:2}"
         ".floor{fill:none;stroke-width:1.3;stroke-dasharray:5 4}")


def decades(low, high):
    """Powers of ten around a range."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    return [10.0 ** e for e in range(first, max(last, first + 1) + 1)]


def seconds(value):
    """Seconds as a person writes them, with a unit."""
    for unit, size in (("s", 1), ("ms", 1e-3), ("us", 1e-6)):
        if value >= size * 0.999:
            return f"{value / size:g} {unit}"
    return f"{value:g} s"


def spread(wanted, gap):
    """Heights near the wanted ones that do not overlap: [(index, y)]."""
    placed = []
    for index, y in sorted(enumerate(wanted), key=lambda pair: pair[1]):
        if placed and y < placed[-1][1] + gap:
            y = placed[-1][1] + gap
        placed.append((index, y))
    return placed


class Chart:
    """lines: [(name, [(x, y), ...], dashed)]; a dashed line has the colour of the one before."""

    def __init__(self, title, x_name, y_name, lines):
        self.title, self.x_name, self.y_name = title, x_name, y_name
        self.lines = [line for line in lines if line[1]]
        points = [p for _, line, _ in self.lines for p in line if p[1] > 0]
        self.xs = decades(min(p[0] for p in points), max(p[0] for p in points))
        self.ys = decades(min(p[1] for p in points), max(p[1] for p in points))
        self.out = []

    def x(self, value):
        low, high = math.log10(self.xs[0]), math.log10(self.xs[-1])
        return LEFT + (math.log10(value) - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def y(self, value):
        low, high = math.log10(self.ys[0]), math.log10(self.ys[-1])
        return HEIGHT - BOTTOM - (math.log10(value) - low) / (high - low) * (
            HEIGHT - TOP - BOTTOM)

    def text(self, x, y, text, more=""):
        self.out.append(f'<text x="{x:.1f}" y="{y:.1f}" {more}>{html.escape(text)}</text>')

    def line(self, x1, y1, x2, y2, name):
        self.out.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
                        f'class="{name}"/>')

    def axes(self):
        bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
        for value in self.xs:
            self.line(self.x(value), TOP, self.x(value), bottom, "grid")
            self.text(self.x(value), bottom + 20, f"{value:,.0f}", 'text-anchor="middle"')
        for value in self.ys:
            self.line(LEFT, self.y(value), right, self.y(value), "grid")
            self.text(LEFT - 8, self.y(value) + 4, seconds(value), 'text-anchor="end"')
        self.line(LEFT, bottom, right, bottom, "axis")
        self.line(LEFT, TOP, LEFT, bottom, "axis")
        self.text((LEFT + right) / 2, bottom + 45, self.x_name, 'text-anchor="middle"')
        self.text(LEFT, TOP - 12, self.y_name)
        self.text(LEFT, 26, self.title, 'class="title"')

    def curves(self):
        colour, ends, count = COLOURS[0], [], 0
        for name, points, dashed in self.lines:
            if not dashed:
                colour = COLOURS[count % len(COLOURS)]
                count += 1
            at = [(self.x(x), self.y(y)) for x, y in sorted(points) if y > 0]
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in at)
            self.out.append(f'<polyline points="{path}" class="{"floor" if dashed else "line"}"'
                            f' stroke="{colour}"><title>{html.escape(name)}</title></polyline>')
            if dashed:
                continue
            self.out.extend(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>'
                            for x, y in at)
            ends.append((name, at[-1], colour))
        self.names(ends)

    def names(self, ends):
        """Each line is named where it ends; a thin stroke leads to a name that had to move."""
        for index, y in spread([end[1][1] for end in ends], 17):
            name, (x, end_y), colour = ends[index]
            right = WIDTH - RIGHT + 14
            self.out.append(f'<path d="M{x + 5:.1f},{end_y:.1f} L{right - 4},{y:.1f}" '
                            f'stroke="{colour}" stroke-width="0.6" fill="none"/>')
            self.text(right, y + 4, name, f'style="fill:{colour}"')

    def draw(self):
        self.axes()
        self.curves()
        if any(dashed for _, _, dashed in self.lines):
            self.text(LEFT, HEIGHT - 8, "dashed: what it is compared with", 'fill="#666"')
        return "".join(self.out)


def page(charts):
    """An SVG with the charts one below the other."""
    height = HEIGHT * len(charts)
    parts = [f'<g transform="translate(0 {HEIGHT * i})">{chart.draw()}</g>'
             for i, chart in enumerate(charts)]
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
            f'width="{WIDTH}" height="{height}"><style>{STYLE}</style>'
            f'<rect width="100%" height="100%" fill="white"/>{"".join(parts)}</svg>\n')
