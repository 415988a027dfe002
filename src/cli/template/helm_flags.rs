//! The flags of `helm template` that are not supported. Each is rejected, or causes a warning if it does not affect the output.
//!
//! [`FLAGS`] lists the flags of Helm 3.19 and 4 with the reasons.

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use pleach::diag::{Diagnostic, Diagnostics};

/// The form of a flag's value.
#[derive(Clone, Copy)]
enum FlagValue {
    /// No value, or `=true` or `=false`.
    Bool,
    /// A required value.
    Text,
    /// No value, or `=VALUE`; with the default if there is no value.
    Optional(&'static str),
}

/// The response to a flag.
#[derive(Clone, Copy)]
enum Handling {
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
    takes: FlagValue,
    answer: Handling,
}

const fn flag(name: &'static str, takes: FlagValue, answer: Handling) -> HelmFlag {
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

const CLUSTER: Handling = Handling::Refused(
    "rendering does not connect to a cluster; use `pleach check` to validate against schemas",
);
const PROGRAMS: Handling =
    Handling::Refused("rendering does not run other programs; pipe the output into one");
const FILES: Handling = Handling::Refused("the manifests are printed; redirect them to a file");
const PULLS: Handling = Handling::Refused("rendering does not pull charts; use `pleach vendor`");
const INSTALLS: Handling = Handling::Unused("rendering does not install anything");
const CONNECTION: Handling = Handling::Unused("rendering does not connect to a cluster");
const SETTINGS: Handling =
    Handling::Unused("rendering does not pull charts and does not read Helm's settings");
const NOTES: Handling = Handling::Unused("the notes of charts are not printed");

/// All flags of Helm that [`super::Arguments`] does not have.
const FLAGS: &[HelmFlag] = &[
    flag("validate", FlagValue::Bool, CLUSTER),
    flag("post-renderer", FlagValue::Text, PROGRAMS),
    flag("post-renderer-args", FlagValue::Text, PROGRAMS),
    flag("output-dir", FlagValue::Text, FILES),
    flag("release-name", FlagValue::Bool, FILES),
    flag(
        "dependency-update",
        FlagValue::Bool,
        Handling::Refused("rendering does not pull charts; run `helm dependency update`"),
    ),
    flag(
        "enable-dns",
        FlagValue::Bool,
        Handling::Refused("rendering does not use the network"),
    ),
    flag("verify", FlagValue::Bool, PULLS),
    flag("keyring", FlagValue::Text, PULLS),
    flag("username", FlagValue::Text, PULLS),
    flag("password", FlagValue::Text, PULLS),
    flag("cert-file", FlagValue::Text, PULLS),
    flag("key-file", FlagValue::Text, PULLS),
    flag("ca-file", FlagValue::Text, PULLS),
    flag("insecure-skip-tls-verify", FlagValue::Bool, PULLS),
    flag("plain-http", FlagValue::Bool, PULLS),
    flag("pass-credentials", FlagValue::Bool, PULLS),
    flag("kubeconfig", FlagValue::Text, Handling::Namespace),
    flag("kube-context", FlagValue::Text, Handling::Namespace),
    flag("kube-token", FlagValue::Text, CONNECTION),
    flag("kube-as-user", FlagValue::Text, CONNECTION),
    flag("kube-as-group", FlagValue::Text, CONNECTION),
    flag("kube-apiserver", FlagValue::Text, CONNECTION),
    flag("kube-ca-file", FlagValue::Text, CONNECTION),
    flag("kube-tls-server-name", FlagValue::Text, CONNECTION),
    flag("kube-insecure-skip-tls-verify", FlagValue::Bool, CONNECTION),
    flag("burst-limit", FlagValue::Text, CONNECTION),
    flag("qps", FlagValue::Text, CONNECTION),
    flag("registry-config", FlagValue::Text, SETTINGS),
    flag("repository-config", FlagValue::Text, SETTINGS),
    flag("repository-cache", FlagValue::Text, SETTINGS),
    flag("content-cache", FlagValue::Text, SETTINGS),
    flag(
        "debug",
        FlagValue::Bool,
        Handling::Unused("errors always have their location in the chart"),
    ),
    flag("create-namespace", FlagValue::Bool, INSTALLS),
    flag("force", FlagValue::Bool, INSTALLS),
    flag("force-replace", FlagValue::Bool, INSTALLS),
    flag("force-conflicts", FlagValue::Bool, INSTALLS),
    flag("server-side", FlagValue::Optional("true"), INSTALLS),
    flag("replace", FlagValue::Bool, INSTALLS),
    flag("timeout", FlagValue::Text, INSTALLS),
    flag("wait", FlagValue::Optional("watcher"), INSTALLS),
    flag("wait-for-jobs", FlagValue::Bool, INSTALLS),
    flag("description", FlagValue::Text, INSTALLS),
    flag("rollback-on-failure", FlagValue::Bool, INSTALLS),
    flag("atomic", FlagValue::Bool, INSTALLS),
    flag("take-ownership", FlagValue::Bool, INSTALLS),
    short(flag("labels", FlagValue::Text, INSTALLS), 'l'),
    flag(
        "skip-crds",
        FlagValue::Bool,
        Handling::Unused("the files of `crds/` are only printed with `--include-crds`"),
    ),
    short(
        flag(
            "generate-name",
            FlagValue::Bool,
            Handling::Unused("the default name of a release is `release-name`"),
        ),
        'g',
    ),
    flag(
        "disable-openapi-validation",
        FlagValue::Bool,
        Handling::Unused("rendering does not validate; use `pleach check`"),
    ),
    flag("render-subchart-notes", FlagValue::Bool, NOTES),
    flag("hide-notes", FlagValue::Bool, NOTES),
    flag(
        "colour",
        FlagValue::Text,
        Handling::Refused("use `--color WHEN`"),
    ),
];

/// Values that turn a flag off.
const FALSE_VALUES: [&str; 7] = ["false", "False", "FALSE", "f", "F", "0", "hookOnly"];

/// The flags of [`FLAGS`] that were given.
#[derive(Clone, Debug, Default)]
pub(super) struct HelmFlags(Vec<&'static str>);

impl HelmFlags {
    /// Whether a flag was given.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains(&name)
    }

    /// An error for an unsupported flag; warnings for flags without effect.
    pub(super) fn check(&self, has_namespace: bool) -> anyhow::Result<Diagnostics> {
        let mut warnings = Diagnostics::default();
        for flag in FLAGS.iter().filter(|it| self.has(it.name)) {
            let name = flag.name;
            let reason = match flag.answer {
                Handling::Refused(reason) => anyhow::bail!("`--{name}` is not supported: {reason}"),
                Handling::Namespace if !has_namespace => anyhow::bail!(
                    "`--{name}` is not supported: rendering does not read a kubeconfig; set `--namespace`"
                ),
                Handling::Namespace => "rendering does not connect to a cluster",
                Handling::Unused(reason) => reason,
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
                FlagValue::Text => last.is_some(),
                FlagValue::Bool | FlagValue::Optional(_) => {
                    last.is_some_and(|it| !FALSE_VALUES.contains(&&**it))
                }
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
                FlagValue::Text => return command.arg(argument),
                FlagValue::Bool => "true",
                FlagValue::Optional(value) => value,
            };
            argument = argument
                .num_args(0..=1)
                .require_equals(true)
                .default_missing_value(of_nothing);
            if matches!(flag.takes, FlagValue::Bool) {
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
