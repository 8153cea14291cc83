"""What a step sees of this machine: tools, an environment like EMR's, and none of the user's secrets."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_INHERITED = (
    "PATH",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "TMPDIR",
    "JAVA_HOME",
    "SPARK_HOME",
    "PYSPARK_PYTHON",
    "VIRTUAL_ENV",
    "LD_LIBRARY_PATH",
)
"""Everything that is passed on; a variable that isn't named here stays with its owner."""

TOOLS = {
    "s3-dist-cp": ("emr_emulator.s3distcp.__main__", ()),
    "hadoop": ("emr_emulator.hadoop_fs", ("hadoop",)),
    "hdfs": ("emr_emulator.hadoop_fs", ("hdfs",)),
}
"""Programs of an EMR node that this package stands in for: module with a `main`, and its leading arguments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The places and names that one piece of work runs with."""

    cluster_id: str
    step_id: str | None
    release_label: str
    endpoint: str
    access_key: str = field(repr=False)
    region: str
    hdfs: Path
    home: Path
    tools: Path
    logs: Path


def build_environment(around: Surroundings, inherited: Mapping[str, str] | None = None) -> dict[str, str]:
    """Build a program's environment from an allow-list and the emulator's own values.

    The credentials open the emulator and nothing else, and the configuration files are empty ones, so that an AWS
    client that a step starts can reach the emulator only.
    """
    inherited = os.environ if inherited is None else inherited
    environment = {name: inherited[name] for name in _INHERITED if name in inherited}
    environment["PATH"] = f"{around.tools}{os.pathsep}{environment.get('PATH', os.defpath)}"
    environment |= {
        "HOME": str(around.home),
        "USER": "hadoop",
        "LOGNAME": "hadoop",
        "HADOOP_IDENT_STRING": "hadoop",
        "HADOOP_LOG_DIR": str(around.logs),
        "HADOOP_LOGFILE": "syslog",
        "HADOOP_ROOT_LOGGER": "INFO,DRFA",
        "EMR_CLUSTER_ID": around.cluster_id,
        "EMR_RELEASE_LABEL": around.release_label,
        "EMR_EMULATOR_HDFS": str(around.hdfs),
        "AWS_ENDPOINT_URL": around.endpoint,
        "AWS_REGION": around.region,
        "AWS_DEFAULT_REGION": around.region,
        "AWS_ACCESS_KEY_ID": around.access_key,
        "AWS_SECRET_ACCESS_KEY": "emulator",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    if around.step_id is not None:
        environment["EMR_STEP_ID"] = around.step_id
    return environment


def install_tools(folder: Path) -> None:
    """Put the stand-ins into a folder that goes in front of PATH, so that scripts find them as they do on EMR."""
    folder.mkdir(parents=True, exist_ok=True)
    packages = str(Path(__file__).parent.parent)
    for name, (module, leading) in TOOLS.items():
        code = (
            f"import sys; sys.path.insert(0, {packages!r}); from {module} import main; "
            f"sys.exit(main([*{list(leading)!r}, *sys.argv[1:]]))"
        )
        tool = folder / name
        # -I: neither the step's folder nor its PYTHON* variables may change what the tool imports.
        tool.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -I -c {shlex.quote(code)} "$@"\n')
        tool.chmod(0o755)
