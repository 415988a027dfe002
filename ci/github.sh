#!/bin/sh
# What action.yml runs: `pleach.sh` between the right commits, then annotations, the comment, the job's summary and the outputs. What is
# found does not fail it: the action's last step does, when the reports are where they belong.
#
#   INPUT_DIRECTORY INPUT_BASE INPUT_CHECK INPUT_DIFF INPUT_VENDOR INPUT_COMMENT INPUT_SUMMARY INPUT_ANNOTATIONS INPUT_FAIL_ON   inputs
#   EVENT PULL BASE_SHA BEFORE QUEUE_BASE                                                                    the event, from `github.event`
#   TOKEN                                                                                                            to fetch and to comment
set -eu

here=$(cd "$(dirname "$0")" && pwd)
directory=$INPUT_DIRECTORY
reports=$(mktemp -d "$RUNNER_TEMP/pleach-reports.XXXXXX")

notice() { printf '::notice title=pleach::%s\n' "$*"; }
warning() { printf '::warning title=pleach::%s\n' "$*"; }

# Git trusts the checkout, whoever it belongs to in a container, and has the token where a server asks for one.
export TOKEN GIT_CONFIG_COUNT=2
export GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0="$GITHUB_WORKSPACE"
export GIT_CONFIG_KEY_1="credential.$GITHUB_SERVER_URL.helper"
# shellcheck disable=SC2016 # It is Git that runs it.
export GIT_CONFIG_VALUE_1='!printf "username=x-access-token\npassword=%s\n" "$TOKEN" #'

# The commit that the change starts from; nothing where the event has none.
base() {
    if [ "$INPUT_DIFF" = false ]; then
        return
    elif [ -n "$INPUT_BASE" ]; then
        echo "$INPUT_BASE"
    elif [ -n "$PULL" ]; then
        base_of_pull
    elif [ "$EVENT" = merge_group ]; then
        echo "$QUEUE_BASE"
    elif [ "$EVENT" = push ]; then
        # A new branch has none, and one that was pushed over may not be there any more.
        case $BEFORE in *[!0]*) fetched "$BEFORE" || : ;; esac
    fi
}

# What actions/checkout checks out is the merge of the pull request into its base, whose first parent is the base as it is now. For
# another checkout it is where the two have parted.
base_of_pull() {
    parents=$(git cat-file commit HEAD | sed -n -e '/^$/q' -e 's/^parent //p')
    if [ "$(git rev-parse HEAD)" = "$GITHUB_SHA" ] && [ "$(printf '%s\n' "$parents" | wc -l)" -eq 2 ]; then
        printf '%s\n' "$parents" | head -n 1
        return
    fi
    fetched "$BASE_SHA" >/dev/null || return 0
    if ! git merge-base "$BASE_SHA" HEAD; then
        git fetch --quiet --unshallow origin "$BASE_SHA" >&2 || :
        git merge-base "$BASE_SHA" HEAD || echo "$BASE_SHA"
    fi
}

# A commit, if it is there or can be had.
fetched() {
    git cat-file -e "$1^{commit}" 2>/dev/null || git fetch --quiet --no-tags --depth=1 origin "$1" >&2 || return
    echo "$1"
}

value() { sed -n "s/^$1=//p" "$reports/result"; }

# Adds to the job's summary, which takes 1 MiB of a step.
summarize() { cat "$reports/summary.md" >>"$GITHUB_STEP_SUMMARY"; }

comment() {
    only_edit=''
    [ "$(value comment)" = true ] || only_edit=edit
    said=0
    PLEACH_TOKEN=$TOKEN PLEACH_REQUEST=$PULL "$here/comment.sh" github "$directory" "$reports/comment.md" $only_edit || said=$?
    case $said in
    0) return ;;
    3) notice "the token must not comment (a pull request from a fork, or no \`pull-requests: write\`): see the job's summary" ;;
    *) warning "the comment could not be written: see the job's summary" ;;
    esac
    [ "$INPUT_SUMMARY" = true ] || summarize
}

cd "$GITHUB_WORKSPACE"
base=$(cd "$directory" && base)
[ -n "$base" ] || [ "$INPUT_DIFF" = false ] || notice "the event \`$EVENT\` has no commit to compare with: \`base\` names one"
# Nothing of the repository's own words may be taken for a command to the runner.
stop=$(od -An -v -N16 -tx1 /dev/urandom | tr -d ' \n')
echo "::stop-commands::$stop"
code=0
PLEACH_DIRECTORY=$directory PLEACH_BASE=$base PLEACH_CHECK=$INPUT_CHECK PLEACH_VENDOR=$INPUT_VENDOR PLEACH_FAIL_ON=$INPUT_FAIL_ON \
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
