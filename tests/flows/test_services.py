"""Local servers are started once, found again, and only ever ended when they are ours."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from flows.services import Service
from textmill.errors import UserError


def page_server(root: Path, **changes) -> Service:
    """Python's own HTTP server as a service."""
    settings = {
        "name": "page",
        "title": "page server",
        "arguments": ("-m", "http.server", "{port}", "--bind", "127.0.0.1"),
        "root": root,
        "variable": "PAGE_PORT",
        "port": 7411,
        "health": "/",
    }
    return Service(**(settings | changes))


@pytest.fixture
def server(tmp_path):
    service = page_server(tmp_path)
    yield service
    service.stop()


def test_it_is_started_once_and_found_again(server: Service) -> None:
    assert server.running() is None
    first = server.start()
    server.wait(first, 20)
    assert server.answers(first)
    assert page_server(server.root).start() == first
    assert server.running() == first


def test_it_is_ended_with_its_children(tmp_path) -> None:
    code = (
        "import subprocess, sys, time\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "time.sleep(60)\n"
    )
    service = page_server(tmp_path, arguments=("-c", code))
    pid = service.start().pid
    deadline = time.monotonic() + 10
    while not psutil.Process(pid).children() and time.monotonic() < deadline:
        time.sleep(0.05)
    family = [psutil.Process(pid), *psutil.Process(pid).children()]
    assert len(family) == 2
    assert service.stop()
    assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in family)
    assert not service.pid_file.exists()
    assert not service.stop()


def test_another_process_with_the_number_of_the_pid_file_is_left_alone(server: Service) -> None:
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        server.pid_file.parent.mkdir(parents=True)
        server.pid_file.write_text(
            json.dumps({"pid": other.pid, "started": time.time() - 3600, "port": 7411})
        )
        assert server.running() is None
        assert not server.stop()
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


@pytest.mark.parametrize("content", ["", "12", '{"pid": 1}', "no JSON"])
def test_a_damaged_pid_file_counts_as_not_running(server: Service, content: str) -> None:
    server.pid_file.parent.mkdir(parents=True)
    server.pid_file.write_text(content)
    assert server.running() is None


def test_a_taken_port_is_passed_over(server: Service) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        moved = page_server(server.root, port=port)
        running = moved.start()
        moved.wait(running, 20)
        assert running.port > port


def test_a_fixed_port_that_is_taken_is_an_error_that_names_the_variable(server, monkeypatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setenv("PAGE_PORT", str(taken.getsockname()[1]))
        with pytest.raises(UserError, match=r"PAGE_PORT: port \d+ is taken by another program"):
            server.start()


@pytest.mark.parametrize("value", ["zero", "0", "70000"])
def test_a_port_that_is_none_is_named(server: Service, monkeypatch, value: str) -> None:
    monkeypatch.setenv("PAGE_PORT", value)
    with pytest.raises(UserError, match=f"PAGE_PORT: expected a port from 1 to 65535, found '{value}'"):
        server.start()


def test_a_server_that_ends_at_once_is_quoted(tmp_path) -> None:
    broken = page_server(tmp_path, arguments=("-c", "print('no such database'); raise SystemExit(1)"))
    with pytest.raises(
        UserError, match=r"page server ended while it started\. .*page\.log.*no such database"
    ):
        broken.wait(broken.start(), 20)


def test_a_server_that_never_answers_is_given_up(tmp_path) -> None:
    silent = page_server(tmp_path, arguments=("-c", "import time; time.sleep(60)"))
    try:
        with pytest.raises(UserError, match="did not answer within 1 seconds"):
            silent.wait(silent.start(), 1)
    finally:
        silent.stop()
