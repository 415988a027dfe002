//! Selectors of resources: patterns for kind, name and namespace, and requirements on labels and annotations.

use pleach_kube::object::{Gvk, Object};
use pleach_kube::schema::Schemas;
use pleach_yaml::diag::Diagnostic;
use pleach_yaml::{Mapping, Node};

use super::kustomization::Target;
use super::pattern::Pattern;
use super::record::Text;
use super::resource::Resource;
use super::resources::Resources;

/// Selects resources. Patterns are regular expressions that must match completely; an empty one matches everything.
pub(super) struct Selector {
    group: Pattern,
    version: Pattern,
    kind: Pattern,
    name: Pattern,
    namespace: Pattern,
    labels: Vec<Requirement>,
    annotations: Vec<Requirement>,
}

/// A partial identity of a resource, as written.
pub(super) struct Identity<'a> {
    pub(super) kind: &'a str,
    pub(super) name: &'a str,
    pub(super) namespace: &'a str,
}

/// Suggests the nearest existing name, kind or namespace.
pub(super) fn did_you_mean(
    fault: Diagnostic,
    identity: &Identity<'_>,
    resources: &Resources,
) -> Diagnostic {
    // Without a namespace, a selector selects those of all namespaces.
    if !identity.namespace.is_empty()
        && let Some(help) = wrong_namespace(identity, resources)
    {
        return fault.help(help);
    }
    let known = |of: fn(&Object) -> &str| resources.iter().map(move |it| of(&it.object));
    let fields = [
        (identity.kind, known(Object::kind)),
        (identity.name, known(Object::name)),
        (identity.namespace, known(Object::namespace)),
    ];
    let fault = fields.into_iter().fold(fault, |fault, (name, known)| {
        let mut named = known.clone();
        match name.is_empty() || named.any(|it| it == name) {
            true => fault,
            false => fault.did_you_mean(name, known),
        }
    });
    match fault.help.is_empty() {
        true => fault
            .help("correct the kind, name, namespace, labels or annotations, or remove the entry"),
        false => fault,
    }
}

/// The help if a resource with this kind and name exists, but in another namespace.
pub(super) fn wrong_namespace(identity: &Identity<'_>, resources: &Resources) -> Option<String> {
    let is_it = |it: &&Resource| {
        let object = &it.object;
        object.name() == identity.name
            && (identity.kind.is_empty() || object.kind() == identity.kind)
            && written_namespace(object) != identity.namespace
    };
    let Identity { kind, name, .. } = identity;
    let found = resources.iter().filter(|_| !name.is_empty()).find(is_it)?;
    let named = match kind.is_empty() {
        true => format!("`{name}`"),
        false => format!("{kind} `{name}`"),
    };
    Some(match written_namespace(&found.object) {
        "" => format!(
            "{named} has no namespace: remove `namespace: {}`",
            identity.namespace
        ),
        namespace => {
            format!("{named} is in namespace `{namespace}`: write `namespace: {namespace}`")
        }
    })
}

fn written_namespace(object: &Object) -> &str {
    let namespace = object.node.at_keys(&["metadata", "namespace"]);
    namespace.and_then(Node::as_str).unwrap_or("")
}

impl Selector {
    pub(super) fn new(target: &Target) -> Result<Selector, Diagnostic> {
        let requirements = |field: &Text| requirements(field).map_err(|it| it.at(field));
        Ok(Selector {
            group: Pattern::read(&target.gvk.group)?,
            version: Pattern::read(&target.gvk.version)?,
            kind: Pattern::read(&target.gvk.kind)?,
            name: Pattern::read(&target.name)?,
            namespace: Pattern::read(&target.namespace)?,
            labels: requirements(&target.label_selector)?,
            annotations: requirements(&target.annotation_selector)?,
        })
    }

    /// The only name that it can select, if it is not a pattern.
    pub(super) fn exact_name(&self) -> Option<&str> {
        match &self.name {
            Pattern::Exactly(name) => Some(name),
            _ => None,
        }
    }

    /// Whether kind, name and namespace are all unrestricted.
    pub(super) fn is_open(&self) -> bool {
        [
            &self.group,
            &self.version,
            &self.kind,
            &self.name,
            &self.namespace,
        ]
        .iter()
        .all(|it| matches!(it, Pattern::Any))
    }

    /// Whether it has requirements on labels or annotations.
    pub(super) fn has_requirements(&self) -> bool {
        !self.labels.is_empty() || !self.annotations.is_empty()
    }

    /// Whether it selects a resource, by its original or its current name and namespace.
    pub(super) fn matches(&self, resource: &Resource, schemas: &Schemas) -> bool {
        let object = &resource.object;
        // An overlay may select by the name in the base's files or by the one with prefixes.
        (self.name.matches(resource.original_name()) || self.name.matches(object.name()))
            && self.kind.matches(object.kind())
            && self.matches_api_version(object.api_version())
            && self.matches_namespace(resource, schemas)
            && self.matches_metadata(resource)
    }

