"""Extracts in Parquet on Spark: what is equal on both sides stays there, and all else comes here.

A record stays where its key stands once on each side and no cell differs; such records are counted
and added up there. Of what Spark might read otherwise than we do (another case of a letter beyond
ASCII, say) it takes nothing for equal. So whatever is told of the records that came, and of how
many stayed, is what is told where all of them are here.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq

from crossbill.core.refusal import Refusal
from crossbill.engine import spark
from crossbill.engine.calculation import Calculation, Step, Tables
from crossbill.replacement.reconciliation.as_stored import (
    PARQUET,
    as_named,
    beside,
    can_stay,
    differs,
    is_plain,
    numbers_of,
    readable,
    sources_of,
    whole,
)
from crossbill.replacement.reconciliation.beyond import Beyond
from crossbill.replacement.reconciliation.compare import Comparison, repeated_keys
from crossbill.replacement.reconciliation.extracts import (
    FILE_COLUMN,
    LINE_COLUMN,
    PLACE,
    columns_of,
)
from crossbill.replacement.reconciliation.spec import KeyPart, ReconcileSpec
from crossbill.replacement.reconciliation.values import normalised

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

SIDES = ("left", "right")
AT_ONCE = 100_000  # rows that come in one answer
OTHER_CASE = ("\u212a\u017f\u0131\u0130", "ksii")  # signs that are letters of ASCII in the other
LEAVE = "leave out --spark; the guide on comparing two systems says what Spark compares"
KEPT_ALIKE = {"trim"}  # what both engines do alike with any text


class NotOnSpark(Refusal):
    """Spark cannot compare these extracts. Leave out --spark, or export them as the guide says."""

    code: ClassVar[str] = "NOT_ON_SPARK"


@contextmanager
def met_on_spark(
    spec: ReconcileSpec,
    files: Mapping[str, Sequence[Path]],
    comparison: Comparison,
    *,
    url: str,
    folder: Path,
) -> Iterator[Beyond]:
    """What stays on Spark, while it can be asked; the files of the others are in the folder."""
    _refuse_what_is_read_as_text(spec, files)
    with spark.connect(url) as session, spark.refusing_overflow():
        raw = {f"{side}_raw": _raw(session, spec, side, files[side]) for side in SIDES}
        schemas = {name: spark.schema_of(frame) for name, frame in raw.items()}
        spark.run(staying(spec, comparison, schemas), session, raw)
        near = {side: folder / f"{side}-near.parquet" for side in SIDES}
        for side, path in near.items():
            _fetch(session, f"{side}_near", _schema(spec, side, files[side][0]), path)
        rests = [_rest(session, spec, side) for side in SIDES]
        assert rests[0] == rests[1], "what stayed on Spark is not equal"
        rows, totals = rests[0]
        yield Beyond(rows, totals, _Held(session, spec), near)


def refuse_other_formats(spec: ReconcileSpec) -> None:
    """Refuse a side that is not in Parquet, before anything of it is fetched."""
    for side in SIDES:
        if (written := spec.side(side).format) != PARQUET:
            raise NotOnSpark(
                "this side is not in Parquet", field=f"{side}.format", value=written, cure=LEAVE
            )


def _refuse_what_is_read_as_text(spec: ReconcileSpec, files: Mapping[str, Sequence[Path]]) -> None:
    """Refuse what has to be read as text before it can be compared."""
    for side, paths in files.items():
        sources_of(spec, side, paths)  # says which column is not there
    if not can_stay(spec, files):
        raise NotOnSpark(
            "this cannot be compared as it is stored", field=_first_read(spec, files), cure=LEAVE
        )
    for side, paths in files.items():
        schema = pq.read_schema(paths[0])
        for part in spec.key:
            if not is_plain(kind := schema.field(getattr(part, side)).type):
                raise NotOnSpark(
                    f"two engines write a key of type {kind} differently", file=str(paths[0]),
                    field=part.name, cure=f"{LEAVE}, or export the key as text",
                )  # fmt: skip


def _first_read(spec: ReconcileSpec, files: Mapping[str, Sequence[Path]]) -> str:
    """What keeps the sides from being compared as they are stored, the first of it."""
    for side in SIDES:
        if spec.side(side).where:
            return f"{side}.where"
    alone = ((f.name, spec.model_copy(update={"fields": [f]})) for f in spec.fields)
    names = (f"fields.{name}" for name, only in alone if not can_stay(only, files))
    return next(names, "fields")


def _schema(spec: ReconcileSpec, side: str, file: Path) -> pa.Schema:
    """The columns that are named, in the types of the file, and where each record stands."""
    held = pq.read_schema(file)
    return pa.schema([*(held.field(name) for name in columns_of(spec, side)), *PLACE])


def _raw(
    session: "SparkSession", spec: ReconcileSpec, side: str, files: Sequence[Path]
) -> "DataFrame":
    """The records of all files of a side, with file and line."""
    from pyspark.errors import AnalysisException

    columns = [f"`{name.replace('`', '``')}`" for name in columns_of(spec, side)]
    place = f"_metadata.row_index + 1 AS {LINE_COLUMN}"
    try:
        frames = [
            session.read.parquet(f"file://{path.absolute()}").selectExpr(
                *columns, place, f"{number} AS {FILE_COLUMN}"
            )
            for number, path in enumerate(files)
        ]
        return reduce(type(frames[0]).unionAll, frames)
    except AnalysisException as error:
        raise NotOnSpark(
            f"Spark cannot read it: {str(error).splitlines()[0]}", file=str(files[0]),
            cure="give a path that this machine and those of the cluster can read",
        ) from error  # fmt: skip


def staying(
    spec: ReconcileSpec, comparison: Comparison, columns: Mapping[str, ibis.Schema]
) -> Calculation:
    """``left_raw`` and ``right_raw``, as in the files, with file and line -> ``SIDE_near``, those
    records that may differ, and ``SIDE_rest``, rows and sums of the others.

    ``moving`` has the keys of the former, in a form that is one for all keys that may be equal once
    they are normalised: a record whose key has it goes along.
    """
    steps = [
        *(Step(f"{side}_keyed", _keyed(spec, side), stored=False) for side in SIDES),
        Step("loose", lambda t: _loose(t, spec, comparison)),
        Step("moving", lambda t: _moving(t, spec, comparison)),
        *(Step(f"{side}_near", _near(spec, side)) for side in SIDES),
        *(Step(f"{side}_rest", _sums(spec, side)) for side in SIDES),
    ]
    return Calculation(columns, steps)


def _forms(spec: ReconcileSpec) -> list[str]:
    """The columns with the form of each part of the key; no field has such a name."""
    return [f"form__{number}" for number, _ in enumerate(spec.key)]


def _keyed(spec: ReconcileSpec, side: str) -> Callable[[Tables], ir.Table]:
    def make(t: Tables) -> ir.Table:
        raw = t[f"{side}_raw"]
        forms = (_form(raw[getattr(part, side)].cast("string"), part, side) for part in spec.key)
        return raw.mutate(**dict(zip(_forms(spec), forms, strict=True)))

    return make


def _form(text: ir.StringValue, part: KeyPart, side: str) -> ir.StringValue:
    """The part of a key as it is normalised, or its letters and digits alone; blank for none."""
    if _is_exact(part):
        return normalised(text, getattr(part.normalise, side)).fill_null("")
    steps = {*part.normalise.left, *part.normalise.right}
    other = r"[^0-9]" if "digits_only" in steps else r"[^a-zA-Z0-9]"
    bare = text.translate(*OTHER_CASE).re_replace(other, "").lower().fill_null("")
    return bare.re_replace(r"^0+", "") if "strip_zeros" in steps else bare


def _is_exact(part: KeyPart) -> bool:
    """Whether Spark normalises this part as we do, whatever it holds."""
    return {*part.normalise.left, *part.normalise.right} <= KEPT_ALIKE


def _loose(t: Tables, spec: ReconcileSpec, comparison: Comparison) -> ir.Table:
    """The forms of keys that may be doubled or blank."""
    forms = _forms(spec)
    sides = [t[f"{side}_keyed"].select(*forms) for side in SIDES]
    blank = [rows.filter(ibis.or_(*(rows[form] == "" for form in forms))) for rows in sides]
    doubled = repeated_keys(*sides, replace(comparison, key=tuple(forms)))
    return ibis.union(doubled, *blank, distinct=True)


def _moving(t: Tables, spec: ReconcileSpec, comparison: Comparison) -> ir.Table:
    """The loose forms, and those of records that may differ or are on one side only."""
    forms = _forms(spec)
    sides = []
    for side in SIDES:
        rows = t[f"{side}_keyed"].anti_join(t["loose"], forms)
        sides.append(rows.select(*forms, **as_named(rows, spec, side)))
    pairs = beside(*sides, forms)
    found = pairs.filter(differs(pairs, spec, comparison) | ~_is_sure(pairs, spec).fill_null(False))
    each = {form: ibis.coalesce(found[f"left__{form}"], found[f"right__{form}"]) for form in forms}
    return ibis.union(t["loose"], found.select(**each))


def _is_sure(pairs: ir.Table, spec: ReconcileSpec) -> ir.BooleanValue:
    """Whether both keys are one once they are normalised, and codes are read as we read them."""
    sure: list[ir.BooleanValue] = [ibis.literal(True)]
    for part in spec.key:
        texts = {side: pairs[f"{side}__{part.name}"] for side in SIDES}
        read = [normalised(texts[side], getattr(part.normalise, side)) for side in SIDES]
        plain = [] if _is_exact(part) else [~_is_beyond_ascii(text) for text in texts.values()]
        sure += [read[0] == read[1], *plain]
    for field in spec.fields:
        if field.codes and not {*field.normalise.left} <= KEPT_ALIKE:
            cells = (pairs[f"{side}__{field.name}"].fill_null("") for side in SIDES)
            sure += [~_is_beyond_ascii(cell) for cell in cells]
    return ibis.and_(*sure)


def _is_beyond_ascii(text: ir.StringValue) -> ir.BooleanValue:
    return text.re_search("[^ -~]")


def _near(spec: ReconcileSpec, side: str) -> Callable[[Tables], ir.Table]:
    def make(t: Tables) -> ir.Table:
        rows = t[f"{side}_keyed"].semi_join(t["moving"], _forms(spec))
        return rows.select(*t[f"{side}_raw"].columns)

    return make


def _stayed(t: Tables, spec: ReconcileSpec, side: str) -> ir.Table:
    rows = t[f"{side}_keyed"].anti_join(t["moving"], _forms(spec))
    return rows.select(**as_named(rows, spec, side))


def _sums(spec: ReconcileSpec, side: str) -> Callable[[Tables], ir.Table]:
    def make(t: Tables) -> ir.Table:
        rows = _stayed(t, spec, side)
        sums = {f"sum_{n}": readable(rows[f.name], f).sum() for n, f in enumerate(numbers_of(spec))}
        return rows.aggregate(rows=rows.count(), **sums)

    return make


def _rest(session: "SparkSession", spec: ReconcileSpec, side: str) -> tuple[int, dict[str, int]]:
    """How many records stayed, and the totals of their numbers."""
    (row,) = session.table(f"{side}_rest").toArrow().to_pylist()
    totals = {f.name: whole(row[f"sum_{n}"], f) for n, f in enumerate(numbers_of(spec))}
    return int(row["rows"]), totals


def _fetch(session: "SparkSession", name: str, schema: pa.Schema, target: Path) -> None:
    """A table of Spark's as a file of this machine, some rows at a time."""
    rows = spark.named(session, name)
    parts = -(-session.table(name).count() // AT_ONCE)
    with pq.ParquetWriter(target, schema) as writer:
        for part in range(parts):
            some = rows.filter(rows[LINE_COLUMN] % parts == part)
            writer.write_table(spark.fetch(session, some).select(schema.names).cast(schema))


@dataclass(frozen=True)
class _Held:
    """Counts the records that stayed and hold a text in a field of the left side."""

    session: "SparkSession"
    spec: ReconcileSpec

    def __call__(self, name: str, value: str) -> int:
        known: dict[str, Any] = {n: spark.named(self.session, n) for n in ("left_keyed", "moving")}
        rows = _stayed(known, self.spec, "left")
        held = rows.filter(rows[name].cast("string") == value)
        return int(spark.fetch(self.session, held.aggregate(rows=held.count()))["rows"][0].as_py())
