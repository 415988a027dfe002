//! The intent `ChartApplication`, for a chart that runs as one of the services of an environment.

use std::sync::Arc;

use super::intent::{Intent, IntentKind};
use super::resources;
use super::values::merged;
use crate::chart::{Chart, Charts, Request};
use crate::diag::{Class, Diagnostic, Span};
use crate::layout::Folder;
use crate::load::WorkspaceConfig;
use crate::schema::validate;
use crate::secret::find_secret;
use crate::yaml::{Node, node};

/// Reports fields of a claim that the `values` of the claim override.
fn find_overridden(fields: &Node, values: &Node, parent: &str, found: &mut Vec<Diagnostic>) {
    for entry in values.as_mapping().into_iter().flatten() {
        let key = entry.key.as_str().unwrap_or("");
        let Some(field) = fields.get(key) else {
            continue;
        };
        let path = format!("{parent}.{key}");
        if field.as_mapping().is_some() && entry.value.as_mapping().is_some() {
            find_overridden(field, &entry.value, &path, found);
        } else if are_in_same_file(field, &entry.value) && !field.same_data(&entry.value) {
            let message = format!("this has no effect: `values{path}` overrides it");
            let fault = Diagnostic::warning("no-effect", message)
                .class(Class::NoEffect)
                .at(field);
            let fault = fault.related(entry.value.span(), "`values` is merged last");
            found.push(fault.help("keep one of the two"));
        }
    }
}

/// Whether both are in the same file. If a field of base is overridden in an environment, it may have an effect in other ones.
fn are_in_same_file(field: &Node, value: &Node) -> bool {
    field.has_origin() && field.span().path() == value.span().path()
}

/// Removes entries that are null, as Helm does before it validates values.
fn drop_nulls(node: &mut Node) {
    if let Some(mapping) = node.as_mapping_mut() {
        mapping.retain(|it| !it.value.is_null());
        mapping.iter_mut().for_each(|it| drop_nulls(&mut it.value));
    }
}

/// An intent `ChartApplication` and its chart.
pub(crate) struct ChartApplication<'a> {
    pub(crate) intent: &'a Intent<'a>,
    pub(crate) chart: Arc<Chart>,
}

