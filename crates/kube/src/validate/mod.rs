//! Validates objects as a Kubernetes API server does when they are created.
//!
//! The rules are those of kube-apiserver: strict decoding, structural schemas and CEL rules of custom resources, and the validation
//! code of Kubernetes for its own kinds. Everything that depends on a cluster (missing namespaces, quotas, webhooks) is not
//! validated.

mod builtin;
mod cel;
mod crd;
mod decode;
mod defaults;
mod embedded;
mod fault;
mod format;
mod json;
mod kinds;
pub mod kyverno;
mod lifecycle;
mod lookup;
mod metadata;
mod names;
pub mod pod_security;
pub mod policy;
mod quantity;
mod read;
mod scalars;
mod schema;
mod structural;

use std::collections::BTreeMap;

use builtin::{BuiltinCrds, Kubernetes};
pub use cel::RuleBudget;
use crd::{CustomKind, Version};
pub use decode::Encoding;
use decode::Type;
use fault::{Fault, Help, Report, class};
use json::Fields;
pub use lifecycle::Lifecycle;

use crate::object::Gvk;
use pleach_yaml::diag::{Diagnostic, is_typo};
use pleach_yaml::{Entry, FieldPath, Mapping, Node};

/// The kinds of a cluster.
#[derive(Debug)]
pub struct Catalog {
    minor: u32,
    /// Custom kinds, by group and kind.
    custom: BTreeMap<Box<str>, BTreeMap<Box<str>, CustomKind>>,
    budget: RuleBudget,
}

/// A reason why the server rejects an object, or the objects that an operator creates from it.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The error, at its location in the object.
    pub diagnostic: Diagnostic,
    /// The field in the object.
    pub field: FieldPath,
    /// Whether the server accepts it, because its schema allows anything there, but not what the operator creates from it.
    pub is_behind_operator: bool,
}

/// A change that the server rejects.
#[derive(Clone, Debug)]
pub struct RejectedChange {
    /// The error, as on the server.
    pub finding: Finding,
    /// The rule that follows the name of the field, `must …`; `None` if the field cannot be changed at all.
    pub reason: Option<String>,
}

/// The definition of a kind.
enum Kind<'c> {
    Builtin(&'c builtin::BuiltinKind, &'c schema::Schema),
    Custom(&'c CustomKind, &'c Version),
    /// The group is known, but not the kind or the version.
    Refused(Fault<'c>),
    Unknown,
}

/// The result of validating an object.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// Accepted, or rejected for these reasons.
    Checked(Vec<Finding>),
    /// The kind is unknown.
    UnknownKind,
}

impl Catalog {
    /// The built-in kinds of the nearest known minor version of Kubernetes 1; by default, the newest.
    pub fn new(minor: Option<u32>) -> Catalog {
        let kubernetes = Kubernetes::builtin();
        Catalog {
            minor: minor.map_or(kubernetes.newest(), |it| kubernetes.clamp(it)),
            custom: BTreeMap::new(),
            budget: RuleBudget::default(),
        }
    }

    /// Uses a budget for CEL rules that is shared with other catalogs.
    #[must_use]
    pub fn with_rule_budget(mut self, budget: RuleBudget) -> Catalog {
        self.budget = budget;
        self
    }

    /// Adds the kind of a CustomResourceDefinition. A later one replaces an earlier or built-in one.
    pub fn add_crd(&mut self, crd: &Node) {
        if let Some(kind) = CustomKind::read(crd) {
            let kinds = self.custom.entry(kind.group.clone()).or_default();
            kinds.insert(kind.kind.clone(), kind);
        }
    }

    /// Validates the creation of an object.
    pub fn validate(&self, object: &Node, encoding: Encoding) -> Verdict {
        self.validate_change(object, None, encoding)
    }

