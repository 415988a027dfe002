#!/bin/sh
# What the template gitlab.yml runs: `pleach.sh` between the right commits, one Code Quality report, and the merge request's note.
#
#   PLEACH_DIRECTORY PLEACH_BASE PLEACH_FAIL_ON PLEACH_ALLOW_NO_BASE PLEACH_VENDOR PLEACH_CACHE_FROM   as pleach.sh has them
#   PLEACH_CACHE_TO  the same; only jobs on the default branch write
#   PLEACH_TOKEN   a token with the scope `api`, to write the note with; without it there are only the reports
set -eu

here=$(cd "$(dirname "$0")" && pwd)
directory=${PLEACH_DIRECTORY:-.}
reports=$CI_PROJECT_DIR/pleach-reports
# shellcheck source=ci/git.sh
. "$here/git.sh"
# A command has the token in its environment only if it needs it.
token=${PLEACH_TOKEN:-}
unset PLEACH_TOKEN

give_up() {
    printf 'error: %s\n' "$*" >&2
    exit 2
}

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
        # What was pushed over may not be there any more.
        case ${CI_COMMIT_BEFORE_SHA:-} in *[!0]*) have_commit "$CI_COMMIT_BEFORE_SHA" || [ $? -eq 1 ] ;; esac
    fi
}

# Both lists in one: an item is a line. That a claim changes is no fault.
code_quality() {
    for list in check diff; do
        [ ! -f "$reports/$list.codequality.json" ] || cat "$reports/$list.codequality.json"
    done |
        awk '/^\{/ && !/"severity": "info"/ { sub(/,$/, ""); printf "%s%s", (many++ ? ",\n" : "[\n"), $0 } END { print (many ? "\n]" : "[]") }'
}

note() {
    only_edit=''
    grep -qx comment=true "$reports/result" || only_edit=edit
    said=0
    PLEACH_TOKEN=$token PLEACH_REQUEST=$CI_MERGE_REQUEST_IID "$here/comment.sh" gitlab "$directory" "$reports/comment.md" $only_edit || said=$?
    case $said in
    0) ;;
    3) echo "PLEACH_TOKEN has no permission to write a note; see pleach-reports/comment.md" ;;
    *) echo "the note could not be written; see pleach-reports/comment.md" ;;
    esac
}

cd "$CI_PROJECT_DIR"
[ -d "$directory" ] || give_up "\`$directory\` is not a directory"
find_top "$directory" || give_up "\`$directory\` is not in a Git repository"
trust_top
safe_git rev-parse --git-dir >/dev/null || give_up 'Git cannot read the repository'
base=$(base) || give_up 'the commit to compare with is not available; see the output of Git above'
# What a commit has there are no reports of this run.
[ -L "$reports" ] || rm -rf "$reports"
# Others begin from what is stored, so only what was merged is.
[ "${CI_COMMIT_BRANCH:-}" = "${CI_DEFAULT_BRANCH:-main}" ] || unset PLEACH_CACHE_TO
# What was pushed over is compared with as it is.
merge_base=true
[ -n "${PLEACH_BASE:-}${CI_MERGE_REQUEST_IID:-}" ] || merge_base=false
code=0
PLEACH_BASE=$base PLEACH_MERGE_BASE=${PLEACH_MERGE_BASE:-$merge_base} PLEACH_REPORTS=$reports PLEACH_FORMATS='gitlab junit' PLEACH_REST=${CI_JOB_URL:-}/artifacts/browse/pleach-reports \
    "$here/pleach.sh" || code=$?
[ "$code" -lt 2 ] || exit "$code"
code_quality >"$reports/gl-code-quality-report.json"
if [ -n "${CI_MERGE_REQUEST_IID:-}" ] && [ -n "$token" ]; then
    note
fi
exit "$code"
