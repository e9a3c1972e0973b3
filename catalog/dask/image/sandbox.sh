#!/bin/sh
# Fills the sandbox's image layer: the same steps as the Containerfile, over the host's own base system.
# LAYER is the folder to fill, PYTHON the interpreter that members will run, and this script's folder the build context.
set -eu
context=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$LAYER/opt/dask/bin" "$LAYER/opt/kubedirector" "$LAYER/usr/local/bin"
"$PYTHON" -m pip install --quiet --disable-pip-version-check --no-input --no-compile --no-deps --no-warn-script-location \
    --root-user-action=ignore --target "$LAYER/opt/dask/lib" -r "$context/requirements.txt"
"$PYTHON" -m compileall -q -j 2 --invalidation-mode unchecked-hash -x '/tests?/' "$LAYER/opt/dask/lib" > /dev/null || true
ln -s "$PYTHON" "$LAYER/opt/dask/bin/python3"
cp "$context/member" "$LAYER/opt/dask/bin/member"
cp "$context/setup.tgz" "$LAYER/opt/kubedirector/dask.tgz"
