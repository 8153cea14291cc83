#!/usr/bin/env python3
"""Turns enriched events (tab-separated, gzipped) into JSON lines, one file for each kind of event.

Usage: transform.py SOURCE TARGET

Stands in for a Spark job: it reads and writes through Hadoop's file system client, so SOURCE and TARGET may be S3 or
HDFS folders. Lines that are no enriched event go to TARGET/bad.
"""

import gzip
import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

COLUMNS = 131
FIELDS = {0: "app_id", 1: "platform", 3: "collector_tstamp", 5: "event", 6: "event_id", 12: "user_id"}


def main(source: str, target: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        local, written = Path(folder, "in"), Path(folder, "out")
        local.mkdir()
        hadoop("-get", f"{source.rstrip('/')}/*", str(local))
        counts = write(transformed(local), written)
        hadoop("-mkdir", "-p", target)
        hadoop("-put", *map(str, sorted(written.iterdir())), target)
    for kind, count in sorted(counts.items()):
        print(f"{kind}: {count}")


def transformed(folder: Path) -> dict[str, list[str]]:
    """The lines of each output, by its name."""
    lines: dict[str, list[str]] = defaultdict(list)
    for path in sorted(folder.rglob("*.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for line in file:
                columns = line.rstrip("\n").split("\t")
                if len(columns) != COLUMNS:
                    lines["bad"].append(line.rstrip("\n"))
                    continue
                event = {name: columns[index] for index, name in FIELDS.items() if columns[index]}
                lines[f"event={columns[5]}"].append(json.dumps(event))
    return lines


def write(lines: dict[str, list[str]], folder: Path) -> dict[str, int]:
    """Write each output as one part; how many lines each has."""
    for name, rows in lines.items():
        place = folder / name
        place.mkdir(parents=True)
        (place / "part-00000.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return {name: len(rows) for name, rows in lines.items()}


def hadoop(*arguments: str) -> None:
    subprocess.run(["hadoop", "fs", *arguments], check=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
