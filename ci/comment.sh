#!/bin/sh
# Keeps one comment on a pull request or merge request up to date: creates it, and later edits it. Needs curl and awk.
#
#   comment.sh github|gitlab FOLDER FILE        edits or creates the comment
#   comment.sh github|gitlab FOLDER FILE edit   edits the comment if there is one
#
# The comment is found by a hidden line that contains the workspace's folder, so each workspace has its own comment. Forgejo and Gitea
# have the API of GitHub.
#
#   PLEACH_TOKEN    the token of the author
#   PLEACH_REQUEST  the number of the pull or merge request
#   and GITHUB_API_URL, GITHUB_REPOSITORY, or CI_API_V4_URL, CI_PROJECT_ID
#
# Exit codes: 0 success, 1 failure, 3 the token has no permission.
set -eu

forge=$1 folder=$2 file=$3 only_edit=${4:-}
# No program needs the token in its environment.
token=${PLEACH_TOKEN:-}
unset PLEACH_TOKEN
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The folder in hexadecimal, which no JSON encoder escapes. The readable name is only for people.
key=pleach-comment-$(printf %s "$folder" | od -An -v -tx1 | tr -d ' \n')
shown=$(printf %s "$folder" | tr -c 'A-Za-z0-9._/' _)

case $forge in
github)
    comments=$GITHUB_API_URL/repos/$GITHUB_REPOSITORY/issues/$PLEACH_REQUEST/comments
    comment=$GITHUB_API_URL/repos/$GITHUB_REPOSITORY/issues/comments
    header="Authorization: Bearer $token"
    edit=PATCH
    ;;
gitlab)
    comments=$CI_API_V4_URL/projects/$CI_PROJECT_ID/merge_requests/$PLEACH_REQUEST/notes
    comment=$comments
    header="PRIVATE-TOKEN: $token"
    edit=PUT
    ;;
*)
    echo "error: comments are only supported on github and gitlab, not on \`$forge\`" >&2
    exit 1
    ;;
esac

# Sends a request METHOD URL and writes the response to $work/answer. The token is passed on standard input to keep it out of the process
# list.
ask() {
    method=$1 url=$2
    shift 2
    status=$(printf 'header = "%s"\n' "$header" | curl --config - --silent --show-error --connect-timeout 20 --max-time 120 \
        --request "$method" --header 'Content-Type: application/json' --header 'User-Agent: pleach' \
        --output "$work/answer" --write-out '%{http_code}' "$@" "$url") || exit 1
    case $status in
    2*) ;;
    401 | 403 | 404)
        echo "the token has no permission ($method $url: $status)" >&2
        exit 3
        ;;
    *)
        echo "error: $method $url: unexpected status $status" >&2
        exit 1
        ;;
    esac
}

# Reads a list of comments: prints `id N` for the comment that begins with the key, and `count N` for their number. Records are separated
# by quotes, so they are alternately outside and inside of strings.
read_comments() {
    LC_ALL=C awk -v key="$key" '
        BEGIN { RS = "\"" }
        inside {
            text = text $0
            # A quote after an odd number of backslashes is part of the string.
            if (match($0, /\\+$/) && RLENGTH % 2) { text = text RS; next }
            inside = 0
            if (field == "body" && depth == 2) body = text
            next
        }
        {
            field = ($0 ~ /^[ \t\r\n]*:/) ? text : ""
            if (field == "id" && depth == 2 && match($0, /[0-9]+/)) id = substr($0, RSTART, RLENGTH)
            for (at = 1; at <= length($0); at++) {
                sign = substr($0, at, 1)
                if (sign == "[" || sign == "{") depth++
                else if (sign == "]" || sign == "}") {
                    if (depth-- != 2) continue
                    count++
                    # After `<!-- `, whose `<` some services escape as six characters.
                    begin = index(body, key " ")
                    if (begin > 0 && begin < 12) print "id " id
                    body = ""
                }
            }
            text = ""
            inside = 1
        }
        END { print "count " count + 0 }'
}

# Sets id to that of the comment, or to nothing.
find_comment() {
    id='' page=1
    while [ -z "$id" ]; do
        ask GET "$comments?per_page=100&page=$page" --retry 2
        read_comments <"$work/answer" >"$work/found"
        id=$(sed -n 's/^id //p' "$work/found" | head -n 1)
        # The limit of 100 pages protects against servers that repeat the same page.
        if [ "$(sed -n 's/^count //p' "$work/found")" -lt 100 ] || [ "$page" -ge 100 ]; then
            break
        fi
        page=$((page + 1))
    done
}

# Prints the hidden line and the file as a JSON object.
body() {
    printf '{"body":"'
    { printf '<!-- %s %s -->\n' "$key" "$shown" && cat "$file"; } | LC_ALL=C tr -d '\000-\010\013-\037\177' |
        LC_ALL=C sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/	/\\t/g' | LC_ALL=C awk '{ printf "%s\\n", $0 }'
    printf '"}'
}

[ -n "$token" ] || {
    echo 'no token for the comment is set' >&2
    exit 3
}
find_comment
body >"$work/body"
if [ -n "$id" ]; then
    ask "$edit" "$comment/$id" --data-binary "@$work/body"
    echo "comment $id updated"
elif [ -z "$only_edit" ]; then
    ask POST "$comments" --data-binary "@$work/body"
    echo 'comment created'
fi
