"""Sides that are more than rows: which rows are meant, rows of one key as one, formulas."""

import random
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest

from crossbill.core.refusal import Refusal
from crossbill.replacement.reconciliation.reconcile_extracts import document, reconciled

SPEC = """
name: headers and lines
left: {{file: left.csv{left}}}
right: {{file: right.csv{right}}}
key: [{{name: id, left: id, right: id}}]
fields:
{fields}
"""
MONEY = "type: money, currency: EUR, "
SUM = MONEY + "combine: {right: sum}"


def run(folder: Path, rows: tuple[str, str], *fields: str, **sides: str) -> dict:
    """The result, and (key, field) -> left and right text of each difference.

    The fields are v0, v1 ... unless they say their name; ``rows`` are the files of both sides.
    """
    for name, text in zip(("left", "right"), rows, strict=True):
        (folder / f"{name}.csv").write_text(text, "utf-8")
    named = [f if f.startswith("name:") else f"name: v{n}, {f}" for n, f in enumerate(fields)]
    filled = {"left": "", "right": ""} | {name: f", {text}" for name, text in sides.items()}
    filled["fields"] = "\n".join(f"  - {{{field}}}" for field in named)
    (folder / "spec.yaml").write_text(SPEC.format(**filled), "utf-8")
    with reconciled(folder / "spec.yaml", folder, folder) as result:
        found = result.differences.to_pyarrow().to_pylist()
        places = {(r["record_key"], r["field"]): (r["left_value"], r["right_value"]) for r in found}
        return document(result) | {"differences": places}


# two cells of key k and one of key m | how they combine | what the right then says of k and of m
COMBINED = [
    ("1.10 2.20 5", SUM, "3.3", "5"),
    ("-1 1 0.005", SUM, "0", "0.005"),
    ("1 x 1", SUM, "x", "1"),
    ("1 2;3 1", SUM, "2;3", "1"),
    ("4000000000 4000000000 1", SUM, "8000000000", "1"),
    ("1 - -", SUM + ", null_values: {right: ['-']}", "1", None),
    ("7 9 8", "combine: {right: least}", "7", "8"),
    ("7 9 8", "combine: {right: greatest}", "9", "8"),
    ("7.50 10.0 8", MONEY + "combine: {right: greatest}", "10.0", "8"),
    ("7 9 8", "type: integer, combine: {right: count}", "2", "1"),
]


@pytest.fixture(scope="module")
def combined(tmp_path_factory):
    """All cases as fields of one comparison whose left side says nothing."""
    cells = zip(*(case.split() for case, *_ in COMBINED), strict=True)
    right = [",".join(row) for row in cells]
    names = ",".join(f"v{n}" for n in range(len(COMBINED)))
    nothing = ",".join("?" * len(COMBINED))
    rows = (
        f"id,{names}\nk,{nothing}\nm,{nothing}\n",
        f"id,{names}\nk,{right[0]}\nk,{right[1]}\nm,{right[2]}\n",
    )
    return run(tmp_path_factory.mktemp("combined"), rows, *(field for _, field, *_ in COMBINED))


@pytest.mark.parametrize("number", range(len(COMBINED)), ids=[c[0] for c in COMBINED])
def test_rows_of_one_key_are_one_row(combined, number):
    *_, of_k, of_m = COMBINED[number]
    found = combined["differences"]
    assert (found["k", f"v{number}"][1], found["m", f"v{number}"][1]) == (of_k, of_m)


def test_rows_that_are_combined_are_counted_and_not_doubled(combined):
    assert (combined["right"]["rows"], combined["right"]["combined"]) == (3, 2)
    assert (combined["duplicate_keys"], combined["matched"]) == (0, 2)


@pytest.mark.parametrize(
    ("says", "missing", "differences"),
    [("missing", 1, {("m", "*"): (None, None)}), ("zero", 0, {("m", "v0"): ("3", "0")})],
)
def test_a_key_without_rows_is_missing_or_zero_as_the_side_says(
    tmp_path, says, missing, differences
):
    rows = "id,v0\nk,0\nm,3\n", "id,v0\nk,0\n"
    found = run(tmp_path, rows, SUM, right=f"without_rows: {says}")
    assert (found["missing"], found["differences"]) == (missing, differences)


def test_rows_that_are_not_meant_are_counted_and_not_compared(tmp_path):
    rows = "id,v0\nb,2\n", "id,v0\na,1\nb,2\nc,\n"
    found = run(tmp_path, rows, "type: text", right="where: TRY_CAST(v0 AS INTEGER) > 1")
    assert (found["matched"], found["extra"], found["differences"]) == (1, 0, {})
    assert (found["right"]["rows"], found["right"]["left_out"]) == (3, 2)


