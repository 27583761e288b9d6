"""Slots are never oversubscribed, and nobody waits for ever."""

from __future__ import annotations

import random
import threading
import time

import pytest

from textmill.dag.slots import Slots, cores
from textmill.errors import UserError


def test_no_more_slots_are_held_than_there_are() -> None:
    slots, draw = Slots(3), random.Random(0)
    held, most, guard = 0, 0, threading.Lock()

    def work(wanted: int) -> None:
        nonlocal held, most
        with slots.holding(wanted):
            with guard:
                held += min(wanted, 3)
                most = max(most, held)
            time.sleep(0.002)
            with guard:
                held -= min(wanted, 3)

    threads = [threading.Thread(target=work, args=(draw.randint(1, 5),)) for _ in range(60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)
    assert most == 3
    assert held == 0


def test_a_stage_that_needs_every_slot_is_not_overtaken_for_ever() -> None:
    slots, order = Slots(2), []
    first_in, big_waits = threading.Event(), threading.Event()

    def small(name: str) -> None:
        with slots.holding(1):
            first_in.set()
            big_waits.wait(5)
            order.append(name)

    def big() -> None:
        with slots.holding(2):
            order.append("big")

    one = threading.Thread(target=small, args=("one",))
    one.start()
    assert first_in.wait(5)
    two = threading.Thread(target=big)
    two.start()
    time.sleep(0.05)
    late = threading.Thread(target=small, args=("late",))
    late.start()
    time.sleep(0.05)
    big_waits.set()
    for thread in (one, two, late):
        thread.join(5)
    assert order == ["one", "big", "late"]


def test_slots_come_back_when_the_stage_raises() -> None:
    slots = Slots(1)
    with pytest.raises(RuntimeError), slots.holding(1):
        raise RuntimeError
    with slots.holding(1):
        pass


@pytest.mark.parametrize("value", ["0", "-1", "many"])
def test_a_wrong_number_of_slots_is_named(monkeypatch, value: str) -> None:
    monkeypatch.setenv("TEXTMILL_SLOTS", value)
    with pytest.raises(UserError, match=f"TEXTMILL_SLOTS: expected a positive integer, found '{value}'"):
        cores()


def test_the_higher_priority_is_served_first() -> None:
    slots, order = Slots(1), []
    started = threading.Barrier(4)

    def take(name: str, priority: int) -> None:
        started.wait()
        with slots.holding(1, priority):
            order.append(name)

    threads = [threading.Thread(target=take, args=pair) for pair in [("low", 1), ("high", 3), ("middle", 2)]]
    with slots.holding(1):
        for thread in threads:
            thread.start()
        started.wait()
        deadline = time.monotonic() + 10
        while len(slots._waiting) < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
    for thread in threads:
        thread.join(10)
    assert order == ["high", "middle", "low"]
