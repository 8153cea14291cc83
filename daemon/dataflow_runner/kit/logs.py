"""Log lines: JSON for machines, coloured text for people; never a secret."""

from __future__ import annotations

import logging
import sys

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from dataflow_runner.kit.redaction import Redactor

LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "fatal": logging.CRITICAL,
    "panic": logging.CRITICAL,
}
"""The words for levels; the last two are the Go runner's."""

FORMATS = ("json", "console")


def _redact_with(redactor: Redactor) -> Processor:
    def redact(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
        return {key: redactor.redact(value) if isinstance(value, str) else value for key, value in event.items()}

    return redact


def make_logger(style: str, level: str, redactor: Redactor) -> FilteringBoundLogger:
    """A logger to stderr: one JSON object a line, or text with colours on a terminal."""
    renderer = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if style == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    logger: FilteringBoundLogger = structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _redact_with(redactor),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
    )
    return logger
