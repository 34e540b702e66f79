"""The outermost edge of the command line: what an error becomes, and with which exit code."""

import pytest

from crossbill import cli


def _broken_off():
    """Ctrl-C, and a database that complains while its statement is undone."""
    try:
        raise KeyboardInterrupt
    except KeyboardInterrupt:
        raise RuntimeError("connection in transaction status ACTIVE") from None


def _broken():
    raise RuntimeError("no such thing")


@pytest.mark.parametrize(
    ("happens", "code", "said"),
    [(_broken_off, cli.INTERRUPTED, cli.STOPPED), (_broken, cli.INTERNAL_ERROR, "Internal error")],
)
def test_an_error_is_a_sentence_and_an_exit_code(happens, code, said, monkeypatch, capsys):
    monkeypatch.setattr(cli, "app", happens)
    with pytest.raises(SystemExit) as end:
        cli.main()
    error = capsys.readouterr().err
    assert (end.value.code, said in error, "Traceback" in error) == (code, True, False)
