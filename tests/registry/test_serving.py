"""A registered model behind HTTP answers as it does in Python."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from textmill.errors import UserError
from textmill.serving import server

TEXTS = ["A fine film", "不太好的电影"]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]


def post(port: int, body: dict) -> dict:
    kind = {"Content-Type": "application/json"}
    address = f"http://127.0.0.1:{port}/invocations"
    request = urllib.request.Request(address, json.dumps(body).encode(), kind)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


@pytest.mark.slow
def test_served_champion_answers_as_in_python(registered):
    import mlflow

    port = free_port()
    source = Path(server.__file__).parents[2]
    uri = "models:/film-sentiment@champion"
    script = f"from textmill.serving.server import serve; serve('.', {uri!r}, port={port})"
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=registered.root,
        env={**os.environ, "PYTHONPATH": str(source)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        served = None
        for _ in range(120):
            try:
                served = post(port, {"inputs": TEXTS})["predictions"]
                break
            except (urllib.error.URLError, ConnectionError):
                assert process.poll() is None
                time.sleep(0.5)
        mlflow.set_tracking_uri(f"sqlite:///{registered.root}/mlflow.db")
        expected = mlflow.pyfunc.load_model("models:/film-sentiment@champion").predict(TEXTS)
        assert [item["label"] for item in served] == expected["label"].tolist()
        assert [item["score"] for item in served] == pytest.approx(expected["score"].tolist())
        split = {"dataframe_split": {"columns": ["text"], "data": [[text] for text in TEXTS]}}
        assert post(port, split)["predictions"] == served
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(20)


def test_a_taken_port_is_named():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=rf"127.0.0.1:{port}: cannot listen there"):
            server.ensure_free("127.0.0.1", port)


def test_an_unknown_model_is_named_before_a_server_starts(registered):
    with pytest.raises(UserError, match="models:/nobody@champion: not in the registry"):
        server.serve(registered.root, "models:/nobody@champion")
