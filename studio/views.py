"""What each part of the screen shows, as plain data. Words are not chosen here: the page has both languages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from models.face import Box
from pipeline.pictures import Picture
from pipeline.pictures.formats import FORMATS
from pipeline.recipe import Effect, Looking, SourceInput, params_of
from processors.batches import Remark
from processors.params import control_of
from studio import effects, example
from studio.reload import saved_format
from studio.session import Place, TabSession
from studio.settings import Settings

View = dict[str, Any]


def bar(tab: TabSession, settings: Settings) -> View:
    target = tab.target
    return {
        "cores": settings.cores,
        "can_undo": tab.history.can_undo, "can_redo": tab.history.can_redo,
        "can_save": target is not None and tab.wanted is not None,
        "unsaved": tab.wanted is not None and tab.wanted != tab.saved_for,
        "format": saved_format(target) if target else "",
        "formats": [{"name": f.name, "title": f.title, "lossless": f.quality is None} for f in FORMATS.values()],
        "offer": _offer(tab), "notices": _notices(tab, "bar"),
    }


def people(tab: TabSession) -> View:
    analysis, target = tab.analysis, tab.target
    rows = []
    for report in analysis.faces if analysis and target else ():
        found = tab.rendered.remarks.get(report.number, ()) if tab.rendered and tab.fresh else ()
        choice = tab.recipe.choice_for(report.number)
        rows.append({
            "number": report.number, "portrait": _portrait(tab, target, report.number, tab.recipe.looking),
            "choice": choice.model_dump(), "size": round(report.size),
            "remarks": _remarks(_once((*report.remarks, *found))),
        })
    return {
        "open": target is not None, "looked": analysis is not None, "halted": _halted(tab), "people": rows,
        "remarks": _remarks(analysis.remarks if analysis else ()),
        "sources": [_source(tab, source) for source in tab.recipe.sources],
        "looking": tab.recipe.looking.model_dump(), "notices": _notices(tab, "people"),
    }


def viewer(tab: TabSession) -> View:
    target, analysis = tab.target, tab.analysis
    faces = []
    for report in analysis.faces if analysis and target else ():
        faces.append({"number": report.number, "use": tab.recipe.choice_for(report.number).use,
                      **_share(report.face.box, target)})
    return {
        "picture": _picture(tab, target), "faces": faces, "looked": analysis is not None,
        "stale": not tab.fresh, "busy": _busy(tab), "notices": _notices(tab, "viewer"),
        "example": {"source": [example.SOURCE.person, example.SOURCE.credit],
                    "target": [example.TARGET.person, example.TARGET.credit]},
    }


def chain(tab: TabSession) -> View:
    registry = tab.engine.registry
    return {
        "preset": effects.preset_of(tab.recipe.effects, tab.presets, registry),
        "presets": [{"name": p.name, "title": p.title, "help": p.help} for p in tab.presets],
        "effects": [_effect(tab, effect) for effect in tab.recipe.effects],
        "catalogue": [{"name": c.spec.name, "title": c.spec.title, "help": c.spec.help, "role": c.spec.role}
                      for c in registry],
        "notices": _notices(tab, "chain"),
    }


def tray(tab: TabSession) -> View:
    return {"busy": _busy(tab), "seconds": tab.seconds, "fresh": tab.fresh, "changed": tab.wanted is not None,
            "open": tab.target is not None, "halted": _halted(tab)}


def _halted(tab: TabSession) -> bool:
    """Whether the user stopped the search for faces."""
    return tab.halted and tab.target is not None and tab.analysis is None


def _busy(tab: TabSession) -> View | None:
    ticket = tab.job or tab.previews.ticket
    return None if ticket is None or ticket.done else {"stage": ticket.stage, "share": round(ticket.share, 3)}


def _notices(tab: TabSession, place: Place) -> list[View]:
    return [{"id": n.id, "code": n.code, "subject": n.subject, "words": n.words, "remedy": n.remedy, "error": n.error}
            for n in tab.notices if n.place == place]


SAID_BETTER = {"FACE.UNSURE": "POINTS.DOUBTFUL", "FACE.TINY": "SIZE.TINY"}
"""Remarks of the analysis that a processor's own remark says again, and more exactly."""


