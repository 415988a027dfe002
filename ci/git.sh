#!/bin/sh
# Sourced by the scripts beside it: the one way in which they start Git.
#
# A checkout holds what a stranger wrote. A folder of it can look like a bare repository, whose configuration names programs, and Git
# that is started in there takes it for the repository. So Git is started at the top of the real one, takes no bare repository that it
# comes across, and runs no file system monitor and no hook.

# Sets top: the nearest folder upwards of a folder that has `.git`, which no commit can hold.
find_top() {
    top=$(cd -P -- "$1" && pwd) || return
    until [ -e "$top/.git" ]; do
        [ "$top" != / ] || return
        top=$(dirname -- "$top")
    done
}

# Git, at the top. It reads what is there, and asks no server for what is missing.
safe_git() {
    GIT_NO_LAZY_FETCH=1 GIT_ALLOW_PROTOCOL='' run_git "$@"
}

# Git without the filters that are configured, for what writes files.
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

# Fetches a commit that a shallow clone has left away.
fetch_commit() {
    run_git fetch --quiet --no-tags --no-recurse-submodules "$@" >&2
}

run_git() {
    GIT_TERMINAL_PROMPT=0 git -C "$top" --no-pager -c safe.bareRepository=explicit -c core.fsmonitor=false \
        -c core.hooksPath=/dev/null -c maintenance.auto=false -c gc.auto=0 "$@"
}

# Adds to the configuration of every Git that is started from here on.
# shellcheck disable=SC2030,SC2031 # In a subshell it is for that one alone.
add_setting() {
    count=${GIT_CONFIG_COUNT:-0}
    export "GIT_CONFIG_KEY_$count=$1" "GIT_CONFIG_VALUE_$count=$2" GIT_CONFIG_COUNT=$((count + 1))
}

# Has Git trust the checkout, whoever it belongs to: in a container that is often another user.
trust_top() { add_setting safe.directory "$top"; }

# The commit of a revision, if it is there. Exit code 1 says that it is not, any other that Git can't tell.
find_commit() { safe_git rev-parse --verify --quiet "$1^{commit}"; }

# The commit of a revision, fetched where it is missing.
have_commit() {
    code=0
    find_commit "$1" || code=$?
    [ "$code" -eq 1 ] || return "$code"
    # A branch is called `origin/main` here and `main` there.
    fetch_commit --depth=1 origin "${1#origin/}" || return 1
    find_commit FETCH_HEAD
}

is_shallow() { [ "$(safe_git rev-parse --is-shallow-repository)" = true ]; }

# Where HEAD parted from a commit, for which the second argument, such as fetch_commit, deepens a shallow clone as far as it takes.
# Exit code 1 says that there is no such place, or that it can't be had.
find_parting() {
    head=$(safe_git rev-parse HEAD) || return 2
    depth=64
    until safe_git merge-base "$1" "$head"; do
        is_shallow || return 1
        further=--deepen=$depth
        [ "$depth" -le 4096 ] || further=--unshallow
        # A server may not have HEAD; then its branches have to do.
        "$2" "$further" origin "$1" "$head" 2>/dev/null || "$2" "$further" origin || return 1
        depth=$((depth * 4))
    done
}

# Whether no link that lies in the repository is on the way to a path: a stranger's link leads where the stranger wants.
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
