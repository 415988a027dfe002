#!/bin/sh
# Installs a release of pleach after verifying its archive: its SHA-256 must be given, or be in the file `checksums` in this folder, or
# GitHub must attest that the project's release workflow built it from the tag of the version. Checksums on the download server are not
# used: whoever can replace the archive there can replace them too. Needs curl and tar.
#
#   PLEACH_VERSION   the release, such as 0.1.0
#   PLEACH_SHA256    SHA-256 of its archive; for several platforms, several sums separated by spaces
#   PLEACH_BIN       the folder to install into                     [~/.local/bin]
#   PLEACH_RELEASES  the address of the archives, for mirrors       [https://github.com/pleach/pleach/releases/download]
#
# Without checksums, GitHub's `gh` and GH_TOKEN are needed.
set -eu

# Only gh has the token in its environment.
gh_token=${GH_TOKEN:-}
unset GH_TOKEN
releases=${PLEACH_RELEASES:-https://github.com/pleach/pleach/releases/download}
version=${PLEACH_VERSION:?must be set to the release to install}
version=${version#v}
bin=${PLEACH_BIN:-$HOME/.local/bin}

refuse() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

target() {
    case $(uname -s)-$(uname -m) in
    Linux-x86_64) echo x86_64-unknown-linux-gnu ;;
    Linux-aarch64 | Linux-arm64) echo aarch64-unknown-linux-gnu ;;
    Darwin-x86_64) echo x86_64-apple-darwin ;;
    Darwin-arm64) echo aarch64-apple-darwin ;;
    *) refuse "no archives for $(uname -s) on $(uname -m): build it with \`cargo install\`" ;;
    esac
}

download() {
    case $releases in
    https:*) protocols='=https' ;;
    *) protocols='=http,https' ;;
    esac
    url=$releases/v$version/$1
    code=0
    status=$(curl --proto "$protocols" --silent --show-error --location --connect-timeout 20 --max-time 600 --retry 2 \
        --output "$work/$1" --write-out '%{http_code}' "$url") || code=$?
    case $code-$status in
    0-200) ;;
    0-404) refuse "pleach $version for $(target) not found: $url" ;;
    0-*) refuse "$url: unexpected status $status" ;;
    *) refuse "the download of $url failed" ;;
    esac
}

sum() {
    if command -v sha256sum >/dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d ' ' -f 1
}

# Prints the accepted checksums of an archive.
pinned() {
    if [ -n "${PLEACH_SHA256:-}" ]; then
        printf '%s\n' "$PLEACH_SHA256" | tr -s ' ,' '\n' | tr A-F a-f | sed 's/^sha256://'
    else
        sed -n "s/ \*\{0,1\} *$1\$//p" "$(dirname "$0")/checksums" 2>/dev/null || :
    fi
}

verify() {
    sums=$(pinned "$1")
    found=$(sum "$work/$1")
    if [ -n "$sums" ]; then
        printf '%s\n' "$sums" | grep -qx "$found" || refuse "$1 has the SHA-256 $found, which does not match the pinned checksum"
        echo "$1: the SHA-256 matches the pinned checksum"
    elif command -v gh >/dev/null; then
        GH_TOKEN=$gh_token gh attestation verify "$work/$1" --repo pleach/pleach --source-ref "refs/tags/v$version" --deny-self-hosted-runners \
            --signer-workflow pleach/pleach/.github/workflows/release.yml >&2 ||
            refuse "GitHub does not attest that $1 was built by the release workflow of pleach"
        echo "$1: GitHub attests that it was built from the tag v$version"
    else
        refuse "cannot verify $1: set its SHA-256, or install GitHub's gh to verify its attestation"
    fi
}

case $version in *[!0-9A-Za-z.+-]*) refuse "invalid version \`$version\`" ;; esac
name=pleach-$version-$(target)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
download "$name.tar.gz"
verify "$name.tar.gz"
tar -xzf "$work/$name.tar.gz" -C "$work"
[ "$("$work/$name/pleach" -V)" = "pleach $version" ] || refuse "$name.tar.gz does not contain pleach $version, or it does not run on this machine"
mkdir -p "$bin"
mv "$work/$name/pleach" "$bin/.pleach.$$"
mv -f "$bin/.pleach.$$" "$bin/pleach"
# Adds the folder to the PATH of later steps.
[ -z "${GITHUB_PATH:-}" ] || printf '%s\n' "$bin" >>"$GITHUB_PATH"
echo "pleach $version installed in $bin"
