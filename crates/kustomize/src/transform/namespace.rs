//! `namespace`.

use pleach_kube::schema::Schemas;
use pleach_yaml::diag::Diagnostic;
use pleach_yaml::parallel;
use pleach_yaml::{Kind, Node, Tag};

use super::super::config::FieldSpecs;
use super::super::fieldspec::{FieldSpec, Leaf};
use super::super::hash::record_previous_id;
use super::super::plugins::configuration;
use super::super::record::{Text, record};
use super::super::resource::{Resource, only_scalar, plain_key, replaced_at, set_tagged};
use super::super::resources::Resources;
use super::{Transform, TransformContext};

pub(super) const TRANSFORM: Transform = Transform {
    plugin: "NamespaceTransformer",
    apply,
    run,
};

record! {
    struct NamespacePlugin {
        metadata: Option<NamespaceOnly> = "metadata",
        specs: FieldSpecs = "fieldSpecs",
        unset_only: bool = "unsetOnly",
        role_binding_subjects: Text = "setRoleBindingSubjects",
    }
}

record! {
    struct NamespaceOnly {
        namespace: Text = "namespace",
    }
}

/// The subjects of role bindings whose namespace is also changed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Subjects {
    Default,
    ServiceAccounts,
    None,
}

struct Namespace<'a> {
    name: &'a str,
    /// The location of the name.
    at: Option<&'a Text>,
    /// The resource's own namespace.
    own: FieldSpec,
    specs: &'a [FieldSpec],
    unset_only: bool,
    subjects: Subjects,
}

fn apply(
    transform: &mut TransformContext<'_, '_>,
    resources: &mut Resources,
) -> Result<(), Diagnostic> {
    let name = &transform.fields.namespace;
    if name.is_empty() {
        return Ok(());
    }
    let namespace = Namespace {
        name,
        at: Some(name),
        own: FieldSpec::everywhere("metadata/namespace"),
        specs: &transform.config.namespace,
        unset_only: false,
        subjects: Subjects::Default,
    };
    namespace.move_all(transform, resources)?;
    transform.done(TRANSFORM.plugin, resources);
    Ok(())
}

fn run(
    transform: &mut TransformContext<'_, '_>,
    config: &Resource,
    resources: &mut Resources,
) -> Result<(), Diagnostic> {
    let config: NamespacePlugin = configuration(config)?;
    let subjects = match &*config.role_binding_subjects {
        "" | "defaultOnly" => Subjects::Default,
        "allServiceAccounts" => Subjects::ServiceAccounts,
        "none" => Subjects::None,
        other => {
            let message =
                format!("expected `defaultOnly`, `allServiceAccounts` or `none`, found `{other}`");
            let at = &config.role_binding_subjects;
            return Err(Diagnostic::error("bad-subjects", message).at(at));
        }
    };
    let name = config.metadata.map(|it| it.namespace).unwrap_or_default();
    if name.is_empty() {
        return Ok(());
    }
    let namespace = Namespace {
        name: &name,
        at: Some(&name),
        own: FieldSpec::everywhere("metadata/namespace"),
        specs: &config.specs,
        unset_only: config.unset_only,
        subjects,
    };
    namespace.move_all(transform, resources)
}

/// Sets only the resource's own namespace.
pub(super) fn set_own(
    name: &str,
    resource: &mut Resource,
    schemas: &Schemas,
) -> Result<(), Diagnostic> {
    let namespace = Namespace {
        name,
        at: None,
        own: FieldSpec::everywhere("metadata/namespace"),
        specs: &[],
        unset_only: false,
        subjects: Subjects::Default,
    };
    namespace.move_one(schemas, resource)
}

impl Namespace<'_> {
    fn move_all(
        &self,
        transform: &TransformContext<'_, '_>,
        resources: &mut Resources,
    ) -> Result<(), Diagnostic> {
        let schemas = &transform.context.schemas;
        parallel::try_map(resources.list_mut(), |resource| {
            // Helm has already set the namespaces of a chart's objects.
            if resource.from_chart {
                return Ok(());
            }
            record_previous_id(resource, schemas);
            self.move_one(schemas, resource)
        })?;
        resources
            .check_unique(&transform.context.schemas)
            .map_err(|it| {
                it.help(format!(
                    "the namespace `{}` gives both the same identity",
                    self.name
                ))
            })
    }

    fn move_one(&self, schemas: &Schemas, resource: &mut Resource) -> Result<(), Diagnostic> {
        let gvk = resource.object.gvk();
        let core = resource.object.api_version() == "v1";
        if !resource.is_cluster_scoped(schemas) {
            self.own
                .visit(resource.node_mut(), Leaf::Scalar, &mut |field, _| {
                    self.set(field)
                })?;
        }
        let binding = matches!(&*gvk.kind, "RoleBinding" | "ClusterRoleBinding");
        // kustomize does not use field specs for subjects, but their names.
        if binding {
            self.move_subjects(resource.node_mut())?;
        }
        let unneeded = |spec: &FieldSpec| match &*spec.path {
            "metadata/namespace" => true,
            // The default field spec for `Namespace` has no group, but only the core kind is meant.
            "metadata/name" => !core,
            "subjects/namespace" => {
                binding && matches!(&*spec.gvk.kind, "RoleBinding" | "ClusterRoleBinding")
            }
            _ => false,
        };
        for spec in self
            .specs
            .iter()
            .filter(|it| it.selects(&gvk) && !unneeded(it))
        {
            spec.visit(resource.node_mut(), Leaf::Scalar, &mut |field, _| {
                self.set(field)
            })?;
        }
        Ok(())
    }

    fn set(&self, field: &mut Node) -> Result<(), Diagnostic> {
        only_scalar(field, "a string for a namespace")?;
        let empty = field.kind() == Kind::Null || field.as_str() == Some("");
        if empty || !self.unset_only {
            set_tagged(field, self.name, Tag::Str);
            if let Some(at) = self.at {
                replaced_at(field, at);
            }
        }
        Ok(())
    }

    fn move_subjects(&self, binding: &mut Node) -> Result<(), Diagnostic> {
        let (key, value) = match self.subjects {
            Subjects::None => return Ok(()),
            Subjects::Default => ("name", "default"),
            Subjects::ServiceAccounts => ("kind", "ServiceAccount"),
        };
        let Some(subjects) = binding.get_mut("subjects").filter(|it| !it.is_null()) else {
            return Ok(());
        };
        let found = subjects.kind().description();
        let Some(items) = subjects.as_sequence_mut() else {
            let message = format!("expected a list for `subjects`, found {found}");
            return Err(Diagnostic::error("wrong-field-type", message).at(&*subjects));
        };
        for subject in items.iter_mut().filter(|it| !it.is_tagged_null()) {
            let found = subject.kind().description();
            let span = subject.span().clone();
            let subject = subject.as_mapping_mut().ok_or_else(|| {
                let message = format!("expected a map for a subject, found {found}");
                Diagnostic::error("wrong-field-type", message).at(span)
            })?;
            if subject.get(key).and_then(Node::as_str) != Some(value) {
                continue;
            }
            if subject.get("namespace").is_none_or(Node::is_null) {
                subject.insert(plain_key("namespace"), Node::string(""));
            }
            if let Some(field) = subject.get_mut("namespace") {
                self.set(field)?;
            }
        }
        Ok(())
    }
}