impl<'a> ChartApplication<'a> {
    /// Opens the chart and checks the values. Errors: those of opening the chart, `plain-secret`, `request-above-limit`, and violations
    /// of the chart's schema.
    pub(crate) fn new(
        intent: &'a Intent<'a>,
        charts: &Charts<'_>,
    ) -> Result<ChartApplication<'a>, Diagnostic> {
        let text = |key: &str| intent.text(&["chart", key]);
        let mut request = Request::new(text("repository"), text("name"), Some(text("version")));
        let at = intent.field(&["chart", "version"]);
        request.span = at.map(|it| it.span().clone());
        let application = ChartApplication {
            chart: charts.open(&request)?,
            intent,
        };
        if let Some(secret) = application.claim_values().iter().find_map(find_secret) {
            return Err(plain_secret(intent, secret));
        }
        let name = intent.metadata("name").unwrap_or(intent.node());
        let service = intent.text_of_metadata("name");
        let values = application.values();
        resources::check(&values, service, name.span())?;
        application.check_schema(values)?;
        Ok(application)
    }

    /// Reports fields of the claim that have no effect, because `values` override them or the chart does not use them.
    pub(crate) fn without_effect(&self) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        if let Some((values, fields)) = self.claim_values().split_last() {
            let fields = merged(fields, &Node::null());
            find_overridden(&fields, values, "", &mut found);
        }
        let production = self.intent.field(&["production"]);
        let is_in_claim =
            |it: &Node| Folder::containing(it.span().path()) == Some(Folder::Environments);
        let is_set = |it: &&Node| it.as_bool() == Some(true) && is_in_claim(it);
        if let Some(production) = production.filter(is_set)
            && self.chart.production.is_none()
        {
            let message = format!(
                "`production` has no effect: chart `{}` has no values-production.yaml",
                self.chart.name
            );
            let fault = Diagnostic::warning("no-effect", message)
                .class(Class::NoEffect)
                .at(production);
            found.push(fault.help("remove it, and put the production settings in `values`"));
        }
        found
    }

    /// Validates the values with the chart's schema, as Helm does when it installs the chart. Only errors in values of the claim are
    /// reported.
    fn check_schema(&self, mut values: Node) -> Result<(), Diagnostic> {
        let Some(schema) = &self.chart.schema else {
            return Ok(());
        };
        drop_nulls(&mut values);
        let in_claim = |it: &Diagnostic| {
            let span = it.span.as_ref();
            span.is_some_and(|it| Folder::containing(it.path()) == Some(Folder::Environments))
        };
        match validate(&values, schema, "values")
            .into_iter()
            .find(in_claim)
        {
            Some(fault) => Err(fault),
            None => Ok(()),
        }
    }

    /// All values: those of the chart, with the overrides.
    pub(crate) fn values(&self) -> Node {
        let defaults = &self.chart.values;
        merged([defaults].into_iter().chain(self.overrides()), defaults)
    }

    /// A `HelmInstall` of the chart with the overrides as values.
    pub(crate) fn helm_install(&self, workspace: &WorkspaceConfig) -> Node {
        let intent = self.intent;
        let values = merged(self.overrides(), &self.chart.values);
        let repository = intent.field(&["chart", "repository"]);
        let is_oci = intent.text(&["chart", "repository"]).starts_with("oci://");
        let source = match is_oci {
            true => "OCIRepository",
            false => "HelmRepository",
        };
        let or_null = |it: Option<&Node>| it.cloned().unwrap_or_else(Node::null);
        let install = node!({
            "apiVersion": "pleach.dev/v1",
            "kind": "HelmInstall",
            "metadata": or_null(intent.node().get("metadata")),
            "spec": {
                "chart": {
                    "repository": or_null(repository),
                    "name": self.chart.name.as_str(),
                    "version": self.version(),
                },
                "source": source,
                "releaseName": or_null(intent.metadata("name")),
                "values": self.traced(values, workspace),
            },
        });
        install.at(intent.node().span())
    }

    /// In a traced run, records that production values are used because of the claim's field `production`.
    pub(crate) fn traced(&self, values: Node, workspace: &WorkspaceConfig) -> Node {
        let field = self.intent.field(&["production"]);
        match (&workspace.trace, &self.chart.production, field) {
            (Some(trace), Some(production), Some(field)) => {
                let file = production.span().path().clone();
                let is_production_value = |it: &Span| *it.path() == file;
                trace.with_conditions(values, &[field.span().clone()], &is_production_value)
            }
            _ => values,
        }
    }

    /// The exact version that is installed.
    fn version(&self) -> Node {
        let at = self.intent.field(&["chart", "version"]);
        let at = at.unwrap_or(self.intent.node());
        Node::string(self.chart.version.as_str()).at(at)
    }

    /// The values that the claim sets; its field `values` is last.
    fn claim_values(&self) -> &'a [Node] {
        let values = self.intent.field(&["values"]).and_then(Node::as_sequence);
        values.unwrap_or_default()
    }

    /// The values that override those of the chart, in order: those for production, and those of the claim.
    fn overrides(&self) -> impl Iterator<Item = &Node> {
        let field = self.intent.field(&["production"]);
        let is_production = field.and_then(Node::as_bool) == Some(true);
        let production = self.chart.production.iter().filter(move |_| is_production);
        production.chain(self.claim_values())
    }
}

/// The error for a credential among the values of a chart. Error: `plain-secret`.
pub(super) fn plain_secret(intent: &Intent<'_>, secret: &Node) -> Diagnostic {
    let message = format!(
        "`{}` contains a credential that would be committed to Git",
        intent.text_of_metadata("name")
    );
    let example = match intent.kind() {
        IntentKind::HelmInstall => "`valuesFrom: [{kind: Secret, name: …}]`",
        _ => "`valueFrom: {secretKeyRef: {name: …, key: …}}`",
    };
    let fault = Diagnostic::error("plain-secret", message).at(secret);
    fault.help(format!(
        "create a Secret by other means and refer to it, for example with {example}"
    ))
}
