#!/usr/bin/env python3
"""Writes the manifests of package managers for a release: Homebrew, Scoop, winget, krew, Nix, aqua, mise, a Flux CLI plugin, and the
pre-commit mirror.

    packaging/manifests.py VERSION CHECKSUMS FOLDER

CHECKSUMS has lines `SHA256  pleach-VERSION-TARGET.tar.gz`, as published with the release. A manifest is written if the release has an
archive for at least one platform of the package manager; skipped ones are listed on standard error. A new target needs one line in the
table below.
"""
import json
import pathlib
import re
import sys
import textwrap

REPOSITORY = "https://github.com/pleach/pleach"
SUMMARY = "GitOps manifest renderer and kustomize-style generator"
LICENSE = "MIT OR Apache-2.0"

# Rust target -> GOOS, GOARCH, Homebrew's operating system, and Nix system.
TARGETS = {
    "x86_64-unknown-linux-gnu": ("linux", "amd64", "linux", "x86_64-linux"),
    "aarch64-unknown-linux-gnu": ("linux", "arm64", "linux", "aarch64-linux"),
    "x86_64-apple-darwin": ("darwin", "amd64", "macos", "x86_64-darwin"),
    "aarch64-apple-darwin": ("darwin", "arm64", "macos", "aarch64-darwin"),
    "x86_64-pc-windows-msvc": ("windows", "amd64", "windows", None),
}


class Archive:
    """One published archive: its target, name, address and SHA-256."""

    def __init__(self, version, target, digest):
        self.target, self.digest = target, digest
        self.os, self.arch, self.brew, self.nix = TARGETS[target]
        self.folder = f"pleach-{version}-{target}"
        self.url = f"{REPOSITORY}/releases/download/v{version}/{self.folder}.tar.gz"
        self.program = "pleach.exe" if self.os == "windows" else "pleach"


def read_archives(version, checksums):
    """The archives of a version in a file of checksums, in the order of TARGETS."""
    found = {}
    for line in checksums.read_text().splitlines():
        match = re.fullmatch(r"([0-9a-f]{64}) [ *]pleach-(.+)\.tar\.gz", line.strip())
        name = match and match[2].removeprefix(f"{version}-")
        if name in TARGETS:
            found[name] = Archive(version, name, match[1])
    return [found[target] for target in TARGETS if target in found]


def homebrew(version, archives):
    parts = []
    for system in ("macos", "linux"):
        choices = "".join(
            f'    on_{"arm" if it.arch == "arm64" else "intel"} do\n'
            f'      url "{it.url}"\n      sha256 "{it.digest}"\n    end\n'
            for it in archives
            if it.brew == system
        )
        parts.append(f"  on_{system} do\n{choices}  end\n" if choices else "")
    body = "\n".join(filter(None, parts))
    return body and {
        "homebrew/pleach.rb": f"""class Pleach < Formula
  desc "{SUMMARY}"
  homepage "{REPOSITORY}"
  version "{version}"
  license any_of: ["MIT", "Apache-2.0"]

{body}
  def install
    bin.install "pleach"
    man1.install Dir["man/*.1"]
    generate_completions_from_executable(bin/"pleach", "completions")
  end

  test do
    assert_match version.to_s, shell_output("#{{bin}}/pleach --version")
  end
end
"""
    }


def scoop(version, archives):
    windows = {"64bit": {"url": it.url, "hash": it.digest, "extract_dir": it.folder} for it in archives if it.os == "windows"}
    manifest = {"version": version, "description": SUMMARY, "homepage": REPOSITORY, "license": LICENSE,
                "architecture": windows, "bin": "pleach.exe"}
    return windows and {"scoop/pleach.json": json.dumps(manifest, indent=2) + "\n"}


def winget(version, archives):
    windows = [it for it in archives if it.os == "windows"]
    return windows and {
        "winget/pleach.yaml": textwrap.dedent(f"""\
            PackageIdentifier: pleach.pleach
            PackageVersion: {version}
            PackageLocale: en-US
            Publisher: pleach
            PackageName: pleach
            License: {LICENSE}
            ShortDescription: {SUMMARY}
            InstallerType: zip
            NestedInstallerType: portable
            NestedInstallerFiles:
            - RelativeFilePath: {windows[0].folder}\\pleach.exe
            Installers:
            - Architecture: x64
              InstallerUrl: {windows[0].url}
              InstallerSha256: {windows[0].digest.upper()}
            ManifestType: singleton
            ManifestVersion: 1.9.0
            """)
    }


