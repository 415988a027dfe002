#!/bin/sh
# What the template gitlab.yml runs: `pleach.sh` between the right commits, one Code Quality report, and the merge request's note.
#
#   PLEACH_DIRECTORY PLEACH_BASE PLEACH_FAIL_ON PLEACH_VENDOR   as pleach.sh has them
#   PLEACH_TOKEN   a token with the scope `api`, to write the note with; without it there are only the reports
set -eu

here=$(cd "$(dirname "$0")" && pwd)
directory=${PLEACH_DIRECTORY:-.}
reports=$CI_PROJECT_DIR/pleach-reports
export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0="$CI_PROJECT_DIR"

# The commit that the change starts from: of a merge request, what it is merged into, or where the two have parted; else what was pushed
# before. Nothing, where there is none.
base() {
    if [ -n "${PLEACH_BASE:-}" ]; then
        echo "$PLEACH_BASE"
    elif [ -n "${CI_MERGE_REQUEST_TARGET_BRANCH_SHA:-}" ]; then
        echo "$CI_MERGE_REQUEST_TARGET_BRANCH_SHA"
    elif [ -n "${CI_MERGE_REQUEST_DIFF_BASE_SHA:-}" ]; then
        echo "$CI_MERGE_REQUEST_DIFF_BASE_SHA"
    else
        case ${CI_COMMIT_BEFORE_SHA:-} in *[!0]*) fetched "$CI_COMMIT_BEFORE_SHA" || : ;; esac
    fi
}

# A commit, if it is there or can be had.
fetched() {
    git cat-file -e "$1^{commit}" 2>/dev/null || git fetch --quiet --no-tags --depth=1 origin "$1" >&2 || return
    echo "$1"
}

# Both lists in one: an item is a line. That a claim changes is no fault.
code_quality() {
    cat "$reports"/*.codequality.json 2>/dev/null |
        awk '/^\{/ && !/"severity": "info"/ { sub(/,$/, ""); printf "%s%s", (many++ ? ",\n" : "[\n"), $0 } END { print (many ? "\n]" : "[]") }'
}

note() {
    only_edit=''
    grep -qx comment=true "$reports/result" || only_edit=edit
    said=0
    PLEACH_REQUEST=$CI_MERGE_REQUEST_IID "$here/comment.sh" gitlab "$directory" "$reports/comment.md" $only_edit || said=$?
    case $said in
    0) ;;
    3) echo "PLEACH_TOKEN must not write a note: pleach-reports/comment.md has it" ;;
    *) echo "the note could not be written: pleach-reports/comment.md has it" ;;
    esac
}

cd "$CI_PROJECT_DIR"
base=$(base)
code=0
PLEACH_BASE=$base PLEACH_REPORTS=$reports PLEACH_FORMATS='gitlab junit' PLEACH_REST=${CI_JOB_URL:-}/artifacts/browse/pleach-reports \
    "$here/pleach.sh" || code=$?
[ "$code" -lt 2 ] || exit "$code"
code_quality >"$reports/gl-code-quality-report.json"
if [ -n "${CI_MERGE_REQUEST_IID:-}" ] && [ -n "${PLEACH_TOKEN:-}" ]; then
    note
fi
exit "$code"