    /// Validates the creation of an object, or the change of an old one.
    pub fn validate_change(
        &self,
        object: &Node,
        old: Option<&Node>,
        encoding: Encoding,
    ) -> Verdict {
        let mut report = Report::new(self.minor);
        let mut embedded = Report::new(self.minor);
        let kind = object.text_or_empty("kind");
        let known = self.type_meta(object, &mut report);
        let known = match known {
            Some(Kind::Unknown) => return Verdict::UnknownKind,
            known => known,
        };
        let pool = &Kubernetes::builtin().pool;
        let metadata = Type {
            pool,
            schema: Kubernetes::builtin().metadata(self.minor),
        };
        match known {
            Some(Kind::Builtin(kind, schema)) => {
                builtin(object, Type { pool, schema }, kind, encoding, &mut report);
            }
            Some(Kind::Custom(kind, version)) => {
                let options = cel::Options {
                    encoding,
                    drops_status: version.has_status,
                    budget: &self.budget,
                };
                custom(object, old, kind, version, metadata, options, &mut report);
                embedded::validate(object, kind, encoding, &mut embedded);
            }
            Some(Kind::Refused(fault)) => report.faults.push(fault),
            _ => {}
        }
        let findings = report.faults.iter().map(|it| finding(it, object, kind));
        let mut findings: Vec<Finding> = findings.collect();
        if let Some(old) = old.filter(|_| findings.is_empty()) {
            let changes = builtin_changes(object, old);
            findings.extend(changes.into_iter().map(|it| it.finding));
        }
        let embedded = embedded.faults.iter().map(|it| Finding {
            is_behind_operator: true,
            ..finding(it, object, kind)
        });
        findings.extend(embedded);
        Verdict::Checked(findings)
    }

    /// The group and name of each kind: custom kinds, the kinds of common operators, and those of all releases of Kubernetes.
    pub fn kinds(&self) -> Vec<(&str, &str)> {
        let custom = self.custom.iter();
        let custom = custom.flat_map(|(group, kinds)| kinds.keys().map(|it| (&**group, &**it)));
        let mut kinds: Vec<(&str, &str)> = custom.collect();
        let fixed = BuiltinCrds::get()
            .all()
            .chain(Kubernetes::builtin().resources());
        fixed.for_each(|it| kinds.push(it));
        kinds
    }

    /// The minor version of Kubernetes 1 whose rules are used.
    pub fn minor(&self) -> u32 {
        self.minor
    }

    /// The deprecation of an API version: for built-in kinds, and for custom kinds whose definition marks it as deprecated.
    pub fn lifecycle(&self, gvk: &Gvk) -> Option<Lifecycle> {
        if let Some(known) = lifecycle::find(gvk) {
            return Some(known);
        }
        let kind = self.custom_kind(gvk)?;
        kind.version(&gvk.version).filter(|it| it.is_deprecated)?;
        let other = kind.versions().find(|it| !it.is_deprecated);
        Some(Lifecycle {
            deprecated: Some(0),
            removed: None,
            replacement: other.map(|it| format!("{}/{}", gvk.group, it.name)),
        })
    }

    fn custom_kind(&self, gvk: &Gvk) -> Option<&CustomKind> {
        let own = self.custom.get(&gvk.group);
        let own = own.and_then(|it| it.get(&gvk.kind));
        own.or_else(|| BuiltinCrds::get().kind(&gvk.group, &gvk.kind))
    }

