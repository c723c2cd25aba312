"""Neural swappers and editors: what has to be there, what has to be said, and what is looked at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from models.errors import LikenessError, ModelError
from models.interfaces import FaceStack
from models.networks import Networks
from models.sessions import Lease
from models.twins import zero_recogniser, zero_swapper
from pipeline.chain import NOTHING, make_steps
from pipeline.engine import Engine, Source
from pipeline.gate import STATEMENT, admit, asks_for_consent
from pipeline.pictures import Picture
from pipeline.pictures.xmp import read_provenance
from pipeline.recipe import Photo, Recipe, RunEffects, SourceInput, UseSource, make_effects
from pipeline.refusals import ConsentMissing, GateMissing, Refused
from processors.base import Needs, Processor
from processors.batches import PatchBatch
from processors.context import Context
from processors.params import ProcessorParams, Slider
from processors.registry import Registry, load_registry, processor
from tests.conftest import ASTRONAUT, HOPPER, read_bgr
from tests.twins.gate import analyser_files, networks

ARC, SWAP = "recogniser.arcface", "swapper.inswapper"
FILES = {ARC: zero_recogniser(), SWAP: zero_swapper()}


def _runs(lease: Lease, facts: Mapping[str, Any]) -> Lease:
    return lease


class _Painting(Processor):
    """Paints the face, once its network has run."""

    class Params(ProcessorParams):
        green: float = Slider(0.0, ge=0, le=1, help="How green it becomes.")

    def process(self, batch: PatchBatch, params: Params, ctx: Context) -> PatchBatch:
        made = ctx.models.get(ARC, _runs).run({"input": np.zeros((1, 3, 112, 112), np.float32)})[0]
        assert made.shape == (1, 512)
        colour = (0, 255, 0) if params.green else (40, 80, 160)
        return tuple(replace(patch, pixels=np.full_like(patch.pixels, colour)) for patch in batch)


@processor("toy_swap", title="Toy swap", role="swapper", version="1.0")
class ToySwap(_Painting):
    """A swapper on a network."""

    def needs(self, params: Any) -> Needs:
        return Needs(models=(ARC,), source=True)


@processor("toy_edit", title="Toy edit", role="editor", version="1.0")
class ToyEdit(_Painting):
    """An editor on a network."""

    def needs(self, params: Any) -> Needs:
        return Needs(models=(ARC,))


@processor("toy_enhance", title="Toy enhance", role="enhancer", version="1.0")
class ToyEnhance(_Painting):
    """An enhancer on a network: it changes nobody's identity."""

    def needs(self, params: Any) -> Needs:
        return Needs(models=(ARC,))


@pytest.fixture(scope="module")
def registry() -> Registry:
    made = load_registry(())
    for toy in (ToySwap, ToyEdit, ToyEnhance):
        made.add(toy)
    return made


