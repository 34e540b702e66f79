"""Two sides in PostgreSQL: each hashes its rows by bucket, and only what differs travels.

Each database sums the hashes of its rows by bucket of their key. Buckets that differ are cut into
smaller ones; of the last ones the hashes travel, and of what then differs the rows. Rows whose key
may be doubled or blank travel always. All others are equal on both sides: they are counted and
added up where they are. So the result is that of the full comparison.

A row's bucket follows from its key with only its letters and digits, in small letters without
leading zeros: keys that are equal once they are normalised are always in one bucket.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, LiteralString, TypeVar

import pyarrow.parquet as pq
from psycopg import sql

from crossbill.replacement.migration.sources import postgresql, require_columns
from crossbill.replacement.reconciliation.as_stored import AS_WRITTEN, READING
from crossbill.replacement.reconciliation.beyond import Beyond
from crossbill.replacement.reconciliation.extracts import columns_of
from crossbill.replacement.reconciliation.spec import NUMBERS, FieldSpec, ReconcileSpec
from crossbill.replacement.reconciliation.values import LARGEST, SCALES

BRANCHES = 64  # buckets that one bucket is cut into
MANY_ROWS = 1_000_000  # whose hashes we keep in memory; beyond it the whole tables travel
NOTHING = (0, 0, 0)
FEW_ROWS = 32  # in a bucket: then the hashes of its rows travel
UNICODE = "UTF8"
ENCODINGS = (UNICODE, "LATIN1", "LATIN9", "WIN1252")  # whose other cases of letters are known
OLDEST = 130000  # the first version that knows a number without its zeros
WHOLE = ("smallint", "integer", "bigint", "numeric")
OTHER_BY_CAST = ("character(", "boolean")
SIDES = ("left", "right")
# The steps of normalising that a database does as we do, with signs of ASCII only.
_STEPS: dict[str, LiteralString] = {
    "trim": r"btrim({}, E' \t\n\r\f\x0B')",
    "upper": 'upper({} COLLATE "C")',
    "lower": 'lower({} COLLATE "C")',
    "strip_zeros": r"regexp_replace({}, '^0+(.)', '\1')",
}

Answer = TypeVar("Answer")
Sums = dict[int, tuple[int, int, int]]  # bucket -> rows, and the sums of both halves of their hash


def can_be_hashed(spec: ReconcileSpec) -> bool:
    """Whether equal rows of two databases are equal for the comparison, whatever they hold."""
    servers = all(spec.side(side).format == "postgresql" for side in SIDES)
    plain = not any(spec.side(side).where or spec.combines(side) for side in SIDES)
    keys = all(part.normalise.left == part.normalise.right for part in spec.key)
    return servers and plain and keys and all(_is_plain(described) for described in spec.fields)


def _is_plain(described: FieldSpec) -> bool:
    if described.codes or any(described.sql(s) or described.formula(s) for s in SIDES):
        return False
    alike = all(getattr(described, n).left == getattr(described, n).right for n in READING)
    written = any(getattr(described, n).left for n in AS_WRITTEN)
    return alike and not (described.type in NUMBERS and written)


@contextmanager
def fetched_apart(spec: ReconcileSpec, folder: Path) -> Iterator[Beyond | None]:
    """Fetch the rows that may differ; None where the whole tables have to travel instead.

    That is where they hold what cannot be hashed alike, or where most of their rows differ.
    """
    with ExitStack() as stack:
        sides = {side: _Side(spec, side, stack) for side in SIDES}
        if not all(side.is_exact for side in sides.values()):
            yield None
            return
        hashes = _wanted(sides["left"], sides["right"])
        if hashes is None:
            yield None
            return
        files = {name: folder / f"{name}-fetched.parquet" for name in SIDES}
        both = list(sides.values())
        _at_once(lambda side: side.fetch(hashes, files[side.side]), both)
        rest = _at_once(lambda side: side.beyond(files[side.side]), both)
        assert rest[0] == rest[1], "what did not travel is not equal"
        rows, totals = rest[0]
        held = partial(sides["left"].held_beyond, files["left"])
        yield Beyond(rows, totals, held, files, {n: s.bytes for n, s in sides.items()})


def _wanted(left: "_Side", right: "_Side") -> list[int] | None:
    """The hashes of the keys whose rows may differ, or may be doubled or blank.

    None where there are too many for this way to be the shorter one.
    """
    sides = left, right
    loose = {key for found in _at_once(_Side.loose, sides) for key in found}
    if left.is_beside(right):
        differing: set[int] | None = {*left.differing_from(right)}
    else:
        differing = _differing(sides)
    if differing is None or len(differing) + len(loose) > MANY_ROWS:
        return None
    return sorted(loose | differing)


def _differing(sides: Sequence["_Side"]) -> set[int] | None:
    """The hashes of the keys whose rows differ, from large buckets to small ones to rows."""
    buckets: list[int] | None = None
    depth, rows = 0, max(side.rows for side in sides)
    meant = rows
    while rows > FEW_ROWS and buckets != []:
        depth, rows = depth + 1, rows // BRANCHES
        sums = _at_once(partial(_sums, depth, buckets), sides)
        buckets = sorted(_unequal(*sums))
        meant = max(sum(found.get(b, NOTHING)[0] for b in buckets) for found in sums)
    if meant > MANY_ROWS:
        return None
    return _unequal(*_at_once(lambda side: side.hashes(depth, buckets), sides))


def _sums(depth: int, buckets: list[int] | None, side: "_Side") -> Sums:
    return side.sums(depth, buckets)


def _at_once(ask: Callable[["_Side"], Answer], sides: Sequence["_Side"]) -> list[Answer]:
    """Ask both databases the same at once; each has a connection of its own."""
    with ThreadPoolExecutor(len(sides)) as threads:
        return list(threads.map(ask, sides))


def _unequal(left: Mapping[int, Any], right: Mapping[int, Any]) -> set[int]:
    return {key for key in {*left, *right} if left.get(key) != right.get(key)}


class _Side:
    """One table in its database, asked in one snapshot; ``bytes`` counts what travelled."""

    def __init__(self, spec: ReconcileSpec, side: str, stack: ExitStack) -> None:
        """Connect, and look at the columns."""
        self.spec, self.side, self.format = spec, side, spec.side(side)
        self.label, self.bytes = self.format.called(""), 0
        self.database = stack.enter_context(postgresql.connected(self.format, self.label))
        self.found = postgresql.found_table(self.database, self.format, self.label)
        require_columns(columns_of(spec, side), [*self.found.columns], self.label)
        self.table = sql.SQL(self.found.name)
        (self.rows,) = self._one(sql.SQL("SELECT count(*) FROM {}").format(self.table))

    @property
    def is_exact(self) -> bool:
        """Whether numbers are kept as such, and texts can be hashed alike in any database."""
        numbers = [f for f in self.spec.fields if f.type in NUMBERS]
        kinds = [self.found.columns[str(f.column(self.side))].split("(")[0] for f in numbers]
        known = self._encoding in ENCODINGS and self.database.info.server_version >= OLDEST
        return known and all(kind in WHOLE for kind in kinds)

    @property
    def _encoding(self) -> str | None:
        return self.database.info.parameter_status("server_encoding")

    def is_beside(self, other: "_Side") -> bool:
        """Whether both tables are in one database, for one user: then it can compare them."""
        one, two = (side.database.info for side in (self, other))
        return (one.host, one.port, one.dbname, one.user) == (
            two.host, two.port, two.dbname, two.user
        )  # fmt: skip

    # What is written into the questions.

    def _text(self, column: str) -> sql.Composable:
        """The column as COPY writes it: a cast may take blanks off or spell out a boolean."""
        name = sql.Identifier(column)
        if not self.found.columns[column].startswith(OTHER_BY_CAST):
            return sql.SQL("{}::text").format(name)
        return sql.SQL("CASE WHEN {} IS NOT NULL THEN concat({}) END").format(name, name)

    def _part(self, column: str, steps: Sequence[str]) -> sql.Composable:
        """A part of the key, so coarse that normalising it makes no difference."""
        text = sql.SQL("coalesce({}, '')").format(self._text(column))
        if self._encoding == UNICODE:  # signs that are letters of ASCII in the other case
            signs = sql.Literal("\u212a\u017f\u0131\u0130")
            text = sql.SQL("translate({}, {}, 'ksii')").format(text, signs)
        other = "[^0-9]" if "digits_only" in steps else "[^a-zA-Z0-9]"
        return sql.SQL("ltrim(lower(regexp_replace({}, {}, '', 'g') COLLATE \"C\"), '0')").format(
            text, sql.Literal(other)
        )

    @property
    def _parts(self) -> list[sql.Composable]:
        keys = self.spec.key
        return [self._part(getattr(k, self.side), getattr(k.normalise, self.side)) for k in keys]

    @property
    def _hash(self) -> sql.Composable:
        """64 bits of the coarse key."""
        return _bits(sql.SQL("concat_ws('|', {})").format(sql.SQL(", ").join(self._parts)), 1)

    @property
    def _row(self) -> sql.Composable:
        """All that is compared as one text, in which NULL is not blank and no value runs over."""
        values = [
            _normalised(self._text(getattr(k, self.side)), getattr(k.normalise, self.side))
            for k in self.spec.key
        ]
        values += [self._value(described) for described in self.spec.fields]
        written = sql.SQL("quote_nullable({})")
        return sql.SQL("concat_ws(',', {})").format(
            sql.SQL(", ").join(written.format(value) for value in values)
        )

    def _value(self, described: FieldSpec) -> sql.Composable:
        column = str(described.column(self.side))
        if described.type in NUMBERS:
            return sql.SQL("trim_scale({}::numeric)::text").format(sql.Identifier(column))
        steps = getattr(described.normalise, self.side) if described.type == "text" else []
        return _normalised(self._text(column), steps)

    # The questions.

    def loose(self) -> list[int]:
        """Keys that may be doubled or blank."""
        blank = sql.SQL(" OR ").join(sql.SQL("{} = ''").format(part) for part in self._parts)
        asked = sql.SQL(
            "SELECT h FROM (SELECT {} h, ({}) blank FROM {}) k"
            " GROUP BY h HAVING count(*) > 1 OR bool_or(blank)"
        ).format(self._hash, blank, self.table)
        return [int(row[0]) for row in self._rows(asked)]

    def sums(self, depth: int, parents: list[int] | None) -> Sums:
        """Rows and sums of hashes of the buckets of this depth below these parents."""
        size, above = BRANCHES**depth, BRANCHES ** (depth - 1)
        meant = sql.SQL("true") if parents is None else _among(self._hash, parents, above)
        asked = sql.SQL(
            "SELECT h & {}, count(*), sum({}), sum({}) FROM ({}) r GROUP BY 1"
        ).format(
            sql.Literal(size - 1), _bits(sql.SQL("v"), 1), _bits(sql.SQL("v"), 17),
            self._hashed(meant),
        )  # fmt: skip
        return {b: (n, one, two) for b, n, one, two in map(_numbers, self._rows(asked))}

    def hashes(self, depth: int, buckets: list[int] | None) -> dict[int, Counter[int]]:
        """The hashes of the rows in these buckets, by the hash of their key."""
        meant = sql.SQL("true")
        if buckets is not None:
            meant = _among(self._hash, buckets, BRANCHES**depth)
        half = _bits(sql.SQL("v"), 1)
        asked = sql.SQL("SELECT h, {} FROM ({}) r").format(half, self._hashed(meant))
        found: dict[int, Counter[int]] = defaultdict(Counter)
        for key, row in map(_numbers, self._rows(asked)):
            found[key][row] += 1
        return found

    def differing_from(self, other: "_Side") -> list[int]:
        """Keys of which both tables of one database hold other rows; only they travel."""
        sums = "SELECT h, count(*) n, sum({}) one, sum({}) two FROM ({}) r GROUP BY h"
        halves = _bits(sql.SQL("v"), 1), _bits(sql.SQL("v"), 17)
        each = [sql.SQL(sums).format(*halves, s._hashed(sql.SQL("true"))) for s in (self, other)]
        asked = sql.SQL(
            "SELECT h FROM ({}) a FULL JOIN ({}) b USING (h)"
            " WHERE (a.n, a.one, a.two) IS DISTINCT FROM (b.n, b.one, b.two)"
        ).format(*each)
        return [int(row[0]) for row in self._rows(asked)]

    def fetch(self, hashes: list[int], target: Path) -> None:
        """Fetch the rows with these keys."""
        meant = sql.SQL("{} = ANY({}::bigint[])").format(self._hash, _array(hashes))
        question = postgresql.rows_of(self.found, meant).as_bytes(self.database)
        with postgresql.spoken(self.label), postgresql.decoded(self.label, "utf-8"):
            came = postgresql.copied(self.database, question, self.found, target, "utf-8")
        self.bytes += len(question) + came

    # What did not travel.

    def beyond(self, travelled: Path) -> tuple[int, dict[str, int]]:
        """Rows and totals of what is not in the file."""
        numbers = [f for f in self.spec.fields if f.type in NUMBERS]
        sums = [
            sql.SQL("coalesce(sum({0}) FILTER (WHERE {1}), 0)").format(
                name, _readable(name, f.type)
            )
            for f in numbers
            for name in [sql.Identifier(str(f.column(self.side)))]
        ]
        asked = sql.SQL("SELECT {} FROM {}").format(
            sql.SQL(", ").join([sql.SQL("count(*)"), *sums]), self.table
        )
        rows, *found = self._one(asked)
        totals = {
            f.name: int(Decimal(total).scaleb(SCALES[f.type]))
            - sum(_amounts(_cells(travelled, str(f.column(self.side))), f.type))
            for f, total in zip(numbers, found, strict=True)
        }
        return int(rows) - pq.read_metadata(travelled).num_rows, totals

    def held_beyond(self, travelled: Path, name: str, value: str) -> int:
        """How many rows that are not in the file hold this text in a field."""
        (described,) = (f for f in self.spec.fields if f.name == name)
        column = str(described.column(self.side))
        asked = sql.SQL("SELECT count(*) FROM {} WHERE {} = {}").format(
            self.table, self._text(column), sql.Literal(value)
        )
        here = sum(text == value for text in _cells(travelled, column))
        return int(self._one(asked)[0]) - here

    def _hashed(self, meant: sql.Composable) -> sql.Composable:
        """Key hash ``h`` and row hash ``v`` (hexadecimal) of the rows that are meant."""
        rows = "SELECT {0} h, md5(convert_to({1}, 'UTF8')) v FROM {2} WHERE {3}"
        return sql.SQL(rows).format(self._hash, self._row, self.table, meant)

    def _one(self, asked: sql.Composable) -> Sequence[Any]:
        with postgresql.spoken(self.label):
            row = self.database.execute(asked).fetchone()
        assert row is not None, "it counts"
        return row

    def _rows(self, asked: sql.Composable) -> Iterator[list[str]]:
        """The rows of an answer, streamed; its bytes and those of the question are counted."""
        question = sql.SQL("COPY ({}) TO STDOUT").format(asked).as_bytes(self.database)
        self.bytes += len(question)
        with postgresql.spoken(self.label), self.database.cursor().copy(question) as answer:
            rest = b""
            for block in answer:
                self.bytes += len(block)
                *lines, rest = (rest + bytes(block)).split(b"\n")
                yield from (line.decode().split("\t") for line in lines)


def _normalised(text: sql.Composable, steps: Sequence[str]) -> sql.Composable:
    """The text after its first steps, as far as texts that are equal then are equal after all."""
    for step in steps:
        if step not in _STEPS:
            break
        text = sql.SQL(_STEPS[step]).format(text)
    return text


def _numbers(cells: Iterable[str]) -> list[int]:
    return [int(cell) for cell in cells]


def _bits(hashed: sql.Composable, start: int) -> sql.Composable:
    """64 bits of a hash from this hexadecimal digit on; of a text, the bits of its hash."""
    if hashed != sql.SQL("v"):
        hashed = sql.SQL("md5(convert_to({}, 'UTF8'))").format(hashed)
    return sql.SQL("('x' || substr({}, {}, 16))::bit(64)::bigint").format(
        hashed, sql.Literal(start)
    )


def _among(key: sql.Composable, buckets: list[int], size: int) -> sql.Composable:
    return sql.SQL("{} & {} = ANY({}::bigint[])").format(
        key, sql.Literal(size - 1), _array(buckets)
    )


def _array(numbers: list[int]) -> sql.Composable:
    return sql.Literal("{" + ",".join(map(str, numbers)) + "}")


def _readable(name: sql.Composable, kind: str) -> sql.Composable:
    """Whether a number is one that the comparison reads; NaN and infinity are greater than all."""
    scale = SCALES[kind]
    return sql.SQL("abs({0}) <= {1} AND scale(trim_scale({0}::numeric)) <= {2}").format(
        name, sql.Literal(Decimal(LARGEST).scaleb(-scale)), sql.Literal(scale)
    )


def _cells(file: Path, column: str) -> Iterator[str | None]:
    """The texts of a column, some at a time."""
    with pq.ParquetFile(file) as rows:
        for batch in rows.iter_batches(columns=[column]):
            yield from batch[column].to_pylist()


def _amounts(texts: Iterable[str | None], kind: str) -> Iterator[int]:
    """The numbers that the comparison reads, in nanos or whole."""
    for text in texts:
        scaled = Decimal(text).scaleb(SCALES[kind]) if text is not None else Decimal(0)
        if scaled.is_finite() and abs(scaled) <= LARGEST and scaled == scaled.to_integral_value():
            yield int(scaled)