    /// The kind of an object; errors in `apiVersion` and `kind` are reported.
    fn type_meta<'a>(&'a self, object: &'a Node, report: &mut Report<'a>) -> Option<Kind<'a>> {
        let mut is_named = true;
        for key in ["apiVersion", "kind"] {
            match object.field(key).map(json::Json::from_node) {
                Some(json::Json::String(text)) if !text.is_empty() => {}
                Some(json::Json::String(_)) | None => {
                    report.required(object, key);
                    is_named = false;
                }
                Some(_) => {
                    report.below(class::WRONG_TYPE, object, key, "must be a string");
                    is_named = false;
                }
            }
        }
        if !is_named {
            return None;
        }
        let version = object.text_or_empty("apiVersion");
        let kind = object.text_or_empty("kind");
        let builtin = Kubernetes::builtin().served(version, kind, self.minor);
        Some(match builtin {
            Some((kind, schema)) => Kind::Builtin(kind, schema),
            None => self.other_kind(&Gvk::new(version, kind), object),
        })
    }

    /// The kind of an object that is not built into this release of Kubernetes.
    fn other_kind<'a>(&'a self, gvk: &Gvk, object: &'a Node) -> Kind<'a> {
        let kubernetes = Kubernetes::builtin();
        if let Some(kind) = self.custom_kind(gvk) {
            return match kind.version(&gvk.version) {
                Some(version) => Kind::Custom(kind, version),
                None => {
                    let served: Vec<&str> = kind.versions().map(|it| &*it.name).collect();
                    let served = served.first().map(|it| format!("{}/{it}", gvk.group));
                    let is_own = self.custom.get(&gvk.group);
                    let is_own = is_own.is_some_and(|it| it.contains_key(&gvk.kind));
                    Kind::Refused(match is_own {
                        true => unknown_version(object, gvk, served.as_deref().map(write_version)),
                        false => not_built_in(object, gvk, served.as_deref()),
                    })
                }
            };
        }
        if let Some(removed) =
            lifecycle::find(gvk).filter(|it| it.removed.is_some_and(|at| at <= self.minor))
        {
            return Kind::Refused(removed_version(object, gvk, &removed));
        }
        let other = kubernetes
            .versions(&gvk.group, &gvk.kind, self.minor)
            .last();
        if let Some(other) = other {
            let help = Some(write_version(&other.api_version()));
            return Kind::Refused(unknown_version(object, gvk, help));
        }
        // A client sends the items of a list one by one.
        if gvk.kind.ends_with("List") && object.get("items").is_some() {
            return Kind::Unknown;
        }
        if kubernetes.has_group(&gvk.group) {
            let near = pleach_yaml::diag::nearest(&gvk.kind, kubernetes.names(gvk, self.minor));
            let release = format!(" in Kubernetes 1.{}", self.minor);
            return Kind::Refused(unknown_kind(object, gvk, near, &release));
        }
        let builtin: Vec<&str> = BuiltinCrds::get().names(&gvk.group).collect();
        let mut custom = builtin.into_iter().chain(self.names(&gvk.group));
        // Another release of an operator may have a kind with a similar name, such as `VLSingle` and `VMSingle`.
        let is_wrong = |it: &str| is_of_sync_engine(&gvk.group) && is_typo(&gvk.kind, it);
        match custom.find(|it| it.eq_ignore_ascii_case(&gvk.kind) || is_wrong(it)) {
            Some(near) => Kind::Refused(unknown_kind(object, gvk, Some(near), "")),
            None => Kind::Unknown,
        }
    }

    fn names<'g>(&'g self, group: &'g str) -> impl Iterator<Item = &'g str> {
        let kinds = self.custom.get(group).into_iter();
        kinds.flat_map(|it| it.keys()).map(|it| &**it)
    }
}

/// Whether a group is one of Flux or Argo CD, whose kinds are all known.
fn is_of_sync_engine(group: &str) -> bool {
    group == "argoproj.io" || group.ends_with(".toolkit.fluxcd.io")
}

/// Why a text cannot be the key of a label.
pub fn fault_in_label_key(text: &str) -> Option<&'static str> {
    names::qualified_name(text)
}

/// Why a text cannot be the value of a label.
pub fn fault_in_label_value(text: &str) -> Option<&'static str> {
    names::label_value(text)
}

fn removed_version<'a>(object: &'a Node, gvk: &Gvk, known: &Lifecycle) -> Fault<'a> {
    let since = known.removed.unwrap_or(0);
    let replacement = known.replacement.as_ref();
    let message = format!(
        "names `{}`, which does not serve `{}` since Kubernetes 1.{since}",
        gvk.api_version(),
        gvk.kind
    );
    Fault {
        at: object.get("apiVersion").unwrap_or(object),
        below: Vec::new(),
        class: class::REMOVED_API,
        message: message.into(),
        help: replacement.map(|it| Help::text(format!("use `{it}`; its fields may differ"))),
    }
}

