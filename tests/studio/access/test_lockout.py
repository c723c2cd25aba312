"""Guessing becomes slow, and nobody is locked out."""

from __future__ import annotations

from studio.access.lockout import FORGOTTEN, FREE, LONGEST, PLACES, WAITING, Lockout


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_the_first_mistakes_cost_nothing_and_further_ones_double() -> None:
    lockout = Lockout(Clock())
    waits = [lockout.begin("here") for _ in range(FREE + 7)]
    assert waits[:FREE] == [0.0] * FREE
    assert waits[FREE:] == [1.0, 2.0, 4.0, 8.0, 16.0, LONGEST, LONGEST]


def test_the_right_password_forgives_and_so_does_time() -> None:
    clock = Clock()
    lockout = Lockout(clock)
    for _ in range(FREE + 3):
        lockout.begin("here")
    assert lockout.begin("there") == 0.0
    assert lockout.begin("here") == 8.0
    clock.now += FORGOTTEN + 1
    assert [lockout.begin("here") for _ in range(FREE + 1)] == [0.0] * FREE + [1.0], "it begins anew"
    lockout.passed("here")
    assert lockout.begin("here") == 0.0


def test_few_may_wait_at_once() -> None:
    lockout = Lockout(Clock())
    assert all(lockout.enter("here") for _ in range(WAITING))
    assert not lockout.enter("here")
    assert lockout.enter("there")
    lockout.leave("here")
    assert lockout.enter("here")


def test_a_flood_of_addresses_takes_no_memory_and_frees_nobody_who_waits() -> None:
    lockout = Lockout(Clock())
    for _ in range(FREE + 2):
        lockout.begin("first")
    assert lockout.enter("first")
    for number in range(2 * PLACES):
        lockout.begin(f"10.0.{number // 256}.{number % 256}")
    assert len(lockout._places) <= PLACES + 1
    assert lockout.begin("first") == 4.0
