#!/bin/sh
# A KRM function: takes a ResourceList from standard input and gives one with all objects that an environment applies.
# The environment and the folder of the workspace are in the functionConfig:
#
#   spec:
#     environment: prod
#     workspace: ../platform     # relative to where the function runs; default: .
set -eu

list=$(cat)
# The fields of `functionConfig:`, the last of its name counts.
field() {
    printf '%s\n' "$list" | awk -v name="$1" '
        /^functionConfig:/ { inside = 1; next }
        /^[^ ]/ { inside = 0 }
        inside && $1 == name ":" { value = $2 }
        END { gsub(/["\047]/, "", value); print value }'
}

environment=$(field environment)
workspace=$(field workspace)
if [ -z "$environment" ]; then
    echo "krm-function: the functionConfig has no spec.environment" >&2
    exit 1
fi
objects=$("${PLEACH:-pleach}" -C "${workspace:-.}" tree "$environment" --output yaml)

echo "apiVersion: config.kubernetes.io/v1"
echo "kind: ResourceList"
echo "items:"
# Each document becomes an item of the list: its first line gets a dash, and all lines the same indentation.
printf '%s\n' "$objects" | awk '
    /^---/ { is_first = 1; next }
    is_first && /^#/ { next }
    /^$/ { print; next }
    is_first { print "- " $0; is_first = 0; next }
    { print "  " $0 }'
