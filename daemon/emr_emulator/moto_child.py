"""The process that holds moto: S3, SQS, DynamoDB and whatever else of AWS a client needs beside EMR.

It is a process of its own because importing moto hooks itself into botocore. It listens on loopback, answers nobody who
doesn't know the secret that it read from its standard input, and ends when that input does: with its parent, however
that ended.
"""

import hmac
import json
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any

SECRET_HEADER = "X-Emr-Emulator-Backend"  # noqa: S105 (a header's name)

_SECRET_VARIABLE = "HTTP_" + SECRET_HEADER.upper().replace("-", "_")


def main() -> None:
    """Read the secret, serve, and print ``{"port": N}`` once ready."""
    secret = sys.stdin.readline().strip()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    server = _make_server(secret)
    sys.stdout.write(json.dumps({"port": server.server_port}) + "\n")
    sys.stdout.flush()
    # Nobody reads this pipe any further; whatever moto prints joins the talk on stderr.
    os.dup2(2, 1)
    server.serve_forever()


def _make_server(secret: str) -> Any:
    from moto.core.config import default_user_config
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
    from werkzeug.serving import make_server

    # These two services would start containers.
    default_user_config["lambda"]["use_docker"] = False
    default_user_config["batch"]["use_docker"] = False
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    application = _ask_for(secret, DomainDispatcherApplication(create_backend_app))
    return make_server("127.0.0.1", 0, application, threaded=True, request_handler=MotoRequestHandler)


def _ask_for(secret: str, application: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
    def guarded(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        offered = environ.pop(_SECRET_VARIABLE, "")
        if not hmac.compare_digest(offered.encode(errors="replace"), secret.encode()):
            start_response("403 Forbidden", [("Content-Type", "text/plain"), ("Content-Length", "0")])
            return []
        return application(environ, start_response)

    return guarded


def _end_with_parent() -> None:
    while sys.stdin.read(4096):
        pass
    os._exit(0)


if __name__ == "__main__":
    main()
