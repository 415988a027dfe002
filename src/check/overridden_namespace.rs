//! Kustomizations whose `targetNamespace` moves objects out of their namespaces.

use std::collections::BTreeMap;

use super::environment::{EnvironmentObjects, SourcedObject};
use super::{Check, Faults, RuleKind};
use crate::diag::{Diagnostic, Severity, Span};
use crate::object::{Object, ObjectId};
use crate::tree::TreePath;
use crate::yaml::{FieldPath, Node};

pub(super) const CHECK: Check = Check {
    code: "overridden-namespace",
    severity: Severity::Warning,
    summary: "`targetNamespace` of a Kustomization replaces the namespaces of its objects",
    explain: "\
Flux sets `targetNamespace` as the namespace of every object, as `namespace` of a kustomization does, and renames Namespaces to it. The \
namespaces that the claims set have no effect: objects of several claims meet in one namespace, and texts that contain the former \
namespace, such as the addresses of Services, are not changed. If the objects already exist, they are deleted and created again, with \
empty volumes.

Remove `targetNamespace`, and set the namespaces in the claims.",
    check: RuleKind::Objects(check),
};

fn check(environment: &EnvironmentObjects<'_>, faults: &mut Faults) {
    let units = environment.objects.iter().filter_map(|unit| {
        let text = |keys: &[&str]| unit.object.node.at_keys(keys).and_then(Node::as_str);
        let is_flux = unit.object.kind() == "Kustomization"
            && *unit.object.gvk().group == *"kustomize.toolkit.fluxcd.io";
        let target = text(&["spec", "targetNamespace"]).filter(|_| is_flux)?;
        let folder = environment.folder_of_path(text(&["spec", "path"])?)?;
        Some((unit, target, folder))
    });
    let units: Vec<_> = units.collect();
    if units.is_empty() {
        return;
    }
    let mut by_folder: BTreeMap<&TreePath, Vec<&SourcedObject<'_>>> = BTreeMap::new();
    for sourced in &environment.objects {
        by_folder.entry(&sourced.folder).or_default().push(sourced);
    }
    let mut by_line: BTreeMap<(String, usize, usize), Fault> = BTreeMap::new();
    for (unit, target, folder) in units {
        let of_unit = by_folder.get(&folder).into_iter().flatten();
        let moved = of_unit.filter(|it| own_namespace(&it.object).is_some_and(|it| it != target));
        let moved: Vec<ObjectId> = moved.map(|it| it.object.id()).collect();
        if moved.is_empty() {
            continue;
        }
        let span = setting(environment, unit.object.name())
            .unwrap_or_else(|| unit.line(&FieldPath::dotted("spec.targetNamespace")));
        let at = span.position();
        let key = (span.path().to_string(), at.line, at.column);
        let fault = by_line.entry(key).or_insert_with(|| Fault {
            span,
            target: target.to_string(),
            moved: Vec::new(),
        });
        fault.moved.extend(moved);
    }
    for fault in by_line.into_values() {
        let found = fault.diagnostic(faults.check.code);
        faults.found.extend(found);
    }
}

/// The objects that one line moves.
struct Fault {
    span: Span,
    target: String,
    moved: Vec<ObjectId>,
}

impl Fault {
    fn diagnostic(self, code: &'static str) -> Option<Diagnostic> {
        let first = self.moved.first()?;
        let more = match self.moved.len() - 1 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let message = format!(
            "`targetNamespace` replaces the namespace of {first}{more} by `{}`",
            self.target
        );
        let fault = Diagnostic::warning(code, message).at(self.span);
        Some(fault.help("remove `targetNamespace`, and set the namespaces in the claims"))
    }
}

/// The line of environment.yaml that sets the field for a Kustomization.
fn setting(environment: &EnvironmentObjects<'_>, unit: &str) -> Option<Span> {
    let spec = environment.settings.as_ref()?.get("spec")?;
    // The settings of an engine are below its name.
    let mut engines = spec.as_mapping()?.iter().map(|it| &it.value);
    let value = engines.find_map(|it| {
        let own = it.at_keys(&["claims", unit, "targetNamespace"]);
        own.or_else(|| it.at_keys(&["kustomization", "targetNamespace"]))
    })?;
    Some(Span::from(value))
}

/// The namespace that an object has, or that it creates.
fn own_namespace(object: &Object) -> Option<&str> {
    let is_namespace = object.kind() == "Namespace" && object.gvk().group.is_empty();
    let namespace = match is_namespace {
        true => object.name(),
        false => object.namespace(),
    };
    Some(namespace).filter(|it| !it.is_empty())
}
