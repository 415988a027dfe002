#!/bin/sh
# Checks a workspace and reports the effect of a change, in any CI. Needs a POSIX shell, Git, and pleach on the PATH or in the parent
# folder, where it is in release archives.
#
#   PLEACH_DIRECTORY  the folder of the workspace                                                    [.]
#   PLEACH_BASE       the revision to compare with; if unset, nothing is compared
#   PLEACH_MERGE_BASE whether to compare with the merge base of HEAD and PLEACH_BASE, so that later merges of others are not shown:
#                     true or false. A shallow clone is deepened as needed                           [true]
#   PLEACH_CHECK      whether to run `pleach check`: true or false                                   [true]
#   PLEACH_FAIL_ON    what fails the run: never, check, or danger, which includes check              [check]
#   PLEACH_ALLOW_NO_BASE  whether a run with PLEACH_FAIL_ON=danger passes without PLEACH_BASE: true or false  [false]
#   PLEACH_VENDOR     whether to pull the charts pinned in pleach.lock first: true or false          [false]
#   PLEACH_CACHE_FROM, PLEACH_CACHE_TO  caches of runs, as for `pleach check`; set PLEACH_CACHE_TO only for jobs on the main branch
#   PLEACH_FORMATS    the formats of findings: sarif, junit, gitlab, github                          [sarif junit]
#   PLEACH_REPORTS    the folder for reports                                                         [pleach-reports]
#   PLEACH_FULL_REPORT       where to find what does not fit into the comment
#
# Reports: check.* and diff.* in these formats, diff.html (a page for browsers), comment.md (for a pull request, at most 65,536 bytes),
# summary.md (the same with a higher limit), and `result` with lines name=value: check (passed, failed, skipped), diff (compared, failed,
# skipped), changed, dangers, comment (whether there is anything to report), reason (why the run fails).
#
# Exit codes: 0 for success, 1 for what PLEACH_FAIL_ON names, 2 if the command failed.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=ci/git.sh
. "$here/git.sh"
PATH=$PATH:$(dirname "$here")
export PATH
directory=${PLEACH_DIRECTORY:-.}
reports=${PLEACH_REPORTS:-pleach-reports}
fail_on=${PLEACH_FAIL_ON:-check}
formats=${PLEACH_FORMATS:-sarif junit}

say() { printf '%s\n' "$*" >&2; }

give_up() {
    say "error: $*"
    exit 2
}

no_merge_base() {
    ! is_shallow || give_up "the clone is shallow, and the merge base of HEAD and \`$PLEACH_BASE\` is missing and cannot be fetched: run \`git fetch --unshallow\` first, or clone with the full history (\`fetch-depth: 0\`, \`GIT_DEPTH: 0\`)"
    give_up "HEAD and \`$PLEACH_BASE\` have no common commit: set PLEACH_MERGE_BASE=false to compare with it anyway"
}

workspace() { pleach -C "$directory" --color never "$@"; }

# Pulls the charts pinned in pleach.lock. CI must not choose versions of others.
vendor() {
    lock=$(lock_sum)
    workspace vendor || return
    [ "$lock" = "$(lock_sum)" ] || {
        say "error: pleach.lock does not match the claims: run \`pleach vendor\`, and commit pleach.lock"
        return 1
    }
}

# The checksum of pleach.lock, which may be missing. Links are not followed, because they may lead to endless files.
lock_sum() { [ -L "$directory/pleach.lock" ] || [ ! -f "$directory/pleach.lock" ] || cksum <"$directory/pleach.lock"; }

# Pulls the charts pinned at the base, to render it too.
vendor_base() {
    below=$(cd -P -- "$directory" && pwd)
    below=${below#"$top"}
    below=${below#/}
    [ -n "$(safe_git ls-tree --full-tree "$base" -- "${below:+$below/}pleach.lock")" ] || return 0
    before=$(mktemp -d)
    code=0
    mkdir "$before/workspace"
    safe_git_without_filters archive --format=tar --output="$before/tar" "$base:$below" &&
        tar -xf "$before/tar" -C "$before/workspace" &&
        pleach -C "$before/workspace" --color never vendor || code=$?
    rm -rf "$before"
    return "$code"
}

# Removes old reports. Those of a checkout may be links to other files, which must not be overwritten.
prepare_reports() {
    has_no_link "$reports" || give_up "\`$reports\` is reached through a symbolic link in the repository; no reports are written"
    mkdir -p -- "$reports"
    reports=$(cd -- "$reports" && pwd)
    rm -f "$reports"/check.* "$reports"/diff.* "$reports/comment.md" "$reports/summary.md" "$reports/result" ||
        give_up "cannot write the reports: \`$reports\` contains other files"
}

file() {
    case $2 in
    junit) echo "$reports/$1.junit.xml" ;;
    gitlab) echo "$reports/$1.codequality.json" ;;
    *) echo "$reports/$1.$2" ;;
    esac
}

# Runs a command that reports: exit code 1 means findings, any other a failure.
reported() {
    code=0
    "$@" || code=$?
    [ "$code" -lt 2 ] || exit 2
}

# Sets check: passed or failed.
check() {
    reported workspace check
    check=passed
    [ "$code" -eq 0 ] || check=failed
    reported workspace check --format short 2>"$reports/check.txt" >&2
    for format in $formats; do
        reported workspace check --format "$format" >"$(file check "$format")"
    done
}