    fn matches_namespace(&self, resource: &Resource, schemas: &Schemas) -> bool {
        if matches!(self.namespace, Pattern::Any) {
            return true;
        }
        let space = resource.effective_namespace(schemas);
        let original = resource.previous.first();
        self.namespace.matches(space)
            || original.is_some_and(|it| self.namespace.matches(&it.namespace))
    }

    fn matches_api_version(&self, api_version: &str) -> bool {
        // The core group has no name and no slash: `v1`.
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        self.group.matches(group) && self.version.matches(version)
    }

    /// Whether it selects an identity.
    pub(super) fn matches_id(&self, gvk: &Gvk, name: &str, namespace: &str) -> bool {
        self.matches_gvk(gvk) && self.name.matches(name) && self.namespace.matches(namespace)
    }

    fn matches_gvk(&self, gvk: &Gvk) -> bool {
        self.group.matches(&gvk.group)
            && self.version.matches(&gvk.version)
            && self.kind.matches(&gvk.kind)
    }

    /// Whether labels and annotations match.
    pub(super) fn matches_metadata(&self, resource: &Resource) -> bool {
        let all = |requirements: &[Requirement], field| {
            requirements.is_empty() || {
                let map = resource.metadata_map(field);
                requirements.iter().all(|it| it.holds(map))
            }
        };
        all(&self.labels, "labels") && all(&self.annotations, "annotations")
    }
}

/// One condition on a map of strings.
struct Requirement {
    key: String,
    test: Test,
}

enum Test {
    Exists,
    Absent,
    In(Vec<String>),
    NotIn(Vec<String>),
    Greater(i64),
    Less(i64),
}

impl Requirement {
    fn holds(&self, map: Option<&Mapping>) -> bool {
        let value = map
            .and_then(|it| it.get(&self.key))
            .map(|it| it.as_str().unwrap_or(""));
        let number = || value.and_then(|it| it.parse::<i64>().ok());
        match &self.test {
            Test::Exists => value.is_some(),
            Test::Absent => value.is_none(),
            Test::In(values) => value.is_some_and(|it| values.iter().any(|own| own == it)),
            Test::NotIn(values) => value.is_none_or(|it| values.iter().all(|own| own != it)),
            Test::Greater(limit) => number().is_some_and(|it| it > *limit),
            Test::Less(limit) => number().is_some_and(|it| it < *limit),
        }
    }
}

/// Parses `a=b,c!=d,e in (f,g),h,!i`.
fn requirements(text: &str) -> Result<Vec<Requirement>, Diagnostic> {
    let mut parts: Vec<String> = vec![String::new()];
    let mut open = false;
    for char in text.chars() {
        open = (open || char == '(') && char != ')';
        match parts.last_mut() {
            Some(part) if char != ',' || open => part.push(char),
            _ => parts.push(String::new()),
        }
    }
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let bad = || {
        Diagnostic::error("bad-selector", format!("invalid label selector `{text}`"))
            .help("write it like `app=web,tier in (a, b),!legacy`")
    };
    parts
        .iter()
        .map(|part| requirement(part.trim()).ok_or_else(bad))
        .collect()
}

fn requirement(part: &str) -> Option<Requirement> {
    let made = |key: &str, test| {
        let key = key.trim();
        let plain = |it: char| it.is_ascii_alphanumeric() || matches!(it, '-' | '_' | '.' | '/');
        (!key.is_empty() && key.chars().all(plain)).then(|| Requirement {
            key: key.to_string(),
            test,
        })
    };
    let value = |text: &str| {
        let text = text.trim();
        let plain = |it: char| it.is_ascii_alphanumeric() || matches!(it, '-' | '_' | '.');
        (text.chars().all(plain) && text.len() <= 63).then(|| text.to_string())
    };
    if let Some(key) = part.strip_prefix('!') {
        return made(key, Test::Absent);
    }
    if let Some((key, text)) = part.split_once("!=") {
        return made(key, Test::NotIn(vec![value(text)?]));
    }
    if let Some((key, text)) = part.split_once("==").or_else(|| part.split_once('=')) {
        return made(key, Test::In(vec![value(text)?]));
    }
    if let Some((key, number)) = part.split_once('>') {
        return made(key, Test::Greater(number.trim().parse().ok()?));
    }
    if let Some((key, number)) = part.split_once('<') {
        return made(key, Test::Less(number.trim().parse().ok()?));
    }
    if let Some((head, rest)) = part.split_once('(') {
        let values: Option<Vec<String>> = rest
            .trim_end()
            .strip_suffix(')')?
            .split(',')
            .map(value)
            .collect();
        let (key, operator) = head.trim().rsplit_once(char::is_whitespace)?;
        return match operator {
            "in" => made(key, Test::In(values?)),
            "notin" => made(key, Test::NotIn(values?)),
            _ => None,
        };
    }
    made(part, Test::Exists)
}

impl Target {
    /// The identity that it names, for suggestions.
    pub(super) fn identity(&self) -> Identity<'_> {
        Identity {
            kind: &self.gvk.kind,
            name: &self.name,
            namespace: &self.namespace,
        }
    }
}
