//! The version of Helm whose behaviour is reproduced.

/// A major version of Helm. They differ in how nulls in values are treated, in the form of the output, and in error texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum HelmVersion {
    /// Helm 3, compared with 3.19.
    V3,
    /// Helm 4, compared with 4.3, which Flux and Argo CD use today.
    #[default]
    V4,
}

impl HelmVersion {
    /// An error message of Helm 3 with the names of Go types in this version.
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
