"""What a studio gives back that nobody uses, and when."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from models.families.dlib_faces import dlib_stack
from models.interfaces import Search
from pipeline.engine import Engine
from processors.registry import Registry
from studio.idle import AFTER, Idle
from studio.work import Worker
from tests.conftest import ASTRONAUT


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_models_are_let_go_of_after_a_while_and_loaded_again_when_they_are_needed() -> None:
    engine = Engine(registry=Registry(), faces=dlib_stack())
    clock = Clock()
    with ThreadPoolExecutor(1) as executor:
        worker = Worker(executor)
        idle = Idle(engine, (worker,), clock)
        picture = engine.open(ASTRONAUT)
        found = worker.start("find", lambda _: engine.analyse(picture)).future.result(60)
        idle.look()
        clock.now += AFTER - 1
        idle.look()
        assert not idle.resting
        assert "_predictor" in vars(engine.faces.landmarker)
        clock.now += 2
        idle.look()
        assert idle.resting
        for part in (engine.faces.detector, engine.faces.landmarker, engine.faces.recogniser):
            assert not {"_detector", "_predictor", "_network"} & set(vars(part))
        again = engine.faces.detector.detect(picture.frame.bgr8(), Search())
        assert [one.box for one in again] == [report.face.box for report in found.faces]


def test_a_studio_that_works_does_not_rest() -> None:
    engine = Engine(registry=Registry(), faces=dlib_stack())
    clock = Clock()
    with ThreadPoolExecutor(1) as executor:
        worker = Worker(executor)
        idle = Idle(engine, (worker,), clock)
        for _ in range(5):
            worker.start("x", lambda _: None).future.result(10)
            idle.look()
            clock.now += AFTER - 1
        assert not idle.resting
        import threading

        stop = threading.Event()
        ticket = worker.start("long", lambda _: stop.wait(30))
        idle.look()
        clock.now += 10 * AFTER
        idle.look()
        assert not idle.resting, "it is still at it"
        stop.set()
        ticket.future.result(10)
        idle.look()
        clock.now += AFTER + 1
        idle.look()
        assert idle.resting


def test_a_fresh_studio_has_nothing_to_give_back() -> None:
    class Never(Engine):
        def rest(self) -> None:
            raise AssertionError("there is nothing yet")

    clock = Clock()
    with ThreadPoolExecutor(1) as executor:
        idle = Idle(Never(registry=Registry(), faces=dlib_stack()), (Worker(executor),), clock)
        clock.now += 10 * AFTER
        idle.look()

