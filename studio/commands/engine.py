"""The engine of a command, with the models that its flags, variables and data folder name."""

from __future__ import annotations

import os
from argparse import Namespace

from models.store import Store
from pipeline.analysis.store import Analyses
from pipeline.data_folder import ANALYSES, data_folder
from pipeline.engine import Engine
from pipeline.models_folder import open_networks, open_store
from studio.options import settle_one


def store_of(args: Namespace) -> Store:
    return open_store(args.models_dir, data_folder(args.data_dir))


def is_safe(args: Namespace, store: Store) -> bool:
    """Whether only models may be used whose terms allow commercial use: by --commercial-safe, its variable, the
    settings, or the switch on the Models screen."""
    flag = getattr(args, "commercial_safe", None)  # not every command has it
    said = settle_one("commercial_safe", flag, os.environ, data_folder(args.data_dir)).value
    return bool(said) or store.commercial_safe


def make_engine(args: Namespace) -> Engine:
    data = data_folder(args.data_dir)
    return Engine(networks=open_networks(args.models_dir, data), analyses=Analyses(data / ANALYSES))
