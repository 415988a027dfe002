//! Examples of each subcommand, which `--help` shows below the flags.

use clap::Command;

/// Command lines by subcommand, with comments if they are not obvious.
const EXAMPLES: &[(&str, &[&str])] = &[
    (
        "init",
        &["init", "init platform             # in a new folder"],
    ),
    (
        "render",
        &[
            "render",
            "render --env prod         # only prod and base",
            "render --force            # also overwrite edited files",
        ],
    ),
    (
        "check",
        &[
            "check                     # exit code 1 and a diff if the tree is out of date",
            "check --strict --format github",
            "check manifests/ overlays/prod --kubernetes-version 1.34",
            "check -                   # the objects in standard input",
            "check --fix --dry-run     # what the replacements in `help:` would change",
        ],
    ),
    (
        "diff",
        &[
            "diff                      # compare HEAD with the work tree",
            "diff main...              # since the branch left main",
            "diff --why                # with the line that caused each change",
            "diff main... -o md        # for a pull request comment",
            "diff old/ new/            # two folders",
        ],
    ),
    (
        "tree",
        &[
            "tree                      # also in a repository without pleach.yaml",
            "tree prod -o yaml         # all objects of one cluster",
            "tree clusters/prod --at main",
        ],
    ),
    (
        "matrix",
        &[
            "matrix",
            "matrix analytics --drift  # only what differs between environments",
        ],
    ),
    (
        "compare",
        &["compare stage prod", "compare stage prod analytics"],
    ),
    (
        "promote",
        &[
            "promote stage prod --dry-run",
            "promote stage prod analytics --field spec.container.replicas",
        ],
    ),
    (
        "affected",
        &[
            "affected --since main...",
            "affected --since main... -o github-matrix",
            "affected environments/prod/databases.yaml",
        ],
    ),
    (
        "hook",
        &[
            "hook install              # `git commit` then checks staged changes",
            "hook run --fix            # update and stage files that are out of date",
        ],
    ),
    (
        "build",
        &[
            "build apps/prod",
            "build apps/prod -o all.yaml --strict",
            "build apps/prod --enable-helm    # also renders charts, without helm",
        ],
    ),
    (
        "template",
        &[
            "template web charts/web -f values-prod.yaml",
            "template web web-1.2.0.tgz --set replicas=3 --helm-version 3",
            "template redis --version 19.x    # the version pinned in pleach.lock",
        ],
    ),
    (
        "verify",
        &["verify                    # every kustomization below this folder"],
    ),
    (
        "vendor",
        &[
            "vendor",
            "vendor --update redis     # move one pin",
            "vendor --check            # without network access",
        ],
    ),
    (
        "publish",
        &[
            "publish chart charts/*/ oci://ghcr.io/acme/charts",
            "publish chart charts/web -o web.tgz",
        ],
    ),
    ("new", &["new kind WebService"]),
    (
        "test",
        &[
            "test",
            "test WebService --accept  # accept the rendered output as expected",
        ],
    ),
    (
        "kinds",
        &[
            "kinds                     # one line per kind",
            "kinds OperatorInstall     # its fields",
        ],
    ),
    (
        "schema",
        &[
            "schema                    # every file of the workspace, by the kind of each document",
            "schema OperatorInstall --whole",
            "schema --chart redis      # the values of a pinned chart",
            "schema --write            # to .pleach/schema.json, for editors",
        ],
    ),
    (
        "function",
        &["function < list.yaml      # kustomize and kpt run it, see docs/scale.md"],
    ),
    (
        "lsp",
        &["lsp                       # started by an editor, see docs/editor.md"],
    ),
    (
        "explain",
        &[
            "explain                   # the codes",
            "explain missing-reference",
            "explain prod Deployment/shop spec.replicas",
            "explain deploy/apps/prod/shop/deployment.yaml:17",
        ],
    ),
    ("completions", &["completions bash"]),
    (
        "man",
        &[
            "man | man -l -                # read pleach(1)",
            "man /usr/local/share/man/man1 # install the pages of all commands",
        ],
    ),
];

/// The command with the examples of its subcommands.
pub(super) fn add(command: Command) -> Command {
    EXAMPLES.iter().fold(command, |command, (name, lines)| {
        let lines = lines.iter().map(|it| format!("\n  pleach {it}"));
        let text = format!("Examples:{}", lines.collect::<String>());
        command.mut_subcommand(name, |it| it.after_help(text))
    })
}