# formula | columns a and b | what the field then says
FORMULAS = [
    ("a - b", "10.10 0.2", "9.9"),
    ("a + b * 2", "1 0.5", "2"),
    ("(a + b) * 2", "1 0.5", "3"),
    ("-a", "1.5 -", "-1.5"),
    ("a * b", "0.99 3", "2.97"),
    ("a * b", "-0.123456789 1000", "-123.456789"),
    ("a * b", "0.5 0.5", "0.25"),
    ("a * b", "3000000000.5 -1.5", "-4500000000.75"),
    ("a * b", "12.9899997711 3", "38.9699993133"),
    ("a * b", "3 -12.9899997711", "-38.9699993133"),
    ("a * b", "0.0000000001 0.1", "0.00000000001"),
    ("a * b", "0.0000000001 0.001", "0.0000000001 ; 0.001"),
    ("a * b", "4000000000 2", "4000000000 ; 2"),
    ("a - b", "12.9899997711 12.9899997711", "0"),
    ("rounded(a)", "12.9899997711 -", "12.99"),
    ("rounded(a * 0.19)", "-0.5 -", "-0.1"),
    ("a - b", "x 1", "x ; 1"),
    ("a - b", "1;000 1", "1;000 ; 1"),
    ("0.1 + A", "0.2 -", "0.3"),
    ("a - b", "1 -", None),
]  # fmt: skip


WRITTEN = sorted({formula for formula, *_ in FORMULAS})


@pytest.fixture(scope="module")
def calculated(tmp_path_factory):
    """Each case as a row and each formula as a field, against a left side that says nothing."""
    lines = [(n, cells.replace(" ", ",")) for n, (_, cells, _) in enumerate(FORMULAS)]
    left = "id,v\n" + "".join(f"{n},?\n" for n, _ in lines)
    right = "id,a,b\n" + "".join(f"{n},{cells}\n" for n, cells in lines)
    says = MONEY + "left: v, null_values: {right: ['-']}, right_formula: "
    folder = tmp_path_factory.mktemp("formulas")
    return run(folder, (left, right), *(says + formula for formula in WRITTEN))


@pytest.mark.parametrize("number", range(len(FORMULAS)), ids=[" of ".join(c[:2]) for c in FORMULAS])
def test_a_formula_is_calculated_exactly_or_tells_its_columns(calculated, number):
    formula, _, says = FORMULAS[number]
    place = str(number), f"v{WRITTEN.index(formula)}"
    assert calculated["differences"][place][1] == says


def test_a_formula_reads_its_columns_as_the_field_says(tmp_path):
    field = MONEY + "left: v, right_formula: a - b, decimal_comma: {right: true}"
    found = run(tmp_path, ("id,v\nk,1.25\n", 'id,a,b\nk,"2,50","1,25"\n'), field)
    assert found["differences"] == {}


def test_sums_of_formulas_agree_with_plain_decimals(tmp_path):
    cent, draw = Decimal("0.01"), random.Random(5)
    truth = dict.fromkeys("kmn", Decimal(0))
    lines = ["id,a,b"]
    for _ in range(300):
        key, a, b = draw.choice("kmn"), *(Decimal(draw.randint(-(10**8), 10**8)) for _ in "ab")
        a, b = a.scaleb(-4), b.scaleb(-4)
        truth[key] += (a * b).quantize(cent, ROUND_HALF_UP) + a
        lines.append(f"{key},{a:f},{b:f}")
    left = "\n".join(["id,v", *(f"{key},{amount:f}" for key, amount in truth.items())])
    field = SUM + ", left: v, right_formula: rounded(a * b) + a"
    found = run(tmp_path, (left + "\n", "\n".join(lines) + "\n"), field)
    assert (found["matched"], found["differences"]) == (3, {})


REFUSED = [
    ("right_formula: a / b, " + MONEY, {}, "Div is not allowed", "rounded()"),
    ("right_formula: a - gone, " + MONEY, {}, "no column gone", "id, a, b"),
    ("right_formula: 1 + 1, " + MONEY, {}, "names no column", "id, a, b"),
    ("right_formula: a -, " + MONEY, {}, "cannot be read", "columns, numbers"),
    ("right_formula: rounded(a), type: integer", {}, "one amount of money", "rounded()"),
    ("right_formula: a - b", {}, "needs type money or integer", "mend"),
    ("right: a, right_formula: a - b, " + MONEY, {}, "exclude each other", "mend"),
    ("combine: {right: sum}", {}, "a sum needs type money", "mend"),
    ("combine: {right: mean}", {}, "'sum', 'count'", "one of the words"),
    ("right: a, type: integer, combine: {right: count}", {}, "no column", "mend"),
    ("right: a", {"right": "without_rows: zero"}, "needs sums and counts only", "mend"),
    ("right: a", {"right": "where: (SELECT true)"}, "not allowed", "use columns"),
    ("right: a", {"right": "where: gone = '1'"}, "no column", "id, a, b"),
    ("right: a", {"right": "where: CAST(v0 AS INTEGER) > 1"}, "no column", "id, a, b"),
    ("right: a", {"right": "where: a + 1 > 2"}, "right side fails", "TRY_CAST"),
    ("right: a", {"right": "low_values: blank"}, "fixed_width only", "mend"),
]  # fmt: skip


@pytest.mark.parametrize(("field", "sides", "what", "cure"), REFUSED)
def test_what_cannot_be_meant_is_refused_with_its_place(tmp_path, field, sides, what, cure):
    with pytest.raises(Refusal) as refused:
        run(tmp_path, ("id,v0\nk,1\n", "id,a,b\nk,1,2\n"), field, **sides)
    assert what in str(refused.value)
    assert cure in str(refused.value)


def test_each_field_of_a_combined_side_says_how(tmp_path):
    rows = "id,v0,v1\nk,1,1\n", "id,v0,v1\nk,1,1\n"
    with pytest.raises(Refusal, match="v1 needs combine on the right"):
        run(tmp_path, rows, SUM, "type: text")
