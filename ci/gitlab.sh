#!/bin/sh
# Run by the template gitlab.yml: runs `pleach.sh` on the right commits, writes a Code Quality report, and comments on the merge request.
#
#   PLEACH_DIRECTORY PLEACH_BASE PLEACH_FAIL_ON PLEACH_ALLOW_NO_BASE PLEACH_VENDOR PLEACH_CACHE_FROM   as in pleach.sh
#   PLEACH_CACHE_TO  as in pleach.sh; only used by jobs on the default branch
#   PLEACH_TOKEN   a token with the scope `api` for the comment; without it there are only the reports
set -eu

here=$(cd "$(dirname "$0")" && pwd)
directory=${PLEACH_DIRECTORY:-.}
reports=$CI_PROJECT_DIR/pleach-reports
# shellcheck source=ci/git.sh
. "$here/git.sh"
# Only commands that need the token have it in their environment.
token=${PLEACH_TOKEN:-}
unset PLEACH_TOKEN

give_up() {
    printf 'error: %s\n' "$*" >&2
    exit 2
}

# Prints the commit to compare with: for a merge request, the target branch or else the merge base; otherwise the commit before the push.
# Prints nothing if there is none.
base() {
    if [ -n "${PLEACH_BASE:-}" ]; then
        echo "$PLEACH_BASE"
    elif [ -n "${CI_MERGE_REQUEST_TARGET_BRANCH_SHA:-}" ]; then
        echo "$CI_MERGE_REQUEST_TARGET_BRANCH_SHA"
    elif [ -n "${CI_MERGE_REQUEST_DIFF_BASE_SHA:-}" ]; then
        echo "$CI_MERGE_REQUEST_DIFF_BASE_SHA"
    else
        # After a force push the previous commit may no longer exist.
        case ${CI_COMMIT_BEFORE_SHA:-} in *[!0]*) have_commit "$CI_COMMIT_BEFORE_SHA" || [ $? -eq 1 ] ;; esac
    fi
}

# Merges both lists; each item is one line. A changed claim alone (`info`) is left out.
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
    3) echo "PLEACH_TOKEN has no permission to comment; see pleach-reports/comment.md" ;;
    *) echo "writing the comment failed; see pleach-reports/comment.md" ;;
    esac
}

cd "$CI_PROJECT_DIR"
[ -d "$directory" ] || give_up "\`$directory\` is not a directory"
find_top "$directory" || give_up "\`$directory\` is not in a Git repository"
trust_top
safe_git rev-parse --git-dir >/dev/null || give_up 'Git cannot read the repository'
base=$(base) || give_up 'the commit to compare with is not available; see the output of Git above'
# Files of the commit in this folder are not reports of this run.
[ -L "$reports" ] || rm -rf "$reports"
# Other runs reuse the cache, so only merged commits are stored.
[ "${CI_COMMIT_BRANCH:-}" = "${CI_DEFAULT_BRANCH:-main}" ] || unset PLEACH_CACHE_TO
# A push is compared with the previous commit itself, not with a merge base.
merge_base=true
[ -n "${PLEACH_BASE:-}${CI_MERGE_REQUEST_IID:-}" ] || merge_base=false
code=0
PLEACH_BASE=$base PLEACH_MERGE_BASE=${PLEACH_MERGE_BASE:-$merge_base} PLEACH_REPORTS=$reports PLEACH_FORMATS='gitlab junit' PLEACH_FULL_REPORT=${CI_JOB_URL:-}/artifacts/browse/pleach-reports \
    "$here/pleach.sh" || code=$?
[ "$code" -lt 2 ] || exit "$code"
code_quality >"$reports/gl-code-quality-report.json"
if [ -n "${CI_MERGE_REQUEST_IID:-}" ] && [ -n "$token" ]; then
    note
fi
exit "$code"
