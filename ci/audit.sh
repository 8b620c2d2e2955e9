#!/bin/sh
# For Buildkite, Jenkins, Drone and whatever runs a shell: sh ci/audit.sh IMAGE… [OPTION…], as `audit-image check` has
# them. PACKAGE is what pip installs: a name, a wheel, or git+https://…; reports go to OUTPUT.
# Its exit code is audit-image's: 0 meets the spec, 1 does not, 2 not audited (or not installed).
set -eu
package=${PACKAGE:-audit-image}
output=${OUTPUT:-.}
python=${PYTHON:-python3}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
if ! { "$python" -m venv "$scratch/venv" && "$scratch/venv/bin/pip" install --quiet --disable-pip-version-check "$package"; } >&2
then
  echo "audit.sh: can't install $package" >&2
  exit 2
fi
mkdir -p "$output"
code=0
"$scratch/venv/bin/audit-image" check -o text -o "junit=$output/audit-image.xml" -o "json=$output/audit-image.json" "$@" ||
  code=$?
exit "$code"