# Sets diff (compared or failed), changed, dangers and unknown, the number of parts of the change that could not be compared.
compare() {
    from=$(safe_git rev-parse --short "$base") && to=$(safe_git rev-parse --short HEAD) || exit 2
    range=$from..$to
    say "pleach diff $range"
    workspace diff "$range" || :
    set --
    for format in html github $formats; do
        set -- "$@" --report "$format=$(file diff "$format")"
    done
    code=0
    form md --exit-code --max-bytes 60000 "$@" >"$reports/diff.md" || code=$?
    if [ "$code" -gt 1 ]; then
        # A change that does not render is reported in the comment. An unreadable repository, a full disk or a crash is an error of the run.
        [ -s "$reports/diff.txt" ] || exit 2
        ! grep -qE '^error: cannot (read the Git repository|write|create)' "$reports/diff.txt" || exit 2
        diff=failed
        return
    fi
    diff=compared
    [ "$code" -eq 0 ] || changed=true
    cp "$reports/diff.md" "$reports/diff.long.md"
    if [ "$(wc -c <"$reports/diff.md")" -gt 50000 ]; then
        reported form md --max-bytes 900000 >"$reports/diff.long.md"
    fi
    # A file name or a message may look like a title. The first unescaped colon ends the real title.
    dangers=$(grep -E '^::(error|warning) ' "$reports/diff.github" | grep -cvE "$not_compared" || :)
    unknown=$(grep -cE "$not_compared" "$reports/diff.github" || :)
}

not_compared='^::[a-z]+ ([^:]*,)?title=not-compared::'

form() {
    workspace diff "$range" --format short --full-report "${PLEACH_FULL_REPORT:-pleach diff $range}" --output "$@" 2>"$reports/diff.txt"
}

# Prints the text for reviewers: the findings of check, then the effect of the change. The argument is the report of the change.
page() {
    [ "$directory" = . ] || printf '### pleach in %s\n\n' "$directory"
    if [ "$check" = failed ]; then
        printf '🛑 **pleach check found faults.**\n\n'
        quoted "$reports/check.txt"
        if grep -qE 'error\[(outdated|missing|unwanted)-file\]' "$reports/check.txt"; then
            printf 'Run "pleach render", and commit the result.\n\n'
        fi
    fi
    if [ "$diff" = failed ]; then
        printf '⚠️ **The effects of this change are unknown.**\n\n'
        quoted "$reports/diff.txt"
    elif [ "$diff" = compared ]; then
        cat "$1"
    fi
}

# Prints the beginning of a file as an indented block, which no text can end.
quoted() {
    LC_ALL=C awk '
        { bytes += length($0) + 5 }
        bytes > 4000 { more++; next }
        { print "    " $0 }
        END { if (more) print "    … " more " more lines" ; print "" }' "$1"
}

# Prints why the run fails, or nothing.
reason() {
    if [ "$fail_on" = never ]; then
        return
    elif [ "$check" = failed ]; then
        echo 'pleach check found faults'
    elif [ "$diff" = failed ] && { [ "$check" != passed ] || [ "$fail_on" = danger ]; }; then
        echo 'the effects of this change are unknown'
    elif [ "$fail_on" = danger ] && [ "$dangers" -gt 0 ]; then
        echo "the change has dangers: $dangers"
    elif [ "$fail_on" = danger ] && [ "$unknown" -gt 0 ]; then
        echo 'the effects of a part of this change are unknown'
    fi
}

command -v pleach >/dev/null || give_up 'pleach is not on the PATH'
case ${PLEACH_BASE:-} in -*) give_up "invalid revision \`$PLEACH_BASE\`" ;; esac
case $fail_on in never | check | danger) ;; *) give_up "PLEACH_FAIL_ON must be never, check or danger, not \`$fail_on\`" ;; esac
[ -d "$directory" ] || give_up "\`$directory\` is not a directory"
[ -n "${PLEACH_BASE:-}" ] || [ "$fail_on" != danger ] || [ "${PLEACH_ALLOW_NO_BASE:-false}" = true ] ||
    give_up "there is no commit to compare with, so the dangers of the change are unknown: set PLEACH_BASE, or PLEACH_ALLOW_NO_BASE=true"
find_top "$directory" || top=
has_no_link "$directory" || give_up "\`$directory\` is reached through a symbolic link in the repository: use the path of the folder itself"
prepare_reports
check=skipped diff=skipped changed=false dangers=0 unknown=0 comment=false base=
if [ -n "${PLEACH_BASE:-}" ]; then
    [ -n "$top" ] || give_up "\`$directory\` is not in a Git repository, so nothing can be compared"
    safe_git cat-file -e 'HEAD^{tree}' || give_up 'Git cannot read the checked-out commit'
    base=$(have_commit "$PLEACH_BASE") || give_up "revision \`$PLEACH_BASE\` not found, and it cannot be fetched"
    if [ "${PLEACH_MERGE_BASE:-true}" = true ]; then
        merge_base=$(find_merge_base "$base" fetch_commit) || no_merge_base
        base=$merge_base
    fi
fi
if [ "${PLEACH_VENDOR:-false}" = true ]; then
    vendor || exit 2
    [ -z "$base" ] || vendor_base || exit 2
fi
[ "${PLEACH_CHECK:-true}" = false ] || check
[ -z "$base" ] || compare

page "$reports/diff.md" >"$reports/comment.md"
page "$reports/diff.long.md" >"$reports/summary.md"
rm -f "$reports/diff.md" "$reports/diff.long.md"
if [ "$check" = failed ] || [ "$diff" = failed ] || [ "$changed" = true ]; then
    comment=true
fi
reason=$(reason)
cat >"$reports/result" <<end
check=$check
diff=$diff
changed=$changed
dangers=$dangers
comment=$comment
reason=$reason
end
[ -z "$reason" ] || {
    say "error: $reason"
    exit 1
}
