#!/usr/bin/env bash
# Builds the cpu image where there is no Docker engine, and prints where its root file system lies:
#
#   sudo docker/build-without-engine.sh FOLDER
#   IMAGE_BYTES …
#   IMAGE_ROOT …
#
# Needs root, buildah, debootstrap and 10 GB in FOLDER (9.1 at the most, measured). The base is Debian's own Python in the place of
# python:3.12-slim, so that no image registry is asked. tests/docker runs what this builds.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
work=$1
mkdir -p "$work"
export BUILDAH_ISOLATION=chroot STORAGE_DRIVER=vfs
store=(--root "$work/store" --runroot "$work/run")

debootstrap --variant=minbase --include=python3,python3-venv,python3-pip,ca-certificates bookworm "$work/base" >&2
rm -f "$work"/base/usr/lib/python3*/EXTERNALLY-MANAGED  # python:3.12-slim has none
base=$(buildah "${store[@]}" from scratch)
buildah "${store[@]}" add --quiet "$base" "$work/base" / >&2
# What this machine is told of package indexes and certificates, the build has to know too.
for name in PIP_INDEX_URL PIP_CERT PIP_DEFAULT_TIMEOUT UV_INDEX_URL UV_DEFAULT_INDEX SSL_CERT_FILE SSL_CERT_DIR; do
    [ -z "${!name:-}" ] || buildah "${store[@]}" config --env "$name=${!name}" "$base"
done
buildah "${store[@]}" commit --quiet --rm "$base" localhost/python-base >&2
rm -rf "$work/base"

mounts=()
for file in /etc/pip.conf /etc/xdg/pip /root/.config/pip /root/.config/uv /etc/uv /etc/ssl/certs /opt/wheels; do
    [ -e "$file" ] && mounts+=(--volume "$file:$file:ro")
done
buildah "${store[@]}" build "${mounts[@]}" --build-arg PYTHON_IMAGE=localhost/python-base \
    --file "$here/docker/Dockerfile" --ignorefile "$here/docker/Dockerfile.dockerignore" --target cpu \
    --tag localhost/likeness:cpu "$here" >&2
container=$(buildah "${store[@]}" from localhost/likeness:cpu)
root=$(buildah "${store[@]}" mount "$container")
echo "IMAGE_BYTES $(du -sb --one-file-system "$root" | cut -f1)"
echo "IMAGE_ROOT $root"