fn write_version(version: &str) -> Help {
    Help::name(format!("use `apiVersion: {version}`"), version)
}

fn unknown_version<'a>(object: &'a Node, gvk: &Gvk, help: Option<Help>) -> Fault<'a> {
    let message = format!("is not a served version of `{}`", gvk.kind);
    Fault {
        at: object.get("apiVersion").unwrap_or(object),
        below: Vec::new(),
        class: class::UNKNOWN_KIND,
        message: message.into(),
        help,
    }
}

/// The error for a version that the built-in definition of a kind does not serve.
fn not_built_in<'a>(object: &'a Node, gvk: &Gvk, served: Option<&str>) -> Fault<'a> {
    const HELP: &str = "if your cluster runs another release, put its CustomResourceDefinition into the folder `crds/`";
    let help = match served {
        Some(served) => Help::name(format!("use `apiVersion: {served}`; {HELP}"), served),
        None => Help::text(HELP),
    };
    let message = format!(
        "is not a served version of `{}` in the built-in release of `{}`",
        gvk.kind, gvk.group
    );
    Fault {
        at: object.get("apiVersion").unwrap_or(object),
        below: Vec::new(),
        class: class::UNKNOWN_KIND,
        message: message.into(),
        help: Some(help),
    }
}

fn unknown_kind<'a>(object: &'a Node, gvk: &Gvk, near: Option<&str>, release: &str) -> Fault<'a> {
    let message = format!("is not a kind of `{}`{release}", gvk.api_version());
    Fault {
        at: object.get("kind").unwrap_or(object),
        below: Vec::new(),
        class: class::UNKNOWN_KIND,
        message: message.into(),
        help: near.map(Help::did_you_mean),
    }
}

/// Validates an object of a built-in kind.
fn builtin<'a>(
    object: &'a Node,
    of: Type<'a>,
    kind: &builtin::BuiltinKind,
    encoding: Encoding,
    report: &mut Report<'a>,
) {
    let missing = decode::decode(object, of, encoding, report);
    if !report.is_empty() {
        return;
    }
    report.faults.extend(missing.faults);
    let rules = kind.rules;
    let metadata = metadata::Rules {
        name: rules.map_or(names::dns_subdomain, |it| it.name(report)),
        is_name_optional: rules.is_some_and(|it| it.is_name_optional),
        is_core: rules.is_some_and(|it| it.has_core_finalizers),
        is_namespaced: kind.is_namespaced.unwrap_or(true),
    };
    metadata::validate(object, metadata, report);
    if let Some(rules) = rules {
        (rules.validate)(object, report);
    }
}

fn finding(fault: &Fault<'_>, object: &Node, kind: &str) -> Finding {
    let (diagnostic, field) = fault.diagnostic(object, kind);
    Finding {
        diagnostic,
        field,
        is_behind_operator: false,
    }
}

/// The changes of an object that the server rejects whatever the state of the cluster is: of immutable fields, and those that
/// violate a rule of the built-in definition of its kind.
pub fn rejected_changes(object: &Node, old: &Node) -> Vec<RejectedChange> {
    let mut changes = builtin_changes(object, old);
    let gvk = gvk_of(object);
    let Some(kind) = BuiltinCrds::get().kind(&gvk.group, &gvk.kind) else {
        return changes;
    };
    let Some(version) = kind.version(&gvk.version) else {
        return changes;
    };
    let schema = kind.schema(version);
    let budget = RuleBudget::default();
    let mut report = Report::default();
    if schema.flags.has_rules {
        let options = cel::Options {
            encoding: Encoding::Yaml,
            drops_status: version.has_status,
            budget: &budget,
        };
        cel::transitions(object, old, &kind.pool, schema, options, &mut report);
    }
    let broken = report.faults.iter();
    let broken = broken.filter(|it| it.class == class::BROKEN_RULE);
    changes.extend(broken.map(|it| RejectedChange {
        finding: finding(it, object, &gvk.kind),
        reason: Some(it.message.to_string()),
    }));
    changes
}

