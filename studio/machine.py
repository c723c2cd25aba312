"""What all tabs of a studio share of the machine: the queue of renders, proxies, places on the disk."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from models.errors import ModelError
from pipeline.clips.proxies import ProxyCache
from pipeline.jobs.runner import KINDS, Jobs
from studio.analysing import Analysing
from studio.work import Worker


def _aside() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "aside")


@dataclass
class Machine:
    """data_dir: the data folder. safe: whether only models may be used whose terms allow commercial use. command: what
    starts a job's process, for tests. offline: nothing is fetched from elsewhere. aside: what nobody waits for (looking
    for people, estimates), so that a preview need not wait for it. Jobs, proxies and what analyses are made when they
    are first asked for: the Image screen needs none."""

    data_dir: Path = field(default_factory=lambda: Path(tempfile.gettempdir()) / "likeness")
    executor: Executor = field(default_factory=_aside)
    offline: bool = False
    safe: Callable[[], bool] = lambda: False
    command: Sequence[str] | None = None
    _jobs: Jobs | None = None
    _proxies: ProxyCache | None = None
    _analysing: Analysing | None = None

    def __post_init__(self) -> None:
        self.aside = Worker(self.executor)

    @property
    def jobs(self) -> Jobs:
        if self._jobs is None:
            self._jobs = Jobs(self.data_dir / "jobs", command=self.command)
        return self._jobs

    @property
    def proxies(self) -> ProxyCache:
        if self._proxies is None:
            self._proxies = ProxyCache(self.data_dir / "proxies")
        return self._proxies

    @property
    def analysing(self) -> Analysing:
        """Of clips that are open, while nobody waits for it."""
        if self._analysing is None:
            self._analysing = Analysing(lambda: self.jobs)
        return self._analysing

    @property
    def renders(self) -> Path:
        """Where clips are written that were not opened from a folder of this machine."""
        return self.data_dir / "renders"

    @property
    def examples(self) -> Path:
        return self.data_dir / "examples"

    async def start(self, *, resume: bool = False) -> None:
        """Begins to run the queue, with what earlier servers left in it. resume: what they left half done too, which
        else waits until somebody says that it may go on."""
        await asyncio.to_thread(self.jobs.start, ("render",) if self.offline else KINDS)
        if resume:
            await asyncio.to_thread(self._go_on)

    def _go_on(self) -> None:
        for job in self.jobs.list():
            if job.state == "interrupted" and not (self.offline and job.kind == "download"):
                self.jobs.ask(job.id, "go_on")

    def check_online(self, subject: str) -> None:
        """Raises ModelError DOWNLOAD.OFFLINE."""
        if self.offline:
            raise ModelError("Nothing is fetched: this studio was started with --offline.", subject=subject,
                             code="DOWNLOAD.OFFLINE", remedy="Start it without --offline, or take in files that you "
                                                             "have.")

    def close(self) -> None:
        if self._analysing is not None:
            self._analysing.close()
        self.executor.shutdown(wait=False, cancel_futures=True)
        if self._proxies is not None:
            self._proxies.close()
        if self._jobs is not None:
            self._jobs.close()
