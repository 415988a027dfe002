//! Every flag of `helm template` 3.19 and 4 is applied, ignored with a warning, or refused with a reason.

use std::fs;

use crate::program::pleach;

/// How pleach treats a flag.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Treatment {
    /// The flag has its effect, without a message.
    Applied,
    /// The manifests are printed, with a warning that names the flag.
    Ignored,
    /// Nothing is printed, and the error names the flag.
    Refused,
}
use Treatment::{Applied, Ignored, Refused};

/// The flags of `helm template`, including Helm's global flags.
const FLAGS: &[(&[&str], Treatment)] = &[
    (&["--api-versions", "a/v1"], Applied),
    (&["-a", "a/v1,b/v1"], Applied),
    (&["--atomic"], Ignored),
    (&["--burst-limit", "5"], Ignored),
    (&["--ca-file", "f"], Refused),
    (&["--cert-file", "f"], Refused),
    (&["--color", "never"], Applied),
    (&["--colour", "never"], Refused),
    (&["--content-cache", "d"], Ignored),
    (&["--create-namespace"], Ignored),
    (&["--create-namespace=false"], Applied),
    (&["--debug"], Ignored),
    (&["--dependency-update"], Refused),
    (&["--description", "d"], Ignored),
    (&["--devel"], Ignored),
    (&["--disable-openapi-validation"], Ignored),
    (&["--dry-run"], Applied),
    (&["--dry-run=client"], Applied),
    (&["--dry-run=none"], Refused),
    (&["--dry-run=server"], Refused),
    (&["--enable-dns"], Refused),
    (&["--force"], Ignored),
    (&["--force-conflicts"], Ignored),
    (&["--force-replace"], Ignored),
    (&["--generate-name"], Ignored),
    (&["-g"], Ignored),
    (&["--hide-notes"], Ignored),
    (&["--include-crds"], Applied),
    (&["--include-crds=true"], Applied),
    (&["--insecure-skip-tls-verify"], Refused),
    (&["--is-upgrade"], Applied),
    (&["--key-file", "f"], Refused),
    (&["--keyring", "f"], Refused),
    (
        &["--kube-version", "1.30", "--kube-version", "1.31"],
        Applied,
    ),
    (&["--namespace", "a", "-n", "b"], Applied),
    (&["--name-template", "a", "--name-template", "b"], Applied),
    (&["--include-crds", "--include-crds=false"], Applied),
    (&["--dry-run=none", "--dry-run=client"], Applied),
    (&["--timeout", "5m", "--timeout", "6m"], Ignored),
    (&["--kube-apiserver", "a"], Ignored),
    (&["--kube-as-group", "a"], Ignored),
    (&["--kube-as-user", "a"], Ignored),
    (&["--kube-ca-file", "a"], Ignored),
    (&["--kube-context", "a"], Refused),
    (&["--kube-context", "a", "--namespace", "b"], Ignored),
    (&["--kube-insecure-skip-tls-verify"], Ignored),
    (&["--kube-tls-server-name", "a"], Ignored),
    (&["--kube-token", "a"], Ignored),
    (&["--kube-version", "1.30.0"], Applied),
    (&["--kubeconfig", "a"], Refused),
    (&["--kubeconfig", "a", "-n", "b"], Ignored),
    (&["--labels", "a=b"], Ignored),
    (&["-l", "a=b"], Ignored),
    (&["--name-template", "web"], Applied),
    (&["--namespace", "a"], Applied),
    (&["--no-hooks"], Applied),
    (&["--output-dir", "d"], Refused),
    (&["--pass-credentials"], Refused),
    (&["--password", "p"], Refused),
    (&["--plain-http"], Refused),
    (&["--post-renderer", "p"], Refused),
    (&["--post-renderer-args", "p"], Refused),
    (&["--qps", "5"], Ignored),
    (&["--registry-config", "f"], Ignored),
    (&["--release-name"], Refused),
    (&["--render-subchart-notes"], Ignored),
    (&["--replace"], Ignored),
    (&["--repo", "https://charts.example.org"], Ignored),
    (&["--repository-cache", "d"], Ignored),
    (&["--repository-config", "f"], Ignored),
    (&["--rollback-on-failure"], Ignored),
    (&["--server-side"], Ignored),
    (&["--server-side=false"], Applied),
    (&["--set", "a=b"], Applied),
    (&["--set-file", "a=values.yaml"], Applied),
    (&["--set-json", "a=1"], Applied),
    (&["--set-literal", "a=b"], Applied),
    (&["--set-string", "a=b"], Applied),
    (&["--show-only", "templates/a.yaml"], Applied),
    (&["-s", "templates/a.yaml"], Applied),
    (&["--skip-crds"], Ignored),
    (&["--skip-crds", "--include-crds"], Ignored),
    (&["--skip-schema-validation"], Applied),
    (&["--skip-tests"], Applied),
    (&["--take-ownership"], Ignored),
    (&["--timeout", "5m"], Ignored),
    (&["--username", "u"], Refused),
    (&["--validate"], Refused),
    (&["--validate=false"], Applied),
    (&["--values", "values.yaml"], Applied),
    (&["-f", "values.yaml"], Applied),
    (&["--verify"], Refused),
    (&["--version", "1.0.0"], Ignored),
    (&["--wait"], Ignored),
    (&["--wait=hookOnly"], Applied),
    (&["--wait-for-jobs"], Ignored),
];

#[test]
fn no_helm_flag_is_ignored_silently() {
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
    for (flags, treatment) in FLAGS {
        let output = pleach(folder.path(), &[&["template", "web"], *flags].concat());
        let printed = String::from_utf8(output.stderr).unwrap();
        let name = flags[0].split('=').next().unwrap();
        // A short flag is named by its long form.
        let is_named = name.len() == 2 || printed.contains(name);
        let found = match (output.status.code(), output.stdout.is_empty()) {
            (Some(0), false) if printed.is_empty() => Some(Applied),
            (Some(0), false) if is_named && printed.contains("has no effect") => Some(Ignored),
            (Some(2), true) if is_named && !printed.contains("unexpected argument") => {
                Some(Refused)
            }
            _ => None,
        };
        if found != Some(*treatment) {
            wrong.push(format!("{flags:?}: {found:?}: {printed}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