fn builtin_changes(object: &Node, old: &Node) -> Vec<RejectedChange> {
    let gvk = gvk_of(object);
    let Some(rules) = kinds::find(&gvk) else {
        return Vec::new();
    };
    // Most changes are in the pods of workloads, of which only those of a Job are immutable.
    let compared = |it: &Node| match &*gvk.kind {
        "Job" => it.clone(),
        _ => without_template(it),
    };
    let (new, old) = (compared(object), compared(old));
    if new.same_data(&old) {
        return Vec::new();
    }
    let [new, old] = [new, old].map(defaults::defaulted);
    let mut report = Report::default();
    rules.changes(&new, &old, &mut report);
    let changes = report.faults.iter().map(|it| RejectedChange {
        finding: finding(it, &new, &gvk.kind),
        reason: (it.class != class::IMMUTABLE_FIELD).then(|| it.message.to_string()),
    });
    changes.collect()
}

/// A copy of an object without `spec.template`.
fn without_template(object: &Node) -> Node {
    let Some(fields) = object.as_mapping() else {
        return object.clone();
    };
    let fields = fields.iter().map(|it| match it.value.as_mapping() {
        Some(spec) if it.key.as_str() == Some("spec") => {
            let kept = spec.iter().filter(|it| it.key.as_str() != Some("template"));
            let kept = Mapping::from_entries(kept.cloned().collect());
            let spec = Node::mapping(kept).at(it.value.span());
            Entry {
                key: it.key.clone(),
                value: spec,
            }
        }
        _ => it.clone(),
    });
    let fields = Mapping::from_entries(fields.collect());
    Node::mapping(fields).at(object.span())
}

fn gvk_of(object: &Node) -> Gvk {
    Gvk::new(
        object.text_or_empty("apiVersion"),
        object.text_or_empty("kind"),
    )
}

/// Validates an object of a custom kind.
fn custom<'a>(
    object: &'a Node,
    old: Option<&'a Node>,
    kind: &'a CustomKind,
    version: &'a Version,
    metadata: Type<'a>,
    options: cel::Options<'a>,
    report: &mut Report<'a>,
) {
    if let Some(value) = object.field("metadata") {
        decode::decode(value, metadata, options.encoding, report);
    }
    let (pool, schema) = (&kind.pool, kind.schema(version));
    let is_decoded = report.is_empty();
    let mut structural = structural::Structural {
        pool,
        report,
        metadata,
        drops_status: version.has_status,
    };
    structural.root(object, schema);
    if is_decoded {
        let rules = metadata::Rules {
            name: names::dns_subdomain,
            is_name_optional: false,
            is_core: false,
            is_namespaced: kind.is_namespaced,
        };
        metadata::validate(object, rules, report);
    }
    if let Some(scale) = &version.scale {
        scale_fields(object, scale, options.encoding, report);
    }
    // With missing fields or wrong types, rules are not evaluated.
    let is_typed = report.faults.iter().all(|it| !it.class.is_about_types());
    if is_typed && schema.flags.has_rules {
        cel::rules(object, old, pool, schema, options, report);
    }
}

/// The server validates the numbers of the scale subresource independent of the schema.
fn scale_fields<'a>(
    object: &'a Node,
    scale: &crd::Scale,
    encoding: Encoding,
    report: &mut Report<'a>,
) {
    for keys in [&scale.spec_replicas, &scale.status_replicas] {
        let keys: Vec<&str> = keys.iter().map(|it| &**it).collect();
        let Some(value) = object.at_keys(&keys).filter(|it| !it.is_null()) else {
            continue;
        };
        match json::integer(value) {
            Some(number) if !(0..=i64::from(i32::MAX)).contains(&number) => {
                report.invalid(value, "must be an integer from 0 to 2147483647");
            }
            _ if encoding == Encoding::Json
                && matches!(json::Json::from_node(value), json::Json::Float(_)) =>
            {
                report.push(class::WRONG_TYPE, value, "must be an integer");
            }
            _ => {}
        }
    }
}
