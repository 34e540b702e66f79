"""The geometry of the console's charts: integers in a strip of a thousand, drawn as inline SVG."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

WIDTH = 1000


@dataclass(frozen=True)
class Segment:
    """One rectangle of a bar, with what it stands for."""

    name: str
    value: int
    x: int
    width: int


def stacked(parts: Sequence[tuple[str, int]], whole: int | None = None) -> list[Segment]:
    """Parts beside each other in a bar; a part that is not nothing is never drawn as nothing."""
    total = sum(value for _, value in parts) if whole is None else whole
    segments, start = [], 0
    for name, value in parts:
        if value > 0 and start < WIDTH:
            width = min(max(value * WIDTH // max(total, 1), MINIMUM), WIDTH - start)
            segments.append(Segment(name, value, start, width))
            start += width
    return _filled(segments, total)


MINIMUM = 4


def _filled(segments: list[Segment], total: int) -> list[Segment]:
    """Give what truncation left over to the widest part when the parts are the whole bar."""
    if not segments or sum(s.value for s in segments) < total:
        return segments
    spare = WIDTH - segments[-1].x - segments[-1].width
    widest = max(range(len(segments)), key=lambda n: segments[n].width)
    moved = []
    for n, segment in enumerate(segments):
        shift = spare if n > widest else 0
        grow = spare if n == widest else 0
        moved.append(Segment(segment.name, segment.value, segment.x + shift, segment.width + grow))
    return moved


@dataclass(frozen=True)
class Diverging:
    """A bar to the left for what is under, to the right for what is over, from the middle."""

    left: Segment
    right: Segment


def diverging(under: int, over: int, greatest: int) -> Diverging:
    """Both lengths on the scale of the greatest amount of the chart."""
    half = WIDTH // 2
    left, right = _length(abs(under), greatest, half), _length(over, greatest, half)
    return Diverging(Segment("under", under, half - left, left), Segment("over", over, half, right))


def _length(value: int, greatest: int, room: int) -> int:
    return max(value * room // max(greatest, 1), MINIMUM) if value else 0


def greatest_amount(pairs: Iterable[tuple[int, int]]) -> int:
    """The largest amount on either side."""
    return max((max(abs(under), over) for under, over in pairs), default=0)


def share_hundredths(part: int, whole: int) -> int:
    """Hundredths of a percent, rounded down, so that nothing short of all shows as 100.00 %."""
    return part * 10_000 // whole if whole else 0


HEIGHT = 200


@dataclass(frozen=True)
class Line:
    """A line from left to right, and the area under it, as SVG writes points."""

    points: str
    area: str
    width: int = WIDTH
    height: int = HEIGHT


def line(points: Sequence[tuple[int, int]], widest: int, highest: int) -> Line:
    """Points on the scales of the widest and the highest; both begin at nothing."""
    placed = [(_scaled(x, widest, WIDTH), HEIGHT - _scaled(y, highest, HEIGHT)) for x, y in points]
    drawn = " ".join(f"{x},{y}" for x, y in placed)
    first, last = (placed[0][0], placed[-1][0]) if placed else (0, 0)
    return Line(drawn, f"{first},{HEIGHT} {drawn} {last},{HEIGHT}")


def burn_down(granted: int, taken_at: Sequence[tuple[int, int]], from_s: int, to_s: int) -> Line:
    """What is left of a quantity over a time: level between takes, a step down at each."""
    left, points = granted, [(0, granted)]
    for at_s, taken in taken_at:
        since = min(max(at_s - from_s, 0), to_s - from_s)
        points += [(since, left), (since, left - taken)]
        left -= taken
    return line([*points, (to_s - from_s, left)], to_s - from_s, granted)


def _scaled(value: int, greatest: int, room: int) -> int:
    return value * room // max(greatest, 1)
