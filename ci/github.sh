#!/bin/sh
# Run by action.yml: runs `pleach.sh` on the right commits, then writes annotations, the comment, the job summary and the outputs. Findings
# do not fail this script but the action's last step, after all reports are uploaded.
#
#   INPUT_DIRECTORY INPUT_BASE INPUT_CHECK INPUT_DIFF INPUT_VENDOR INPUT_COMMENT INPUT_SUMMARY INPUT_ANNOTATIONS INPUT_FAIL_ON
#   INPUT_ALLOW_NO_BASE INPUT_CACHE_FROM INPUT_CACHE_TO                                                            inputs
#   EVENT PULL BASE_SHA BEFORE QUEUE_BASE DEFAULT_BRANCH                                                     the event, from `github.event`
#   TOKEN                                                                                                            to fetch and to comment
set -eu

here=$(cd "$(dirname "$0")" && pwd)
directory=$INPUT_DIRECTORY
reports=$(mktemp -d "$RUNNER_TEMP/pleach-reports.XXXXXX")

notice() { printf '::notice title=pleach::%s\n' "$*"; }
warning() { printf '::warning title=pleach::%s\n' "$*"; }

give_up() {
    printf '::error title=pleach::%s\n' "$*"
    exit 2
}

# shellcheck source=ci/git.sh
. "$here/git.sh"
# Only commands that need the token have it in their environment.
# shellcheck disable=SC2153 # TOKEN is set by action.yml.
token=$TOKEN
unset TOKEN

# Fetches a commit, with the token if the server asks for credentials.
fetch() (
    export TOKEN="$token"
    # shellcheck disable=SC2016 # Git expands it.
    add_setting "credential.$GITHUB_SERVER_URL.helper" '!printf "username=x-access-token\npassword=%s\n" "$TOKEN" #'
    fetch_commit "$@"
)

# Prints the commit to compare with; nothing if the event has none.
base() {
    if [ "$INPUT_DIFF" = false ]; then
        return
    elif [ -n "$INPUT_BASE" ]; then
        base_of_input
    elif [ -n "$PULL" ]; then
        base_of_pull
    elif [ "$EVENT" = merge_group ]; then
        echo "$QUEUE_BASE"
    elif [ "$EVENT" = push ]; then
        # A new branch has none; after a force push it may no longer exist.
        case $BEFORE in *[!0]*) fetched "$BEFORE" || [ $? -eq 1 ] ;; esac
    fi
}

# The merge base of HEAD and the input `base`, so that later merges of others are not shown.
base_of_input() {
    commit=$(find_commit "$INPUT_BASE") || commit=''
    if [ -z "$commit" ]; then
        fetch --depth=1 origin "${INPUT_BASE#origin/}" && commit=$(find_commit FETCH_HEAD) || return 2
    fi
    # If there is no merge base, pleach.sh reports it.
    find_merge_base "$commit" fetch || echo "$commit"
}

# actions/checkout checks out the merge of the pull request into its base, whose first parent is the current base. For other checkouts it
# is the merge base.
base_of_pull() {
    commit=$(safe_git cat-file commit HEAD) && head=$(safe_git rev-parse HEAD) || return 2
    parents=$(printf '%s\n' "$commit" | sed -n -e '/^$/q' -e 's/^parent //p')
    if [ "$head" = "$GITHUB_SHA" ] && [ "$(printf '%s\n' "$parents" | wc -l)" -eq 2 ]; then
        printf '%s\n' "$parents" | head -n 1
        return
    fi
    fetched "$BASE_SHA" >/dev/null || return 2
    merge_base_of_pull && return
    # It is missing in a shallow clone, and the server may refuse to send the rest.
    fetch --unshallow origin "$BASE_SHA" || :
    merge_base_of_pull || echo "$BASE_SHA"
}

# The merge base of the pull request and its base branch.
merge_base_of_pull() { safe_git merge-base "$BASE_SHA" HEAD; }

# Prints a commit, and fetches it if it is missing. Exit code 1: it cannot be fetched.
fetched() {
    code=0
    find_commit "$1" >/dev/null || code=$?
    if [ "$code" -eq 1 ]; then
        code=0
        fetch --depth=1 origin "$1" || code=1
    fi
    [ "$code" -eq 0 ] || return "$code"
    echo "$1"
}

