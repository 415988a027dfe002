//! Every flag of `helm template` 3.19 and 4: done, refused with a reason, or noted as one without effect.

use std::fs;

use crate::cli::pleach;

/// What becomes of a flag.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Answer {
    /// It is done, and nothing is said.
    Done,
    /// The manifests are printed, with a warning that names the flag.
    Noted,
    /// Nothing is printed, and the error names the flag.
    Refused,
}
use Answer::{Done, Noted, Refused};

/// The flags of Helm's `template`, those of all of its commands too.
const FLAGS: &[(&[&str], Answer)] = &[
    (&["--api-versions", "a/v1"], Done),
    (&["-a", "a/v1,b/v1"], Done),
    (&["--atomic"], Noted),
    (&["--burst-limit", "5"], Noted),
    (&["--ca-file", "f"], Refused),
    (&["--cert-file", "f"], Refused),
    (&["--color", "never"], Done),
    (&["--colour", "never"], Refused),
    (&["--content-cache", "d"], Noted),
    (&["--create-namespace"], Noted),
    (&["--create-namespace=false"], Done),
    (&["--debug"], Noted),
    (&["--dependency-update"], Refused),
    (&["--description", "d"], Noted),
    (&["--devel"], Noted),
    (&["--disable-openapi-validation"], Noted),
    (&["--dry-run"], Done),
    (&["--dry-run=client"], Done),
    (&["--dry-run=none"], Refused),
    (&["--dry-run=server"], Refused),
    (&["--enable-dns"], Refused),
    (&["--force"], Noted),
    (&["--force-conflicts"], Noted),
    (&["--force-replace"], Noted),
    (&["--generate-name"], Noted),
    (&["-g"], Noted),
    (&["--hide-notes"], Noted),
    (&["--include-crds"], Done),
    (&["--include-crds=true"], Done),
    (&["--insecure-skip-tls-verify"], Refused),
    (&["--is-upgrade"], Done),
    (&["--key-file", "f"], Refused),
    (&["--keyring", "f"], Refused),
    (&["--kube-apiserver", "a"], Noted),
    (&["--kube-as-group", "a"], Noted),
    (&["--kube-as-user", "a"], Noted),
    (&["--kube-ca-file", "a"], Noted),
    (&["--kube-context", "a"], Refused),
    (&["--kube-context", "a", "--namespace", "b"], Noted),
    (&["--kube-insecure-skip-tls-verify"], Noted),
    (&["--kube-tls-server-name", "a"], Noted),
    (&["--kube-token", "a"], Noted),
    (&["--kube-version", "1.30.0"], Done),
    (&["--kubeconfig", "a"], Refused),
    (&["--kubeconfig", "a", "-n", "b"], Noted),
    (&["--labels", "a=b"], Noted),
    (&["-l", "a=b"], Noted),
    (&["--name-template", "web"], Done),
    (&["--namespace", "a"], Done),
    (&["--no-hooks"], Done),
    (&["--output-dir", "d"], Refused),
    (&["--pass-credentials"], Refused),
    (&["--password", "p"], Refused),
    (&["--plain-http"], Refused),
    (&["--post-renderer", "p"], Refused),
    (&["--post-renderer-args", "p"], Refused),
    (&["--qps", "5"], Noted),
    (&["--registry-config", "f"], Noted),
    (&["--release-name"], Refused),
    (&["--render-subchart-notes"], Noted),
    (&["--replace"], Noted),
    (&["--repo", "https://charts.example.org"], Noted),
    (&["--repository-cache", "d"], Noted),
    (&["--repository-config", "f"], Noted),
    (&["--rollback-on-failure"], Noted),
    (&["--server-side"], Noted),
    (&["--server-side=false"], Done),
    (&["--set", "a=b"], Done),
    (&["--set-file", "a=values.yaml"], Done),
    (&["--set-json", "a=1"], Done),
    (&["--set-literal", "a=b"], Done),
    (&["--set-string", "a=b"], Done),
    (&["--show-only", "templates/a.yaml"], Done),
    (&["-s", "templates/a.yaml"], Done),
    (&["--skip-crds"], Noted),
    (&["--skip-crds", "--include-crds"], Noted),
    (&["--skip-schema-validation"], Done),
    (&["--skip-tests"], Done),
    (&["--take-ownership"], Noted),
    (&["--timeout", "5m"], Noted),
    (&["--username", "u"], Refused),
    (&["--validate"], Refused),
    (&["--validate=false"], Done),
    (&["--values", "values.yaml"], Done),
    (&["-f", "values.yaml"], Done),
    (&["--verify"], Refused),
    (&["--version", "1.0.0"], Noted),
    (&["--wait"], Noted),
    (&["--wait=hookOnly"], Done),
    (&["--wait-for-jobs"], Noted),
];

#[test]
fn no_flag_of_helm_is_swallowed() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    fs::create_dir_all(place("web/templates")).unwrap();
    fs::write(
        place("web/Chart.yaml"),
        "{apiVersion: v2, name: web, version: 1.0.0}",
    )
    .unwrap();
    fs::write(place("web/templates/a.yaml"), "kind: A\n").unwrap();
    fs::write(place("values.yaml"), "a: 1\n").unwrap();
    let mut wrong = Vec::new();
    for (flags, answer) in FLAGS {
        let output = pleach(folder.path(), &[&["template", "web"], *flags].concat());
        let said = String::from_utf8(output.stderr).unwrap();
        let name = flags[0].split('=').next().unwrap();
        // A short flag is named by its long form.
        let is_named = name.len() == 2 || said.contains(name);
        let found = match (output.status.code(), output.stdout.is_empty()) {
            (Some(0), false) if said.is_empty() => Some(Done),
            (Some(0), false) if is_named && said.contains("has no effect") => Some(Noted),
            (Some(2), true) if is_named && !said.contains("unexpected argument") => Some(Refused),
            _ => None,
        };
        if found != Some(*answer) {
            wrong.push(format!("{flags:?}: {found:?}: {said}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
