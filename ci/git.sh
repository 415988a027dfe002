#!/bin/sh
# Sourced by the other scripts in this folder, which run Git only through these functions.
#
# The content of a checkout is not trusted. A folder of it can look like a bare repository whose configuration names programs to run, and
# Git started in that folder would use it. So Git is started at the top of the real repository, ignores bare repositories, and runs no
# file system monitor and no hooks.

# Sets top: the nearest parent of a folder that contains `.git`. No commit can contain `.git`.
find_top() {
    top=$(cd -P -- "$1" && pwd) || return
    until [ -e "$top/.git" ]; do
        [ "$top" != / ] || return
        top=$(dirname -- "$top")
    done
}

# Runs Git at the top, without fetching missing objects from a server.
safe_git() {
    GIT_NO_LAZY_FETCH=1 GIT_ALLOW_PROTOCOL='' run_git "$@"
}

# Runs Git without configured filters, for commands that write files.
safe_git_without_filters() (
    keys=$(safe_git config --name-only --get-regexp '^filter\.') || [ $? -eq 1 ] || exit
    IFS='
'
    set -f
    for key in $keys; do
        case $key in
        *.required) add_setting "$key" false ;;
        *) add_setting "$key" '' ;;
        esac
    done
    unset IFS
    safe_git "$@"
)

# Fetches a commit that is missing in a shallow clone.
fetch_commit() {
    run_git fetch --quiet --no-tags --no-recurse-submodules "$@" >&2
}

run_git() {
    GIT_TERMINAL_PROMPT=0 git -C "$top" --no-pager -c safe.bareRepository=explicit -c core.fsmonitor=false \
        -c core.hooksPath=/dev/null -c maintenance.auto=false -c gc.auto=0 "$@"
}

# Adds a setting to the configuration of all later Git commands.
# shellcheck disable=SC2030,SC2031 # A change in a subshell is meant to be local.
add_setting() {
    count=${GIT_CONFIG_COUNT:-0}
    export "GIT_CONFIG_KEY_$count=$1" "GIT_CONFIG_VALUE_$count=$2" GIT_CONFIG_COUNT=$((count + 1))
}

# Makes Git trust the checkout, whose owner is often another user in a container.
trust_top() { add_setting safe.directory "$top"; }

# Prints the commit of a revision. Exit code 1: it does not exist; any other: Git failed.
find_commit() { safe_git rev-parse --verify --quiet "$1^{commit}"; }

# Prints the commit of a revision, and fetches it if it is missing.
have_commit() {
    code=0
    find_commit "$1" || code=$?
    [ "$code" -eq 1 ] || return "$code"
    # A branch is called `origin/main` here and `main` there.
    fetch_commit --depth=1 origin "${1#origin/}" || return 1
    find_commit FETCH_HEAD
}

is_shallow() { [ "$(safe_git rev-parse --is-shallow-repository)" = true ]; }

# Prints the merge base of HEAD and a commit. The second argument is the command that deepens a shallow clone, such as fetch_commit.
# Exit code 1: there is no merge base, or it cannot be fetched.
find_merge_base() {
    head=$(safe_git rev-parse HEAD) || return 2
    depth=64
    until safe_git merge-base "$1" "$head"; do
        is_shallow || return 1
        further=--deepen=$depth
        [ "$depth" -le 4096 ] || further=--unshallow
        # The server may not have HEAD; then its branches are fetched.
        "$2" "$further" origin "$1" "$head" 2>/dev/null || "$2" "$further" origin || return 1
        depth=$((depth * 4))
    done
}

# Whether a path is reached without symbolic links of the repository: such links are not trusted.
has_no_link() {
    path=$(printf '%s' "$1" | sed 's:\(.\)/*$:\1:')
    while [ -n "$top" ]; do
        above=$(dirname -- "$path")
        if [ -L "$path" ]; then
            case $(cd -P -- "$above" && pwd)/ in "$top"/*) return 1 ;; esac
        fi
        [ "$above" != "$path" ] || break
        path=$above
    done
}
