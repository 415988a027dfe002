#!/bin/sh
# A KRM function: reads a ResourceList from standard input, and prints one with all objects that an environment applies.
# The functionConfig specifies the environment and the folder of the workspace:
#
#   spec:
#     environment: prod
#     workspace: ../platform     # relative to the working directory; default: .
set -eu

list=$(cat)
# The fields of `functionConfig:`; the last one of a name takes precedence.
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
# Makes each document an item of the list: adds a dash to the first line, and indents the others.
printf '%s\n' "$objects" | awk '
    /^---/ { is_first = 1; next }
    is_first && /^#/ { next }
    /^$/ { print; next }
    is_first { print "- " $0; is_first = 0; next }
    { print "  " $0 }'
