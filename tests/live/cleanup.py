"""Ends what live tests left behind when they were killed: `python -m tests.live.cleanup [SESSION]`.

It ends clusters that bear the tag of these tests and nothing else, and deletes their objects where
DATAFLOW_RUNNER_LIVE_BUCKET names the bucket. Without a session it does so for all sessions: not while one is running.
"""

from __future__ import annotations

import argparse
import os
import sys

from tests.live.account import FOLDER, Account, wait_until
from tests.live.settings import PREFIX


def main() -> int:
    """End, wait until nothing is alive, delete, and say so."""
    parser = argparse.ArgumentParser(prog="python -m tests.live.cleanup", description=__doc__)
    parser.add_argument("session", nargs="?", help="the tag's value; without it, every session's clusters")
    parser.add_argument("--region", default=os.environ.get(f"{PREFIX}REGION") or os.environ.get("AWS_REGION"))
    chosen = parser.parse_args()
    if not chosen.region:
        parser.error(f"no region: give --region or set {PREFIX}REGION")
    endpoint = os.environ.get("AWS_ENDPOINT_URL") or None
    account = Account(region=chosen.region, endpoint=endpoint)
    for cluster_id in account.end_all(chosen.session):
        print(f"{cluster_id}: ending")
    poll = 15.0 if endpoint is None else 0.1
    wait_until(lambda: account.is_clear(chosen.session) or None, "the end of all clusters", poll=poll, patience=900)
    print("no cluster of the live tests is alive")
    if bucket := os.environ.get(f"{PREFIX}BUCKET"):
        prefix = f"{FOLDER}/{chosen.session}/" if chosen.session else f"{FOLDER}/"
        print(f"s3://{bucket}/{prefix}: {account.delete_objects(bucket, prefix)} objects deleted")
    return 0


if __name__ == "__main__":
    sys.exit(main())
