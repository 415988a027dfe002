//! The flags of `helm template` that are not supported. Each is rejected, or causes a warning if it does not affect the output.
//!
//! [`FLAGS`] lists the flags of Helm 3.19 and 4 with the reasons.

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use pleach::diag::{Diagnostic, Diagnostics};

/// The form of a flag's value.
#[derive(Clone, Copy)]
enum Takes {
    /// No value, or `=true` or `=false`.
    Bool,
    /// A required value.
    Text,
    /// No value, or `=VALUE`; with the default if there is no value.
    Optional(&'static str),
}

/// The response to a flag.
#[derive(Clone, Copy)]
enum Answer {
    /// An error. The text says what to do instead.
    Refused(&'static str),
    /// A warning. The flag does not affect the output of Helm either.
    Unused(&'static str),
    /// An error if no namespace is given, because Helm would read it from the kubeconfig; otherwise a warning.
    Namespace,
}

/// A flag of Helm.
struct HelmFlag {
    name: &'static str,
    short: Option<char>,
    takes: Takes,
    answer: Answer,
}

const fn flag(name: &'static str, takes: Takes, answer: Answer) -> HelmFlag {
    HelmFlag {
        name,
        short: None,
        takes,
        answer,
    }
}

const fn short(flag: HelmFlag, short: char) -> HelmFlag {
    HelmFlag {
        short: Some(short),
        ..flag
    }
}

const CLUSTER: Answer = Answer::Refused(
    "rendering does not connect to a cluster; use `pleach check` to validate against schemas",
);
const PROGRAMS: Answer =
    Answer::Refused("rendering does not run other programs; pipe the output into one");
const FILES: Answer = Answer::Refused("the manifests are printed; redirect them to a file");
const PULLS: Answer = Answer::Refused("rendering does not pull charts; use `pleach vendor`");
const INSTALLS: Answer = Answer::Unused("rendering does not install anything");
const CONNECTION: Answer = Answer::Unused("rendering does not connect to a cluster");
const SETTINGS: Answer =
    Answer::Unused("rendering does not pull charts and does not read Helm's settings");
const NOTES: Answer = Answer::Unused("the notes of charts are not printed");

/// All flags of Helm that [`super::Arguments`] does not have.
const FLAGS: &[HelmFlag] = &[
    flag("validate", Takes::Bool, CLUSTER),
    flag("post-renderer", Takes::Text, PROGRAMS),
    flag("post-renderer-args", Takes::Text, PROGRAMS),
    flag("output-dir", Takes::Text, FILES),
    flag("release-name", Takes::Bool, FILES),
    flag(
        "dependency-update",
        Takes::Bool,
        Answer::Refused("rendering does not pull charts; run `helm dependency update`"),
    ),
    flag(
        "enable-dns",
        Takes::Bool,
        Answer::Refused("rendering does not use the network"),
    ),
    flag("verify", Takes::Bool, PULLS),
    flag("keyring", Takes::Text, PULLS),
    flag("username", Takes::Text, PULLS),
    flag("password", Takes::Text, PULLS),
    flag("cert-file", Takes::Text, PULLS),
    flag("key-file", Takes::Text, PULLS),
    flag("ca-file", Takes::Text, PULLS),
    flag("insecure-skip-tls-verify", Takes::Bool, PULLS),
    flag("plain-http", Takes::Bool, PULLS),
    flag("pass-credentials", Takes::Bool, PULLS),
    flag("kubeconfig", Takes::Text, Answer::Namespace),
    flag("kube-context", Takes::Text, Answer::Namespace),
    flag("kube-token", Takes::Text, CONNECTION),
    flag("kube-as-user", Takes::Text, CONNECTION),
    flag("kube-as-group", Takes::Text, CONNECTION),
    flag("kube-apiserver", Takes::Text, CONNECTION),
    flag("kube-ca-file", Takes::Text, CONNECTION),
    flag("kube-tls-server-name", Takes::Text, CONNECTION),
    flag("kube-insecure-skip-tls-verify", Takes::Bool, CONNECTION),
    flag("burst-limit", Takes::Text, CONNECTION),
    flag("qps", Takes::Text, CONNECTION),
    flag("registry-config", Takes::Text, SETTINGS),
    flag("repository-config", Takes::Text, SETTINGS),
    flag("repository-cache", Takes::Text, SETTINGS),
    flag("content-cache", Takes::Text, SETTINGS),
    flag(
        "debug",
        Takes::Bool,
        Answer::Unused("errors always have their location in the chart"),
    ),
    flag("create-namespace", Takes::Bool, INSTALLS),
    flag("force", Takes::Bool, INSTALLS),
    flag("force-replace", Takes::Bool, INSTALLS),
    flag("force-conflicts", Takes::Bool, INSTALLS),
    flag("server-side", Takes::Optional("true"), INSTALLS),
    flag("replace", Takes::Bool, INSTALLS),
    flag("timeout", Takes::Text, INSTALLS),
    flag("wait", Takes::Optional("watcher"), INSTALLS),
    flag("wait-for-jobs", Takes::Bool, INSTALLS),
    flag("description", Takes::Text, INSTALLS),
    flag("rollback-on-failure", Takes::Bool, INSTALLS),
    flag("atomic", Takes::Bool, INSTALLS),
    flag("take-ownership", Takes::Bool, INSTALLS),
    short(flag("labels", Takes::Text, INSTALLS), 'l'),
    flag(
        "skip-crds",
        Takes::Bool,
        Answer::Unused("the files of `crds/` are only printed with `--include-crds`"),
    ),
    short(
        flag(
            "generate-name",
            Takes::Bool,
            Answer::Unused("the default name of a release is `release-name`"),
        ),
        'g',
    ),
    flag(
        "disable-openapi-validation",
        Takes::Bool,
        Answer::Unused("rendering does not validate; use `pleach check`"),
    ),
    flag("render-subchart-notes", Takes::Bool, NOTES),
    flag("hide-notes", Takes::Bool, NOTES),
    flag("colour", Takes::Text, Answer::Refused("use `--color WHEN`")),
];

/// Values that turn a flag off.
const OFF: [&str; 7] = ["false", "False", "FALSE", "f", "F", "0", "hookOnly"];

/// The flags of [`FLAGS`] that were given.
#[derive(Clone, Debug, Default)]
pub(super) struct HelmFlags(Vec<&'static str>);

impl HelmFlags {
    /// Whether a flag was given.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains(&name)
    }

    /// An error for an unsupported flag; warnings for flags without effect.
    pub(super) fn answer(&self, has_namespace: bool) -> anyhow::Result<Diagnostics> {
        let mut warnings = Diagnostics::default();
        for flag in FLAGS.iter().filter(|it| self.has(it.name)) {
            let name = flag.name;
            let reason = match flag.answer {
                Answer::Refused(reason) => anyhow::bail!("`--{name}` is not supported: {reason}"),
                Answer::Namespace if !has_namespace => anyhow::bail!(
                    "`--{name}` is not supported: rendering does not read a kubeconfig; set `--namespace`"
                ),
                Answer::Namespace => "rendering does not connect to a cluster",
                Answer::Unused(reason) => reason,
            };
            let message = format!("`--{name}` has no effect: {reason}");
            warnings.push(Diagnostic::warning("unused-flag", message).help("remove it"));
        }
        Ok(warnings)
    }
}

impl FromArgMatches for HelmFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<HelmFlags, clap::Error> {
        let is_on = |it: &&HelmFlag| {
            let values = matches.get_many::<String>(it.name);
            let last = values.and_then(Iterator::last);
            match it.takes {
                Takes::Text => last.is_some(),
                Takes::Bool | Takes::Optional(_) => last.is_some_and(|it| !OFF.contains(&&**it)),
            }
        };
        let given = FLAGS.iter().filter(is_on).map(|it| it.name);
        Ok(HelmFlags(given.collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = HelmFlags::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for HelmFlags {
    fn augment_args(command: Command) -> Command {
        FLAGS.iter().fold(command, |command, flag| {
            let mut argument = Arg::new(flag.name)
                .long(flag.name)
                .hide(true)
                .action(ArgAction::Append);
            if let Some(short) = flag.short {
                argument = argument.short(short);
            }
            let of_nothing = match flag.takes {
                Takes::Text => return command.arg(argument),
                Takes::Bool => "true",
                Takes::Optional(value) => value,
            };
            argument = argument
                .num_args(0..=1)
                .require_equals(true)
                .default_missing_value(of_nothing);
            if matches!(flag.takes, Takes::Bool) {
                argument = argument.value_parser(parse_bool_text);
            }
            command.arg(argument)
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        HelmFlags::augment_args(command)
    }
}

fn parse_bool_text(text: &str) -> Result<String, String> {
    parse_bool(text).map(|_| text.to_string())
}

/// Parses the value of a boolean flag like Go's `strconv.ParseBool`.
pub(super) fn parse_bool(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err("expected `true` or `false`".to_string()),
    }
}

/// Validates the value of `--dry-run`, which does not change the output.
pub(super) fn check_dry_run(value: &str) -> anyhow::Result<()> {
    match value {
        "client" | "true" | "1" | "t" | "T" | "TRUE" | "True" => Ok(()),
        "server" => anyhow::bail!(
            "`--dry-run=server` is not supported: rendering does not connect to a cluster; use `pleach check` to validate against schemas"
        ),
        _ => anyhow::bail!("invalid value `{value}` of `--dry-run`, expected `client`"),
    }
}
