"""Two systems with the same records: twenty fields, one record in a thousand of which differs."""

from pathlib import Path

from benchmarks.quiet import quiet_engine

MONEY, NUMBERS, DAYS, TEXTS = 8, 4, 4, 4
CENTS = "((hash(n, {i}) % 100000)::DECIMAL(12, 0) * 0.01)::DECIMAL(12, 2)"
SPEC_HEAD = """\
name: two systems
left: {file: left.parquet, format: parquet}
right: {file: right.parquet, format: parquet}
key: [{name: id, left: id, right: id}]
fields:
"""


def fields() -> list[tuple[str, str, str]]:
    """Name of each field, what the specification says of it, and its value of record ``n``."""
    kinds = (
        ("money", MONEY, "type: money, currency: EUR", CENTS),
        ("number", NUMBERS, "type: integer", "(hash(n, {i}) % 1000)::BIGINT"),
        ("day", DAYS, "type: date", "DATE '2020-01-01' + (hash(n, {i}) % 1500)::INTEGER"),
        ("text", TEXTS, "type: text", "'text ' || (hash(n, {i}) % 5000)"),
    )  # fmt: skip
    return [
        (f"{kind}_{i}", said, value.replace("{i}", str(i + 10 * place)))
        for place, (kind, count, said, value) in enumerate(kinds)
        for i in range(count)
    ]


def make_sides(folder: Path, records: int) -> Path:
    """Write both extracts and their specification; gives the folder.

    On the right one amount in a thousand is a cent more, one record in ten thousand is missing, as
    many are extra, and the order is another.
    """
    folder.mkdir(parents=True)
    stated = fields()
    lines = "".join(f"  - {{name: {name}, {said}}}\n" for name, said, _ in stated)
    (folder / "spec.yaml").write_text(SPEC_HEAD + lines)
    columns = ", ".join(f"{value} AS {name}" for name, _, value in stated)
    left = f"SELECT 'A' || lpad(n::VARCHAR, 9, '0') AS id, {columns} FROM range({records}) t(n)"
    first, others = stated[0][0], f"* EXCLUDE (id, {stated[0][0]})"
    right = f"""
        SELECT * FROM (
            SELECT id, CASE WHEN hash(id) % 1000 = 0 THEN ({first} + 0.01)::DECIMAL(12, 2)
                       ELSE {first} END AS {first}, {others}
            FROM whole WHERE hash(id, 1) % 10000 <> 0
            UNION ALL SELECT 'B' || id, {first}, {others} FROM whole WHERE hash(id, 2) % 10000 = 0
        ) ORDER BY hash(id, 3)
    """
    with quiet_engine() as engine:
        engine.execute(f"SET temp_directory = '{folder}'")
        engine.execute(f"COPY ({left}) TO '{folder}/left.parquet' (FORMAT parquet)")
        engine.execute(f"CREATE VIEW whole AS FROM '{folder}/left.parquet'")
        engine.execute(f"COPY ({right}) TO '{folder}/right.parquet' (FORMAT parquet)")
    return folder
