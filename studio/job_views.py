"""Jobs as their cards show them, as plain data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pipeline.jobs.job import Job
from studio.access.rights import may_see, may_touch
from studio.access.roles import HOST, Visitor
from studio.clip_findings import found_in
from studio.clip_jobs import doubts_of

View = dict[str, Any]

LETTERS = {"waiting": "w", "running": "r", "done": "d"}


def card(job: Job, tab: str, visitor: Visitor = HOST) -> View:
    """tab: the page's secret, for addresses. parts: a letter each (w, r, d). Who may not touch it sees how far it is,
    and nothing of what it is made from; paths of the machine are the owner's alone."""
    view = _card(job, tab)
    if visitor.owner:
        return view
    view["output"] = Path(job.output).name
    if view["result"] is not None:
        view["result"]["path"] = view["result"]["name"]
    if not may_touch(visitor, job):
        view |= {"wishes": [], "doubts": [], "clip": None, "mine": False, "findings": None}
        if view["error"] is not None:
            view["error"] |= {"words": "", "subject": "", "remedy": ""}
    if not may_see(visitor, job):
        view |= {"picture": None, "title": ""}
    return view


def _card(job: Job, tab: str) -> View:
    error, result = job.error, job.result
    request = json.loads(job.request)
    target = {} if job.kind == "download" else request["recipe"]["target"] or {}
    return {
        "id": job.id, "kind": job.kind, "slot": request.get("slot"), "mine": True, "title": job.title,
        "state": job.state, "wanted": job.wanted, "stage": job.stage,
        "done": job.finished_frames, "total": job.total_frames, "fps": round(job.fps, 1), "eta": job.eta,
        "parts": "".join(LETTERS[part] for part in job.parts), "attempts": job.attempts, "clip": target.get("id"),
        "picture": f"jobs/{tab}/{job.id}/picture?{job.picture}" if job.picture else None,
        "created": job.created, "started": job.started, "finished": job.finished,
        "wishes": sorted(job.wishes), "output": job.output, "doubts": doubts_of(job),
        "findings": found_in(job),
        "error": None if error is None else {"code": error.code, "words": error.message, "subject": error.subject,
                                             "remedy": error.remedy},
        "result": None if result is None else {
            "path": result.output, "name": Path(result.output).name, "bytes": result.bytes,
            "sidecar": Path(result.sidecar).name if result.sidecar else None,
            "notes": [{"code": note.code, "words": note.words, "values": dict(note.values)} for note in result.notes],
            "download": None if job.kind == "download" or "%" in result.output else f"jobs/{tab}/{job.id}/result",
            **{name: result.data.get(name) for name in ("frames", "changed", "container", "codec", "rendered",
                                                        "reused")}},
    }
