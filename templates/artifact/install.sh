#!/bin/sh
# Installs this artifact into a directory. It needs sh, cp, and python3 for an
# app in Python; neither the network nor pip, and no pypaas.
set -eu

usage() {
  cat <<END
Usage: install.sh [-p PYTHON] [-e VENV] DST
  DST        the directory to install into; made, or empty
  -p PYTHON  the Python that the virtualenv is made with (default: python3)
  -e VENV    where the virtualenv is, or is to be made (default: DST/venv)
END
}

fail() {
  echo "install.sh: $1" >&2
  exit 1
}

PYTHON=python3
VIRTUAL_ENV=
while getopts p:e:h option; do
  case $option in
    p) PYTHON=$OPTARG ;;
    e) VIRTUAL_ENV=$OPTARG ;;
    h) usage && exit 0 ;;
    *) usage >&2 && exit 2 ;;
  esac
done
shift $((OPTIND - 1))
[ $# -eq 1 ] || { usage >&2 && exit 2; }

HERE=$(cd "$(dirname "$0")" && pwd)
DATA_DIR=$HERE/data
PACKAGE=$(cat "$HERE/PACKAGE")
VERSION=$(cat "$HERE/VERSION")
PLATFORM=$(cat "$HERE/PLATFORM")

here=$(uname -s | tr '[:upper:]' '[:lower:]')-$(uname -m)
[ "$here" = "$PLATFORM" ] || fail "$PACKAGE $VERSION was built for $PLATFORM, and this host is $here"

mkdir -p "$1"
DST=$(cd "$1" && pwd)
[ -z "$(ls -A "$DST")" ] || fail "$DST is not empty: name a new directory, or remove what is in it"

# What is half done when it fails is taken away again.
made=
undo() {
  status=$?
  trap - EXIT
  if [ "$status" -ne 0 ]; then
    find "$DST" -mindepth 1 -maxdepth 1 -exec rm -rf {} +
    [ -z "$made" ] || rm -rf "$made"
  fi
  exit "$status"
}
trap undo EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

cp -R -P -p "$DATA_DIR/app/." "$DST/"

if [ -d "$DATA_DIR/wheels" ]; then
  unset PYTHONHOME PYTHONPATH
  place=${VIRTUAL_ENV:-$DST/venv}
  case $place in
    /*) ;;
    *) place=$PWD/$place ;;
  esac
  VIRTUAL_ENV=$place
  # Written last: without it, a virtualenv was not finished.
  if [ ! -e "$VIRTUAL_ENV/.complete" ]; then
    command -v "$PYTHON" >/dev/null || fail "$PYTHON is not installed"
    rm -rf "$VIRTUAL_ENV"
    made=$VIRTUAL_ENV
    mkdir -p "$(dirname "$VIRTUAL_ENV")"
    # A host may have no ensurepip; pip comes along, and runs from its wheel.
    "$PYTHON" -m venv --without-pip "$VIRTUAL_ENV"
    set -- "$DATA_DIR"/wheels/*.whl
    if [ -e "$1" ]; then
      for pip in "$DATA_DIR"/python/pip-*.whl; do :; done
      "$VIRTUAL_ENV/bin/python" "$pip/pip" --isolated install --quiet --no-index --no-deps \
        --no-cache-dir --disable-pip-version-check "$@" ||
        fail "the Python packages of $PACKAGE cannot be installed with $("$PYTHON" --version 2>&1); name the Python that it was built for with -p"
    fi
    : >"$VIRTUAL_ENV/.complete"
  fi
  [ "$VIRTUAL_ENV" = "$DST/venv" ] || ln -s "$VIRTUAL_ENV" "$DST/venv"
fi

echo "$PACKAGE $VERSION is in $DST"
export HERE DATA_DIR DST VIRTUAL_ENV PACKAGE VERSION PLATFORM
cd "$DST"
# What the project's own build scripts add comes after this line.
