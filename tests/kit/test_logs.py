from __future__ import annotations

import json

import pytest

from dataflow_runner.kit.logs import make_logger
from dataflow_runner.kit.redaction import Redactor


def test_a_json_line_goes_to_stderr_with_its_level_and_without_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    redactor = Redactor()
    redactor.learn(["hunter2"])
    logger = make_logger("json", "info", redactor)
    logger.info("step failed: hunter2", run_id="r-1", place="s3://hunter2/")
    out, err = capsys.readouterr()
    line = json.loads(err)
    assert out == ""
    assert line["event"] == "step failed: ****"
    assert (line["level"], line["run_id"], line["place"]) == ("info", "r-1", "s3://****/")


def test_lines_below_the_level_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    logger = make_logger("json", "panic", Redactor())
    logger.error("not so bad")
    assert capsys.readouterr().err == ""