def _once(remarks: tuple[Remark, ...]) -> list[Remark]:
    """Each code once, and none that another of them says better."""
    by_code = {remark.code: remark for remark in remarks}
    return [remark for code, remark in by_code.items() if SAID_BETTER.get(code) not in by_code]


def _remarks(remarks: Iterable[Remark]) -> list[View]:
    return [{"code": r.code, "words": r.words, "values": dict(r.values)} for r in remarks]


def _url(tab: TabSession, key: str) -> str:
    return f"/media/{tab.id}/{key}"


def _portrait(tab: TabSession, picture: Picture | None, number: int, looking: Looking) -> str | None:
    key = f"{picture.id[7:23]}/face-{number}-{int(looking.small)}{int(looking.turned)}" if picture else ""
    return _url(tab, key) if key in tab.media else None


def _source(tab: TabSession, source: SourceInput) -> View:
    learned = tab.source_for(source)
    photos = []
    for place, photo in enumerate(source.photos):
        picture = tab.pictures.get(photo.id)
        analysis = tab.analyses.get((photo.id, Looking()))
        used = learned.photos[place][1].number if learned and place < len(learned.photos) else photo.face
        photos.append({
            "id": photo.id, "name": photo.name, "face": used,
            "faces": [{"number": r.number, "url": _portrait(tab, picture, r.number, Looking())}
                      for r in (analysis.faces if analysis else ())],
            "url": _portrait(tab, picture, used, Looking()) if used else None,
        })
    return {"name": source.name, "consent": source.consent, "photos": photos, "ready": learned is not None,
            "remarks": _remarks(learned.remarks if learned else ())}


def _picture(tab: TabSession, target: Picture | None) -> View | None:
    if target is None:
        return None
    short = target.id[7:23]
    after = tab.result if tab.result in tab.media and str(tab.result).startswith(short) else None
    before = f"{short}/before"
    return {
        "id": target.id, "name": target.name, "width": target.frame.width, "height": target.frame.height,
        "format": FORMATS[target.format].title if target.format in FORMATS else target.format.upper(),
        "depth": target.frame.depth, "alpha": target.frame.alpha is not None,
        "before": _url(tab, before) if before in tab.media else None,
        "after": _url(tab, after) if after and tab.rendered is not None else None,
        "notes": _remarks(target.notes),
    }


def _share(box: Box, target: Picture | None) -> View:
    """A box in shares of the picture's width and height."""
    width, height = (target.frame.width, target.frame.height) if target else (1, 1)
    return {"x": round(box.x0 / width, 5), "y": round(box.y0 / height, 5),
            "w": round(box.width / width, 5), "h": round(box.height / height, 5)}


def _effect(tab: TabSession, effect: Effect) -> View:
    cls = tab.engine.registry.get(effect.processor)
    values = params_of(effect, tab.engine.registry)
    controls = [{"name": name, "value": getattr(values, name), **control_of(name, cls.Params)}
                for name in cls.Params.model_fields]
    return {"id": effect.id, "processor": effect.processor, "title": cls.spec.title, "help": cls.spec.help,
            "role": cls.spec.role, "on": effect.on, "controls": controls}


def _offer(tab: TabSession) -> View | None:
    offer = tab.offer
    if offer is None:
        return None
    sidecar = offer.sidecar
    return {"n": offer.n, "name": offer.path.name, "kind": offer.kind, "format": offer.format,
            "url": _url(tab, f"saved/{offer.path.name}"),
            "sidecar": {"name": sidecar.name, "url": _url(tab, f"saved/{sidecar.name}")} if sidecar else None,
            "notes": _remarks(offer.notes)}
