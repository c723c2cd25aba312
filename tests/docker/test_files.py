"""The files of docker/: that they say what the program does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from studio.options import OPTIONS

DOCKER = Path(__file__).parents[2] / "docker"


def test_compose_files_are_read_and_speak_of_the_same_service() -> None:
    plain, cuda = (yaml.safe_load((DOCKER / name).read_text()) for name in ("compose.yaml", "compose.cuda.yaml"))
    service = plain["services"]["likeness"]
    assert set(cuda["services"]) == set(plain["services"]) == {"likeness"}
    assert service["read_only"] is True
    assert service["volumes"] == ["data:/data"]
    assert service["cap_drop"] == ["ALL"]
    assert service["stop_grace_period"] == "10s"
    assert service["environment"]["LIKENESS_PASSWORD_FILE"].startswith("/run/secrets/")
    device, = cuda["services"]["likeness"]["deploy"]["resources"]["reservations"]["devices"]
    assert device["capabilities"] == ["gpu", "video"]


def test_the_image_has_two_targets_a_user_of_its_own_a_volume_and_a_health_check() -> None:
    text = (DOCKER / "Dockerfile").read_text()
    assert re.findall(r"^FROM \S+ AS (\S+)$", text, flags=re.M)[-2:] == ["cuda", "cpu"]
    assert re.search(r"^USER 10001:10001$", text, flags=re.M)
    assert re.search(r"^VOLUME /data$", text, flags=re.M)
    assert "/healthz" in text
    assert "--no-install-package onnxruntime-gpu" in text


@pytest.mark.parametrize("name", ["Dockerfile", "compose.yaml", "likeness.service"])
def test_every_variable_is_one_that_the_program_reads(name: str) -> None:
    known = {option.variable for option in OPTIONS} | {"LIKENESS_DATA_DIR"}
    assert set(re.findall(r"\bLIKENESS_[A-Z_]+\b", (DOCKER / name).read_text())) <= known


@pytest.mark.parametrize("name", ["Caddyfile", "nginx.conf", "likeness.service"])
def test_every_flag_is_one_that_the_program_takes(name: str) -> None:
    known = {option.flag for option in OPTIONS} | {"--no-browser", "--now", "--system", "--create-home", "--home-dir"}
    assert set(re.findall(r"(?<![\w-])--[a-z-]+", (DOCKER / name).read_text())) <= known