def krew(version, archives):
    platforms = "".join(
        f"  - selector:\n      matchLabels: {{os: {it.os}, arch: {it.arch}}}\n    uri: {it.url}\n    sha256: {it.digest}\n"
        f"    files:\n    - {{from: {it.folder}/{it.program}, to: .}}\n    bin: {it.program}\n"
        for it in archives
    )
    return {
        "krew/pleach.yaml": f"apiVersion: krew.googlecontainertools.github.com/v1alpha2\nkind: Plugin\nmetadata:\n  name: pleach\n"
        f"spec:\n  version: v{version}\n  homepage: {REPOSITORY}\n  shortDescription: {SUMMARY}\n  platforms:\n{platforms}"
    }


def nix(version, archives):
    systems = "".join(
        f'    {it.nix} = {{ url = "{it.url}"; sha256 = "{it.digest}"; }};\n' for it in archives if it.nix
    )
    return systems and {
        "nix/default.nix": f"""{{ pkgs ? import <nixpkgs> {{ }} }}:
let
  archives = {{
{systems}  }};
in
pkgs.stdenvNoCC.mkDerivation {{
  pname = "pleach";
  version = "{version}";
  src = pkgs.fetchurl archives.${{pkgs.stdenv.hostPlatform.system}};
  installPhase = "install -D --mode=755 pleach $out/bin/pleach && install -D --mode=644 --target-directory=$out/share/man/man1 man/*.1";
  meta = {{
    description = "{SUMMARY}";
    homepage = "{REPOSITORY}";
    license = with pkgs.lib.licenses; [ mit asl20 ];
    mainProgram = "pleach";
  }};
}}
"""
    }


def aqua(version, archives):
    """The manifests for aqua and for mise, which reads the aqua registry."""
    replacements = {"linux": "unknown-linux-gnu", "darwin": "apple-darwin", "windows": "pc-windows-msvc"}
    systems = sorted({it.os for it in archives})
    lines = "".join(f"    {system}: {replacements[system]}\n" for system in systems)
    return {
        "aqua/registry.yaml": f"packages:\n- type: github_release\n  repo_owner: pleach\n  repo_name: pleach\n"
        f"  description: {SUMMARY}\n  asset: 'pleach-{{{{trimV .Version}}}}-{{{{.Arch}}}}-{{{{.OS}}}}.tar.gz'\n  format: tar.gz\n"
        f"  replacements:\n    amd64: x86_64\n    arm64: aarch64\n{lines}  supported_envs: [{', '.join(systems)}]\n"
        f"  checksum: {{type: github_release, asset: '{{{{.Asset}}}}.sha256', algorithm: sha256}}\n"
        f"  files:\n  - {{name: pleach, src: '{{{{.AssetWithoutExt}}}}/pleach'}}\n",
        "mise/mise.toml": f'[tools]\n"aqua:pleach/pleach" = "{version}"\n',
    }


def flux(version, archives):
    """The Flux CLI runs a program `flux-NAME` on the PATH as the plugin NAME."""
    platforms = [{"os": it.os, "arch": it.arch, "url": it.url, "checksum": f"sha256:{it.digest}"} for it in archives]
    plugin = {"name": "pleach", "version": version, "bin": "flux-pleach", "description": SUMMARY, "homepage": REPOSITORY,
              "platforms": platforms}
    return {"flux/pleach.json": json.dumps(plugin, indent=2) + "\n"}


def pre_commit(version, _):
    """The content of a mirror repository: pre-commit installs the wheel instead of compiling, like with the mirrors of ruff and typos."""
    hooks = pathlib.Path(__file__).parent.parent / ".pre-commit-hooks.yaml"
    return {
        "pre-commit/.pre-commit-hooks.yaml": hooks.read_text().replace("language: rust", "language: python"),
        "pre-commit/pyproject.toml": "[build-system]\nrequires = [\"setuptools\"]\nbuild-backend = \"setuptools.build_meta\"\n\n"
        f"[project]\nname = \"pleach-pre-commit\"\nversion = \"{version}\"\ndependencies = [\"pleach-cli=={version}\"]\n\n"
        "[tool.setuptools]\npy-modules = []\n",
    }


MANAGERS = [homebrew, scoop, winget, krew, nix, aqua, flux, pre_commit]


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__.strip())
    version, folder = sys.argv[1], pathlib.Path(sys.argv[3])
    archives = read_archives(version, pathlib.Path(sys.argv[2]))
    if not archives:
        sys.exit(f"error: {sys.argv[2]} lists no archive of pleach {version}")
    for manager in MANAGERS:
        files = manager(version, archives)
        if not files:
            print(f"no manifest for {manager.__name__}: the release has no archive for it", file=sys.stderr)
            continue
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
            print(name)


if __name__ == "__main__":
    main()
