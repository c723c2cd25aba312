"""What the Clip screen shows, as plain data. Times are seconds and frames' numbers; words are chosen by the page."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from pipeline.clips.clip import Clip
from pipeline.clips.containers import codecs, containers
from pipeline.clips.encoding import may_copy, own_container
from pipeline.engine import Estimate
from pipeline.recipe import Person
from processors.batches import Remark
from studio import clip_findings, clip_jobs, example, segments
from studio.clip_people import portrait_of
from studio.clip_perform import proxy_key
from studio.clip_session import ClipSession
from studio.clip_times import edge_at, frame_at, length_of
from studio.project import short_of
from studio.who import into_of
from studio.work import Ticket

View = dict[str, Any]


def bar(c: ClipSession) -> View:
    clip = c.clip
    ready = clip is not None and c.wanted is not None
    return {"can_render": ready, "estimate": _estimate(c.estimate) if ready else None,
            "estimating": c.estimating.ticket is not None,
            "output": _output(c, clip) if clip is not None else None}


def people(c: ClipSession) -> View:
    clip, looking = c.clip, c.recipe.looking
    found = {one.person.number: one for one in c.found.get((clip.id, looking), ())} if clip else {}
    still = c.still
    lanes, gone = c.lanes, {one.number for one in c.recipe.merged}
    rows = []
    for person in c.recipe.people if clip else ():
        if person.number in gone:
            continue
        one, key, best = found.get(person.number), portrait_of(c, person), lanes and lanes.best(person.number)
        rows.append({
            "number": person.number, "name": person.name, "portrait": f"media/{c.id}/{key}" if key else None,
            "choice": c.recipe.choice_for(person.number).model_dump(), "frames": one.frames if one else None,
            "seconds": lanes.seconds.get(person.number, 0.0) if lanes else None, "so_far": not (lanes and lanes.whole),
            "merged": [_merged(c, other) for other in c.recipe.people
                       if into_of(c.recipe, other.number) == person.number != other.number],
            "seen": best.frame if best else
            frame_at(clip, Fraction(person.seen)) if clip and person.seen is not None else None,
            "remarks": _remarks(still.remarks.get(person.number, ()) if still else ()),
        })
    return {"open": clip is not None, "looked": c.looked, "halted": c.halted and not c.looked, "people": rows,
            "remarks": _remarks(still.remarks.get(0, ()) if still else ()),
            "others": c.recipe.everyone.model_dump() if clip else None}


def _merged(c: ClipSession, person: Person) -> View:
    key = portrait_of(c, person)
    return {"number": person.number, "name": person.name, "portrait": f"media/{c.id}/{key}" if key else None}


def _survey(c: ClipSession, clip: Clip) -> View | None:
    """How far the whole of it is analysed; None where it never is."""
    if c.engine.analyses is None or not c.looked:
        return None
    far, lanes = c.machine.analysing.look(c.id), c.lanes
    if lanes is not None and lanes.whole:
        return {"state": "whole", "share": 1.0}
    known = lanes.known.frames / clip.frames if lanes is not None else 0.0
    if far is None and clip.id in c.unsurveyed:
        return {"state": "stopped", "share": round(known, 3)}
    return {"state": far.state if far else "working", "share": round(max(far.share if far else 0.0, known), 3)}


def selected(c: ClipSession) -> View | None:
    """Which segment the sidebar edits; None where there is but one."""
    clip = c.clip
    if clip is None or len(c.recipe.segments) < 2:
        return None
    place = c.selected
    start, stop = segments.edges(c.recipe.segments, length_of(clip))[place]
    return {"number": place + 1, "count": len(c.recipe.segments), "start": float(start), "stop": float(stop)}


def tray(c: ClipSession) -> View:
    return {"busy": busy(c), "open": c.clip is not None, "changed": c.wanted is not None,
            "fresh": c.still is not None, "seconds": None, "halted": c.halted and not c.looked}


def busy(c: ClipSession) -> View | None:
    """What a person waits for comes first; what is done aside, last."""
    waiting: list[Ticket[Any] | None] = [c.rendering_span.ticket, c.finding.ticket, c.previews.ticket, c.job,
                                          c.estimating.ticket]
    ticket = next((one for one in waiting if one is not None and not one.done), None)
    return None if ticket is None else {"stage": ticket.stage, "share": round(ticket.share, 3)}


def centre(c: ClipSession) -> View:
    clip = c.clip
    view: View = {
        "busy": busy(c), "tab": c.id, "example": [example.SOURCE.person, example.SOURCE.credit,
                                                  example.TARGET.person, example.TARGET.credit],
        "pair": _pair(c), "answers": {job: [[float(s.start or 0), float(s.stop or 0)] for s in spans]
                                      for job, spans in c.answers.items()},
    }
    return {**view, "clip": None} if clip is None else {**view, **_opened(c, clip)}


def _opened(c: ClipSession, clip: Clip) -> View:
    still, span = c.still, c.span
    first, stop = c.trimmed()
    edges = segments.edges(c.recipe.segments, length_of(clip))
    return {
        "clip": _clip(c, clip), "at": c.at, "jump": c.jump, "trim": [first, stop],
        "segments": [[frame_at(clip, low) if low > 0 else 0, edge_at(clip, high)] for low, high in edges],
        "selected": c.selected, "faces": _faces(c, clip), "faces_frame": c.faces[1] if c.faces else None,
        "still": {"frame": still.frame, "url": f"media/{c.id}/{still.key}"} if still else None,
        "changed": c.wanted is not None,
        "span": {"url": f"clip/{c.id}/file/{span.key}", "start": span.start, "stop": span.stop,
                 "fresh": span.wanted == c.wanted} if span and span.key in c.files else None,
        "covers": [{"place": place, "frame": frame_at(clip, Fraction(box.at)) if box.at is not None else 0, "x": box.x,
                    "y": box.y, "w": box.width, "h": box.height, "style": box.style}
                   for place, box in enumerate(c.recipe.covers)],
        "anonymises": c.anonymises, "survey": _survey(c, clip),
        "lanes": {"url": f"clip/{c.id}/{short_of(clip.id)}/lanes", "rev": c.lanes.rev} if c.lanes else None,
        **clip_findings.mending(c),
    }


def _clip(c: ClipSession, clip: Clip) -> View:
    key, proxy = short_of(clip.id), proxy_key(clip)
    state = c.note_proxy()
    video = c.files.get(proxy)
    return {
        "id": clip.id, "key": key, "name": clip.name, "width": clip.width, "height": clip.height,
        "rate": round(float(clip.rate), 3), "frames": clip.frames, "seconds": float(clip.duration),
        "codec": codecs()[clip.codec].title if clip.codec in codecs() else clip.codec.upper(),
        "depth": clip.depth, "hdr": clip.colour.transfer != "sdr", "interlaced": clip.fields != "progressive",
        "variable": clip.variable, "sound": bool(clip.sounds()), "notes": _remarks(clip.notes),
        "video": f"clip/{c.id}/file/{proxy}" if video else None, "proxy_share": round(state.share, 3) if state else 0,
        "frame": f"clip/{c.id}/{key}/frame/", "times": f"clip/{c.id}/{key}/times",
        "thumb": f"clip/{c.id}/{key}/thumb/", "thumbs": "proxy" if video else "clip",
    }


def _faces(c: ClipSession, clip: Clip) -> list[View]:
    if c.faces is None or c.faces[1] != c.at or not c.faces[0].startswith(clip.id):
        return []
    return [{"number": one.number, "use": c.recipe.choice_for(one.number).use if one.number else c.recipe.everyone.use,
             "sure": one.sure, "x": round(one.box.x0 / clip.width, 5), "y": round(one.box.y0 / clip.height, 5),
             "w": round(one.box.width / clip.width, 5), "h": round(one.box.height / clip.height, 5)}
            for one in c.faces[2]]


def _estimate(estimate: Estimate | None) -> View | None:
    if estimate is None:
        return None
    return {"frames": estimate.frames, "seconds": estimate.seconds, "bytes": estimate.bytes, "free": estimate.free,
            "copied": estimate.copied}


def _output(c: ClipSession, clip: Clip) -> View:
    """What may be chosen of how it is written, and where it goes."""
    rows = containers()
    own = own_container(clip)
    return {
        "settings": c.recipe.output.clip.model_dump(), "own": own, "path": _place(c),
        "containers": [{"name": row.name, "title": row.title, "codecs": list(row.codecs)} for row in rows.values()],
        "codecs": {name: row.title for name, row in codecs().items()},
        "sound": bool(clip.sounds()), "hdr": clip.colour.transfer != "sdr",
        "interlaced": clip.fields != "progressive", "height": round(clip.height * c.factor),
        "larger": c.factor != 1, "rate": round(float(clip.rate), 3),
        "crf": {name: row.crf for name, row in codecs().items()},
        "can_copy": may_copy(clip, c.recipe.output.clip.container or own, c.recipe.output.clip, c.factor),
    }


def _place(c: ClipSession) -> str:
    """Where it goes; guests are told no path of the machine."""
    path = clip_jobs.proposed(c)
    return str(path) if c.visitor.owner else path.name


def _pair(c: ClipSession) -> View | None:
    pair = c.pair
    if pair is None:
        return None
    return {"job": pair.job, "name": pair.name, "share": round(pair.share, 3), "offset": pair.offset,
            "result": f"clip/{c.id}/file/{pair.result}" if pair.result else None,
            "original": f"clip/{c.id}/file/{pair.original}" if pair.original else None}


def _remarks(remarks: Iterable[Remark]) -> list[View]:
    return [{"code": r.code, "words": r.words, "values": dict(r.values)} for r in remarks]
