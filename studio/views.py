"""What each part of the screen shows, as plain data. Words are not chosen here: the page has both languages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from models.face import Box
from pipeline.gate import asks_for_consent
from pipeline.pictures import Picture
from pipeline.pictures.formats import FORMATS
from pipeline.presets import Stack
from pipeline.recipe import Effect, Looking, Recipe, SourceInput, params_of
from processors.batches import Remark
from processors.params import control_of
from studio import clip_views, effects, example
from studio.backdrops import thumb_key
from studio.lacking import lacking, names_of, rows_of
from studio.project import Place, Project, short_of
from studio.reload import saved_format
from studio.session import TabSession
from studio.settings import Settings
from studio.steps import portrait_key
from studio.work import Ticket

View = dict[str, Any]


def bar(tab: TabSession, settings: Settings) -> View:
    project = tab.project
    view = {
        "screen": tab.screen, "moved": tab.moved, "tab": tab.id, "cores": settings.cores,
        "can_undo": project.history.can_undo, "can_redo": project.history.can_redo,
        "unsaved": tab.clip.unsaved or (tab.wanted is not None and tab.wanted != tab.saved_for),
        "visitor": {"name": tab.visitor.name, "role": tab.visitor.role},
        "offer": _offer(tab), "notices": [*_notices(tab, "bar"), *_notices(tab.clip, "bar")],
    }
    return {**view, **(clip_views.bar(tab.clip) if tab.screen == "clip" else _image_bar(tab))}


def _image_bar(tab: TabSession) -> View:
    target = tab.target
    return {
        "can_save": target is not None and tab.wanted is not None,
        "format": saved_format(target) if target else "",
        "formats": [{"name": f.name, "title": f.title, "lossless": f.quality is None} for f in FORMATS.values()],
    }


def people(tab: TabSession) -> View:
    project = tab.project
    return {
        **(clip_views.people(tab.clip) if tab.screen == "clip" else _image_people(tab)), "screen": tab.screen,
        "sources": [_source(project, source) for source in project.recipe.sources],
        "looking": project.recipe.looking.model_dump(), "notices": _notices(project, "people"),
    }


def _image_people(tab: TabSession) -> View:
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
        "remarks": _remarks(analysis.remarks if analysis else ()), "others": None,
    }


def viewer(tab: TabSession) -> View:
    target, analysis = tab.target, tab.analysis
    faces = []
    for report in analysis.faces if analysis and target else ():
        faces.append({"number": report.number, "use": tab.recipe.choice_for(report.number).use,
                      **_share(report.face.box, target)})
    return {
        "picture": _picture(tab, target), "faces": faces, "covers": covers_of(tab.recipe),
        "looked": analysis is not None,
        "stale": not tab.fresh, "busy": busy_of(tab.job or tab.previews.ticket), "notices": _notices(tab, "viewer"),
        "example": {"source": [example.SOURCE.person, example.SOURCE.credit],
                    "target": [example.TARGET.person, example.TARGET.credit]},
    }


def chain(tab: TabSession) -> View:
    project, registry = tab.project, tab.engine.registry
    stacks = {p.name: project.stack(p) for p in tab.presets}
    chosen = effects.preset_of(project.chain, {p.name: (stacks[p.name].effects, p.chain(registry))
                                               for p in tab.presets}, registry)
    return {
        "preset": chosen, "stack": _stack(stacks[chosen], tab) if chosen is not None else None,
        "presets": [{"name": p.name, "title": p.title, "help": p.help} for p in tab.presets],
        "effects": [_effect(tab, effect) for effect in project.chain],
        "catalogue": [{"name": c.spec.name, "title": c.spec.title, "help": c.spec.help, "role": c.spec.role,
                       "lacks": lacking(c, c.Params(), tab.engine.networks)} for c in registry],
        "segment": clip_views.selected(tab.clip) if tab.screen == "clip" else None,
        "asks": asks_for_consent(project.recipe, registry), "backdrop": _backdrop(project),
        "notices": _notices(project, "chain"),
    }


def _stack(stack: Stack, tab: TabSession) -> View:
    """What a preset is here, and what would make it better."""
    return {"remark": _remarks([stack.remark])[0], "lacks": rows_of(stack.lacking, tab.engine.networks),
            "networks": bool(stack.slots), "newer": bool(stack.slots) and not effects.is_same(
                tab.project.chain, stack.effects, tab.engine.registry)}


def tray(tab: TabSession) -> View:
    if tab.screen == "clip":
        return clip_views.tray(tab.clip)
    return {"busy": busy_of(tab.job or tab.previews.ticket), "seconds": tab.seconds, "fresh": tab.fresh,
            "changed": tab.wanted is not None, "open": tab.target is not None, "halted": _halted(tab)}


def clip(tab: TabSession) -> View:
    """The centre of the Clip screen."""
    return {**clip_views.centre(tab.clip), "notices": _notices(tab.clip, "viewer")}


def _halted(tab: TabSession) -> bool:
    """Whether the user stopped the search for faces."""
    return tab.halted and tab.target is not None and tab.analysis is None


def busy_of(ticket: Ticket[Any] | None) -> View | None:
    """What is being done, and how much of it is."""
    return None if ticket is None or ticket.done else {"stage": ticket.stage, "share": round(ticket.share, 3)}


def _notices(tab: Project, place: Place) -> list[View]:
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


def _url(tab: Project, key: str) -> str:
    return f"media/{tab.id}/{key}"


def _portrait(tab: Project, picture: Picture | None, number: int, looking: Looking) -> str | None:
    key = portrait_key(picture, number, looking) if picture else ""
    return _url(tab, key) if key in tab.media else None


def _source(tab: Project, source: SourceInput) -> View:
    learned = tab.source_for(source)
    photos, place = [], 0
    for photo in source.photos:
        shots = tab.shots.get(photo.id, ())
        picture = shots[0] if shots else None
        analysis = tab.analyses.get((picture.id, Looking(), tab.engine.faces.name)) if picture else None
        used = learned.photos[place][1].number if learned and place < len(learned.photos) else photo.face
        place += len(shots)
        photos.append({
            "id": photo.id, "name": photo.name, "face": used, "shots": len(shots),
            "faces": [{"number": r.number, "url": _portrait(tab, picture, r.number, Looking())}
                      for r in (analysis.faces if analysis and len(shots) == 1 else ())],
            "url": _portrait(tab, picture, used, Looking()) if used else None,
        })
    return {"name": source.name, "consent": source.consent, "photos": photos, "ready": learned is not None,
            "remarks": _remarks(learned.remarks if learned else ())}


def _picture(tab: TabSession, target: Picture | None) -> View | None:
    if target is None:
        return None
    short = short_of(target.id)
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


def _effect(tab: Project, effect: Effect) -> View:
    cls = tab.engine.registry.get(effect.processor)
    values = params_of(effect, tab.engine.registry)
    controls = [{"name": name, "value": getattr(values, name), **control_of(name, cls.Params)}
                for name in cls.Params.model_fields]
    there = tab.engine.networks.there() if any(control.get("of") for control in controls) else frozenset[str]()
    for control in controls:
        if control.get("of"):  # the user's own files of that family, by the names that slots have behind its own
            control["names"] = names_of(control["of"], there)
    return {"id": effect.id, "processor": effect.processor, "title": cls.spec.title, "help": cls.spec.help,
            "role": cls.spec.role, "on": effect.on, "controls": controls,
            "backdrop": cls().needs(values).backdrop, "lacks": lacking(cls, values, tab.engine.networks)}


def _backdrop(tab: Project) -> View | None:
    """What lies behind people, for the cards of effects that lay them before it."""
    named = tab.recipe.backdrop
    if named is None:
        return None
    key = thumb_key(named.id)
    return {"name": named.name, "url": _url(tab, key) if key in tab.media else None,
            "here": named.path is not None or named.id in tab.originals}


def covers_of(recipe: Recipe) -> list[View]:
    """Boxes that were drawn by hand, in shares."""
    return [{"place": place, "x": box.x, "y": box.y, "w": box.width, "h": box.height, "style": box.style}
            for place, box in enumerate(recipe.covers)]


def _offer(tab: TabSession) -> View | None:
    offers = [offer for offer in (tab.offer, tab.clip.offer) if offer is not None]
    if not offers:
        return None
    offer = max(offers, key=lambda one: one.n)
    sidecar = offer.sidecar
    return {"n": offer.n, "name": offer.path.name, "kind": offer.kind, "format": offer.format,
            "url": _url(tab, f"saved/{offer.path.name}"),
            "sidecar": {"name": sidecar.name, "url": _url(tab, f"saved/{sidecar.name}")} if sidecar else None,
            "notes": _remarks(offer.notes)}
