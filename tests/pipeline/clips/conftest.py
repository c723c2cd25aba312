"""Tests of clips make AV1 ones themselves."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from pipeline.clips.priority import usual_priority


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Generator[None, object, object]:
    with usual_priority():  # fixtures included
        return (yield)
