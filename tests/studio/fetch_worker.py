"""A worker process that fetches from a catalogue of the tests' own: its first word is the catalogue's file."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from models.catalogue import read_catalogue
from pipeline.jobs.fetching import fetch
from pipeline.jobs.worker import main

if __name__ == "__main__":
    catalogue = read_catalogue(Path(sys.argv[1]).read_text(encoding="utf-8"))
    code = main(sys.argv[2:], work=lambda job, control: fetch(job, control, catalogue))
    sys.stderr.flush()
    os._exit(code)