@pytest.fixture(scope="module")
def engine(registry: Registry, stack: FaceStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    made = Engine(registry=registry, faces=stack,
                  networks=networks(tmp_path_factory.mktemp("all"), {**FILES, **analyser_files()}))
    yield made
    made.close()


def recipe(registry: Registry, *names: str, consent: str | None = STATEMENT, people: str | None = None,
           params: dict[str, dict[str, Any]] | None = None) -> Recipe:
    source = SourceInput(name="Ann", photos=(Photo(id="sha256:" + "0" * 64, name="ann.png"),), consent=consent)
    swaps = any("swap" in name for name in names) or "geometric" in names
    return Recipe(sources=(source,), everyone=UseSource(source="Ann") if swaps else RunEffects(), consent=people,
                  ).with_effects(make_effects([*names, "ellipse", "feather"], registry, params))


@pytest.fixture(scope="module")
def ann(engine: Engine) -> Source:
    return engine.source("Ann", [(engine.open(ASTRONAUT), None)])


@pytest.fixture(scope="module")
def grace(engine: Engine) -> Picture:
    return engine.open(HOPPER)


@pytest.mark.parametrize(("files", "consent", "names", "code"), [
    ({}, None, ("toy_swap",), "GATE.MISSING"),
    ({}, STATEMENT, ("toy_swap",), "GATE.MISSING"),
    (FILES, STATEMENT, ("toy_swap",), "GATE.MISSING"),
    ({**FILES, "analyser.1": analyser_files()["analyser.1"]}, STATEMENT, ("toy_swap",), "GATE.MISSING"),
    (analyser_files(), None, ("toy_swap",), "CONSENT.MISSING"),
    (analyser_files(), STATEMENT, ("toy_swap",), "MODEL.MISSING"),
    ({}, None, ("toy_edit",), "GATE.MISSING"),
    (analyser_files(), None, ("toy_edit",), "CONSENT.MISSING"),
    ({}, None, ("toy_enhance",), "MODEL.MISSING"),
    ({}, None, ("geometric", "toy_edit"), "GATE.MISSING"),
])
def test_refusals_come_in_their_order_before_any_model_is_opened(
        registry: Registry, stack: FaceStack, ann: Source, grace: Picture, tmp_path: Path, files: dict[str, bytes],
        consent: str | None, names: tuple[str, ...], code: str) -> None:
    engine = Engine(registry=registry, faces=stack, networks=networks(tmp_path, files))
    with pytest.raises(LikenessError) as caught:
        engine.render(recipe(registry, *names, consent=consent), grace, {"Ann": ann})
    assert caught.value.code == code
    assert engine.networks.manager.counts() == ()


@pytest.mark.parametrize(("names", "files"), [(("geometric",), {}), (("anonymise",), {}), (("toy_enhance",), FILES)])
def test_what_changes_nobody_by_a_network_needs_no_gate(registry: Registry, tmp_path: Path, names: tuple[str, ...],
                                                        files: dict[str, bytes]) -> None:
    given = admit(make_effects(names, registry), registry, networks(tmp_path, files), ("Ann",))
    assert not given.looked_at


def test_an_effect_that_is_switched_off_asks_for_nothing(registry: Registry) -> None:
    off = tuple(effect.model_copy(update={"on": False}) for effect in make_effects(["toy_swap"], registry))
    assert admit(off, registry, Networks(), ("Ann",)) == NOTHING


def test_without_leave_no_step_is_made(registry: Registry) -> None:
    """Whoever forgets to ask gets no neural effect, rather than one without the gate."""
    with pytest.raises(ModelError):
        make_steps(make_effects(["toy_swap"], registry), registry)


def test_a_tampered_analyser_is_none(registry: Registry, tmp_path: Path) -> None:
    files = analyser_files()
    files["analyser.2"] = files["analyser.1"]
    with pytest.raises(GateMissing) as caught:
        admit(make_effects(["toy_swap"], registry), registry, networks(tmp_path, {**FILES, **files}))
    assert "analyser.2" in caught.value.message


def test_what_passes_is_rendered_and_says_that_it_was_looked_at(engine: Engine, ann: Source, grace: Picture,
                                                                tmp_path: Path) -> None:
    done = engine.render(recipe(engine.registry, "toy_swap"), grace, {"Ann": ann})
    x, y = (round(v) for v in engine.analyse(grace).faces[0].face.centre)
    assert tuple(done.frame.bgr8()[y, x]) == (40, 80, 160)
    path = tmp_path / "out.png"
    engine.save(done, path)
    said = read_provenance(path)
    assert said is not None
    assert said.analysed == "passed"


def test_the_chain_without_models_says_that_nothing_was_looked_at(engine: Engine, ann: Source, grace: Picture,
                                                                  tmp_path: Path) -> None:
    path = tmp_path / "out.png"
    engine.save(engine.render(recipe(engine.registry, "geometric"), grace, {"Ann": ann}), path)
    said = read_provenance(path)
    assert said is not None
    assert said.analysed == "none"


def test_a_target_that_is_refused_is_not_rendered(engine: Engine, ann: Source, tmp_path: Path) -> None:
    picture = read_bgr(HOPPER).copy()
    picture[:90, :90] = (0, 255, 0)
    path = tmp_path / "spot 绿.png"
    path.write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    runs = sum(one.runs for one in engine.networks.manager.counts() if one.name == ARC)
    with pytest.raises(Refused, match=r"GATE\.REFUSED: .* refuses the picture .*spot 绿\.png"):
        engine.render(recipe(engine.registry, "toy_swap"), engine.open(path), {"Ann": ann})
    assert sum(one.runs for one in engine.networks.manager.counts() if one.name == ARC) == runs


def test_a_result_that_is_refused_is_not_given(engine: Engine, ann: Source, grace: Picture) -> None:
    with pytest.raises(Refused, match="refuses what became of"):
        engine.render(recipe(engine.registry, "toy_swap", params={"toy_swap": {"green": 1.0}}), grace, {"Ann": ann})


def test_an_enhancer_s_result_is_not_looked_at(engine: Engine, grace: Picture) -> None:
    done = engine.render(recipe(engine.registry, "toy_enhance", params={"toy_enhance": {"green": 1.0}}), grace)
    assert done.regions


def test_editors_want_a_word_about_the_people_shown(engine: Engine, grace: Picture) -> None:
    with pytest.raises(ConsentMissing, match="the people shown"):
        engine.render(recipe(engine.registry, "toy_edit"), grace)
    assert engine.render(recipe(engine.registry, "toy_edit", people=STATEMENT), grace).regions


def test_commercial_safe_refuses_what_a_chain_would_run_before_it_is_looked_for(tmp_path: Path) -> None:
    """The swapper's descriptor is not for commercial use; its analyser's twins are."""
    found = networks(tmp_path, {**FILES, **analyser_files()})
    effects = make_effects(["toy_swap"], Registry([ToySwap]))
    admit(effects, Registry([ToySwap]), found)
    with pytest.raises(ModelError) as refused:
        admit(effects, Registry([ToySwap]), found, safe_beside=())
    assert refused.value.code == "LICENCE.COMMERCIAL"
    assert ARC in refused.value.message
    with pytest.raises(ModelError, match=r"dlib\.points68"):
        admit((), Registry([ToySwap]), found, safe_beside=("dlib.descriptor", "dlib.points68"))


def test_a_screen_asks_about_the_people_shown_only_where_it_matters(registry: Registry) -> None:
    assert asks_for_consent(recipe(registry, "toy_edit"), registry)
    assert not asks_for_consent(recipe(registry, "toy_edit", people=STATEMENT), registry)
    assert not asks_for_consent(recipe(registry, "toy_enhance"), registry)
    assert not asks_for_consent(recipe(registry, "toy_swap"), registry)
