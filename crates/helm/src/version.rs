//! Which Helm's behaviour is wanted.

/// A major version of Helm. They differ in how nulls in values are treated, in the form of the output, and in error texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum HelmVersion {
    /// Helm 3, measured by 3.19.
    V3,
    /// Helm 4, measured by 4.3. What Flux and Argo CD run today.
    #[default]
    V4,
}

impl HelmVersion {
    /// An error text of Helm 3 with the names that this version gives its Go types.
    pub(crate) fn go_types(self, message: &str) -> String {
        match self {
            HelmVersion::V3 => message.to_string(),
            HelmVersion::V4 => message
                .replace("releaseutil.SimpleHead", "util.SimpleHead")
                .replace("chart.Metadata", "v2.Metadata")
                .replace("chart.Lock", "v2.Lock")
                .replace("*chart.", "*v2."),
        }
    }
}