value() { sed -n "s/^$1=//p" "$reports/result"; }

# Adds to the job summary, which is limited to 1 MiB per step.
summarize() { cat "$reports/summary.md" >>"$GITHUB_STEP_SUMMARY"; }

comment() {
    only_edit=''
    [ "$(value comment)" = true ] || only_edit=edit
    said=0
    PLEACH_TOKEN=$token PLEACH_REQUEST=$PULL "$here/comment.sh" github "$directory" "$reports/comment.md" $only_edit || said=$?
    case $said in
    0) return ;;
    3) notice "the token has no permission to comment (a pull request from a fork, or no \`pull-requests: write\`); see the job summary" ;;
    *) warning "writing the comment failed; see the job summary" ;;
    esac
    [ "$INPUT_SUMMARY" = true ] || summarize
}

cd "$GITHUB_WORKSPACE"
[ -d "$directory" ] || give_up "\`working-directory\` is not a directory"
find_top "$directory" || give_up "\`working-directory\` is not in a Git repository: use actions/checkout first"
trust_top
# Text of the repository must not be interpreted as commands to the runner.
stop=$(od -An -v -N16 -tx1 /dev/urandom | tr -d ' \n')
echo "::stop-commands::$stop"
failed=''
safe_git rev-parse --git-dir >/dev/null || failed='Git cannot read the repository; see the output of Git above'
[ -n "$failed" ] || base=$(base) || failed='the commit to compare with is not available; see the output of Git above'
echo "::$stop::"
[ -z "$failed" ] || give_up "$failed"
# Without a comparison no dangers are reported.
allow_no_base=$INPUT_ALLOW_NO_BASE
[ "$INPUT_DIFF" != false ] || allow_no_base=true
if [ -z "$base" ] && [ "$INPUT_DIFF" != false ]; then
    [ "$INPUT_FAIL_ON" != danger ] || [ "$allow_no_base" = true ] ||
        give_up "the event \`$EVENT\` has no commit to compare with, so the dangers of the change are unknown: set \`base\`, or \`allow-no-base: true\`"
    notice "the event \`$EVENT\` has no commit to compare with; set \`base\`"
fi
echo "::stop-commands::$stop"
code=0
# Other runs reuse the cache, so only merged commits are stored.
cache_to=''
[ -n "$PULL" ] || [ "${GITHUB_REF:-}" != "refs/heads/$DEFAULT_BRANCH" ] || cache_to=$INPUT_CACHE_TO
# A push is compared with the previous commit itself, not with a merge base.
merge_base=true
[ "$EVENT" != push ] || [ -n "$INPUT_BASE" ] || merge_base=false
PLEACH_DIRECTORY=$directory PLEACH_BASE=$base PLEACH_MERGE_BASE=$merge_base PLEACH_CHECK=$INPUT_CHECK PLEACH_VENDOR=$INPUT_VENDOR PLEACH_FAIL_ON=$INPUT_FAIL_ON \
    PLEACH_ALLOW_NO_BASE=$allow_no_base PLEACH_CACHE_FROM=$INPUT_CACHE_FROM PLEACH_CACHE_TO=$cache_to \
    PLEACH_FORMATS='sarif github' PLEACH_REPORTS=$reports \
    PLEACH_FULL_REPORT=$GITHUB_SERVER_URL/$GITHUB_REPOSITORY/actions/runs/$GITHUB_RUN_ID "$here/pleach.sh" 2>&1 || code=$?
echo "::$stop::"
[ "$code" -lt 2 ] || exit "$code"

if [ "$INPUT_ANNOTATIONS" = true ]; then
    # These files exist only if something was checked or compared.
    for file in "$reports"/*.github; do
        [ ! -f "$file" ] || cat "$file"
    done
fi
[ "$INPUT_SUMMARY" != true ] || summarize
if [ "$INPUT_COMMENT" = true ] && [ -n "$PULL" ]; then
    comment
fi
{
    grep -vE '^(comment|diff)=' "$reports/result"
    echo "reports=$reports"
    [ ! -f "$reports/check.sarif" ] || echo "sarif=$reports/check.sarif"
} >>"$GITHUB_OUTPUT"
