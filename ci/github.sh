#!/bin/sh
# What action.yml runs: `pleach.sh` between the right commits, then annotations, the comment, the job's summary and the outputs. What is
# found does not fail it: the action's last step does, when the reports are where they belong.
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
# A command has the token in its environment only if it needs it.
# shellcheck disable=SC2153 # TOKEN is set by action.yml.
token=$TOKEN
unset TOKEN

# Fetches a commit, with the token where the server asks for one.
fetch() (
    export TOKEN="$token"
    # shellcheck disable=SC2016 # It is Git that runs it.
    add_setting "credential.$GITHUB_SERVER_URL.helper" '!printf "username=x-access-token\npassword=%s\n" "$TOKEN" #'
    fetch_commit "$@"
)

# The commit that the change starts from; nothing where the event has none.
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
        # A new branch has none, and one that was pushed over may not be there any more.
        case $BEFORE in *[!0]*) fetched "$BEFORE" || [ $? -eq 1 ] ;; esac
    fi
}

# Where HEAD parted from the revision that the user names, so that what others merged there since is not shown.
base_of_input() {
    commit=$(find_commit "$INPUT_BASE") || commit=''
    if [ -z "$commit" ]; then
        fetch --depth=1 origin "${INPUT_BASE#origin/}" && commit=$(find_commit FETCH_HEAD) || return 2
    fi
    # What can't be found here, pleach.sh explains.
    find_parting "$commit" fetch || echo "$commit"
}

# What actions/checkout checks out is the merge of the pull request into its base, whose first parent is the base as it is now. For
# another checkout it is where the two have parted.
base_of_pull() {
    commit=$(safe_git cat-file commit HEAD) && head=$(safe_git rev-parse HEAD) || return 2
    parents=$(printf '%s\n' "$commit" | sed -n -e '/^$/q' -e 's/^parent //p')
    if [ "$head" = "$GITHUB_SHA" ] && [ "$(printf '%s\n' "$parents" | wc -l)" -eq 2 ]; then
        printf '%s\n' "$parents" | head -n 1
        return
    fi
    fetched "$BASE_SHA" >/dev/null || return 2
    parting && return
    # A shallow clone does not know it, and a server may not give the rest.
    fetch --unshallow origin "$BASE_SHA" || :
    parting || echo "$BASE_SHA"
}

# Where the pull request and its base have parted.
parting() { safe_git merge-base "$BASE_SHA" HEAD; }

# A commit, if it is there or can be had. Exit code 1 says that it can't.
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

# Adds to the job's summary, which takes 1 MiB of a step.
summarize() { cat "$reports/summary.md" >>"$GITHUB_STEP_SUMMARY"; }

comment() {
    only_edit=''
    [ "$(value comment)" = true ] || only_edit=edit
    said=0
    PLEACH_TOKEN=$token PLEACH_REQUEST=$PULL "$here/comment.sh" github "$directory" "$reports/comment.md" $only_edit || said=$?
    case $said in
    0) return ;;
    3) notice "the token has no permission to comment (a pull request from a fork, or no \`pull-requests: write\`); see the job summary" ;;
    *) warning "the comment could not be written; see the job summary" ;;
    esac
    [ "$INPUT_SUMMARY" = true ] || summarize
}

cd "$GITHUB_WORKSPACE"
[ -d "$directory" ] || give_up "\`working-directory\` is not a directory"
find_top "$directory" || give_up "\`working-directory\` is not in a Git repository: use actions/checkout first"
trust_top
# Nothing of the repository's own words may be taken for a command to the runner.
stop=$(od -An -v -N16 -tx1 /dev/urandom | tr -d ' \n')
echo "::stop-commands::$stop"
failed=''
safe_git rev-parse --git-dir >/dev/null || failed='Git cannot read the repository: it says why above'
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
# Others begin from what is stored, so only what was merged is.
cache_to=''
[ -n "$PULL" ] || [ "${GITHUB_REF:-}" != "refs/heads/$DEFAULT_BRANCH" ] || cache_to=$INPUT_CACHE_TO
# What was pushed over is compared with as it is.
merge_base=true
[ "$EVENT" != push ] || [ -n "$INPUT_BASE" ] || merge_base=false
PLEACH_DIRECTORY=$directory PLEACH_BASE=$base PLEACH_MERGE_BASE=$merge_base PLEACH_CHECK=$INPUT_CHECK PLEACH_VENDOR=$INPUT_VENDOR PLEACH_FAIL_ON=$INPUT_FAIL_ON \
    PLEACH_ALLOW_NO_BASE=$allow_no_base PLEACH_CACHE_FROM=$INPUT_CACHE_FROM PLEACH_CACHE_TO=$cache_to \
    PLEACH_FORMATS='sarif github' PLEACH_REPORTS=$reports \
    PLEACH_REST=$GITHUB_SERVER_URL/$GITHUB_REPOSITORY/actions/runs/$GITHUB_RUN_ID "$here/pleach.sh" 2>&1 || code=$?
echo "::$stop::"
[ "$code" -lt 2 ] || exit "$code"

if [ "$INPUT_ANNOTATIONS" = true ]; then
    # There are none where nothing was checked or compared.
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
