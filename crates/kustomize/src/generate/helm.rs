//! Helm charts: not a build's business here.

use pleach_yaml::diag::Diagnostic;

use super::super::accumulate::Context;
use super::super::kustomization::Kustomization;

/// Refuses charts and says where they are handled.
pub(super) fn refuse(context: &mut Context<'_>, kustomization: &Kustomization) {
    for field in ["helmCharts", "helmChartInflationGenerator"] {
        if let Some(node) = kustomization
            .get(field)
            .filter(|it| !it.is_empty_collection())
        {
            context.diagnostics.push(
                Diagnostic::error("helm-chart", format!("`{field}` would run helm, and a build runs no other program"))
                    .at(node)
                    .help("install the chart with a HelmRelease or an Application, or render it once and commit the result as a resource"),
            );
        }
    }
}
