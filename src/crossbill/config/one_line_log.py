"""The form of a log record: one line, without the values that people are known by."""

import logging


class OneLine(logging.Formatter):
    """Time, level, logger and message; of an exception its type and place, not its text."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        return super().format(record).replace("\r", " ").replace("\n", " | ")

    def formatException(self, ei: object) -> str:  # noqa: N802 - the name that logging calls
        """The exception's type and where it was raised: its text may quote a customer's data."""
        assert isinstance(ei, tuple)
        kind, _, trace = ei
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        name = kind.__name__ if kind else "no exception"
        code = trace.tb_frame.f_code if trace else None
        return f"{name} at {code.co_filename}:{trace.tb_lineno}" if code else name
