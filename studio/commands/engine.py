"""The engine of a command, with the models that its flags, variables and data folder name."""

from __future__ import annotations

from argparse import Namespace

from models.store import Store
from pipeline.data_folder import data_folder
from pipeline.engine import Engine
from pipeline.models_folder import open_networks, open_store


def store_of(args: Namespace) -> Store:
    return open_store(args.models_dir, data_folder(args.data_dir))


def make_engine(args: Namespace) -> Engine:
    return Engine(networks=open_networks(args.models_dir, data_folder(args.data_dir)))
