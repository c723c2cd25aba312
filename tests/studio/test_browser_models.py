"""The Models screen in a browser: a download that stalls, is stopped and goes on; one whose hash is another's."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest
from playwright.sync_api import expect

from models.catalogue import read_catalogue
from models.networks import Networks
from models.store import Store
from models.twins import zero_recogniser
from pipeline.engine import Engine
from tests.models.shelf import Shelf, serving
from tests.models.test_store import TOML, row
from tests.studio.serving import serve

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:gradio.*", "ignore::FutureWarning:gradio.*")
DATA = zero_recogniser()
SHA = hashlib.sha256(DATA).hexdigest()
OTHER = "0" * 64


@pytest.mark.long
def test_a_download_is_stopped_gone_on_with_and_checked(tmp_path: Path) -> None:
    half = len(DATA) // 2
    with serving(Shelf(DATA, faults=[f"stall:{half}"])) as good, serving(Shelf(DATA, faults=["corrupt"])) as bad:
        text = TOML.format(rows=row("arc", "arcface", title="Good one", urls=[good.address], sha256=SHA)
                           + row("other", "arcface", title="Bad one", urls=[bad.address], sha256=OTHER))
        (tmp_path / "catalogue.toml").write_text(text, encoding="utf-8")
        store = Store(read_catalogue(text), tmp_path / "models", tmp_path / "models.json")
        worker = (sys.executable, "-P", str(Path(__file__).with_name("fetch_worker.py")),
                  str(tmp_path / "catalogue.toml"))
        with serve(tmp_path / "data", engine=Engine(networks=Networks(store)), jobs_command=worker) as studio, \
                studio.page(address=f"{studio.address}/#models", ready="#models-search") as page:
            expect(page.locator("[data-note=empty]")).to_contain_text("Likeness works without any of these.")
            good_row, bad_row = page.locator("tr.model[data-slot=arc]"), page.locator("tr.model[data-slot=other]")
            good_row.locator("[data-get]").click()
            expect(page.locator("#models-begin")).to_be_disabled()
            page.check("#models-agree")
            page.click("#models-begin")
            expect(good_row.locator("progress")).to_be_visible()
            expect(good_row).to_contain_text(" / 8.5 kB")
            page.reload()
            expect(good_row.locator("[data-wish=cancel]")).to_be_visible()
            good_row.locator("[data-wish=cancel]").click()
            expect(good_row).to_contain_text("Stopped at")
            good.released.set()
            good_row.locator("[data-wish=retry]").click()
            expect(good_row).to_have_attribute("data-state", "verified")
            assert good.asked == [None, f"bytes={half}-"]
            bad_row.locator("[data-get]").click()
            page.check("#models-agree")
            page.click("#models-begin")
            expect(page.locator("[data-trouble=other]")).to_contain_text(f"sha256 {OTHER} expected")
            expect(bad_row.locator("[data-wish=retry]")).to_be_visible()
            assert studio.complaints == []
            assert studio.foreign_requests() == []
    assert (tmp_path / "models" / "arc.onnx").read_bytes() == DATA
    assert not (tmp_path / "models" / "other.onnx").exists()
