"""What a studio gives back that nobody uses, and when."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

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


@pytest.mark.long
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


def test_gradio_s_queue_is_looked_at_often_while_somebody_works_and_seldom_else(
        monkeypatch: pytest.MonkeyPatch) -> None:
    from types import SimpleNamespace

    from studio import pace

    monkeypatch.setattr(pace, "QUIET", 0.2)
    queue = SimpleNamespace(sleep_when_free=0.001, progress_update_sleep_when_free=0.01)

    async def answers(scope: Any, receive: Any, send: Any) -> None:
        pass

    async def visit() -> list[float]:
        middleware = pace.Pace(answers, queue)
        seen = [queue.sleep_when_free]
        for path in ("/healthz", "/gradio_api/queue/join"):
            await middleware({"type": "http", "path": path}, None, None)  # type: ignore[arg-type]  # nothing is sent
            seen.append(queue.sleep_when_free)
        await asyncio.sleep(0.5)
        return [*seen, queue.sleep_when_free]

    assert asyncio.run(visit()) == [pace.SLOW, pace.SLOW, pace.QUICK, pace.SLOW]


def test_the_studio_s_own_queue_is_slow_until_somebody_asks(tmp_path: Path) -> None:
    from fastapi.testclient import TestClient

    from studio.app import create_app
    from studio.pace import SLOW
    from studio.settings import Settings

    app = create_app(Engine(registry=Registry(), faces=dlib_stack()), Settings(data_dir=tmp_path))
    with TestClient(app, base_url="http://127.0.0.1:7860"):
        apps: list[Any] = [getattr(route, "app", None) for route in app.routes]
        queue = next(one.get_blocks()._queue for one in apps if hasattr(one, "get_blocks"))
        assert queue.sleep_when_free == SLOW
