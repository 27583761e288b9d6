"""Local servers, each known by a pid file: started once, found again, and ended only when they are ours."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from textmill.errors import UserError
from textmill.files import write_json

_PORTS_TRIED = 20


@dataclass(frozen=True)
class Running:
    """A server process: its number, when it was started (seconds since the epoch), and its port (or 0)."""

    pid: int
    started: float
    port: int


@dataclass(frozen=True)
class Service:
    """A server of this checkout.

    `arguments` follow the Python interpreter on its command line; ``{port}`` in them is the port. `variable`
    names the environment variable that fixes the port, `health` the path that answers once it is ready.
    """

    name: str
    title: str
    arguments: Sequence[str]
    root: Path
    variable: str = ""
    port: int = 0
    health: str = ""
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def pid_file(self) -> Path:
        """Where the process is written down."""
        return self.root / ".textmill" / "run" / f"{self.name}.pid"

    @property
    def log_file(self) -> Path:
        """What the process prints."""
        return self.root / ".textmill" / "logs" / f"{self.name}.log"

    def running(self) -> Running | None:
        """The process of the pid file, if it lives and is the one that was started then."""
        try:
            noted = Running(**json.loads(self.pid_file.read_text(encoding="utf-8")))
            process = psutil.Process(noted.pid)
            same = abs(process.create_time() - noted.started) < 1 and process.status() != psutil.STATUS_ZOMBIE
        except (FileNotFoundError, json.JSONDecodeError, TypeError, psutil.NoSuchProcess):
            return None
        return noted if same else None

    def url(self, running: Running) -> str:
        """Its address."""
        return f"http://127.0.0.1:{running.port}"

    def start(self) -> Running:
        """Start the server, or find it running; it outlives this process. See `wait` for when it answers.

        Raises:
            UserError: the port that the environment fixes is taken or is no port.
        """
        found = self.running()
        if found:
            return found
        port = self._free_port() if self.port else 0
        self.pid_file.parent.mkdir(parents=True, exist_ok=True)
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *(argument.format(port=port) for argument in self.arguments)],
                cwd=self.root,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        started = Running(process.pid, psutil.Process(process.pid).create_time(), port)
        write_json(self.pid_file, started.__dict__)
        return started

    def wait(self, running: Running, seconds: float = 90) -> None:
        """Return when the server answers.

        Raises:
            UserError: it ended or did not answer in time; the message quotes the end of its log.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.answers(running):
                return
            if self.running() is None:
                raise UserError(f"The {self.title} ended while it started. {self._last_words()}")
            time.sleep(0.2)
        raise UserError(f"The {self.title} did not answer within {seconds:.0f} seconds. {self._last_words()}")

    def answers(self, running: Running) -> bool:
        """Whether it answers now."""
        try:
            with urllib.request.urlopen(self.url(running) + self.health, timeout=2) as reply:
                return int(reply.status) == 200
        except (urllib.error.URLError, OSError):
            return False

    def stop(self, seconds: float = 10) -> bool:
        """End the server and the processes it started; False when it was not running.

        A process that merely has the number of the pid file is left alone.
        """
        found = self.running()
        if found is None:
            self.pid_file.unlink(missing_ok=True)
            return False
        family = [psutil.Process(found.pid)]
        with contextlib.suppress(psutil.NoSuchProcess):
            family += family[0].children(recursive=True)
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.terminate()
        _, stubborn = psutil.wait_procs(family, timeout=seconds)
        for process in stubborn:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.pid_file.unlink(missing_ok=True)
        return True

    def _free_port(self) -> int:
        fixed = os.environ.get(self.variable)
        if not fixed:
            for port in range(self.port, self.port + _PORTS_TRIED):
                if _is_free(port):
                    return port
            last = self.port + _PORTS_TRIED - 1
            raise UserError(
                f"{self.title}: no free port from {self.port} to {last}. Name one with {self.variable}."
            )
        if not fixed.isdecimal() or not 0 < int(fixed) < 65536:
            raise UserError(f"{self.variable}: expected a port from 1 to 65535, found {fixed!r}.")
        if not _is_free(int(fixed)):
            raise UserError(
                f"{self.variable}: port {fixed} is taken by another program. Name a free one, or leave the "
                f"variable unset to have the {self.title} take the next free port from {self.port}."
            )
        return int(fixed)

    def _last_words(self) -> str:
        try:
            lines = self.log_file.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        except FileNotFoundError:
            lines = []
        said = f' Its last line: "{lines[-1].strip()}".' if lines else ""
        return f"Its log is {self.log_file.relative_to(self.root)}.{said}"


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
