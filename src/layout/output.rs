//! The paths of a rendered tree, relative to the output folder.

use super::{Folder, joined};
use crate::tree::TreePath;

/// The folder with a subfolder for each environment, which its sync engine reads first. Every tree has it.
pub const CLUSTERS: &str = "clusters";
/// The folder of ApplicationSets.
pub const SETS: &str = "appsets";
/// The folder of the objects that start the sync of a cluster.
pub const ROOTS: &str = "root-apps";

/// A part of the tree with a folder for each claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Infrastructure that other claims depend on.
    Infrastructure,
    /// Everything that is not infrastructure.
    Apps,
}

impl Group {
    /// All groups, in the order in which clusters list them.
    pub const ALL: [Group; 2] = [Group::Infrastructure, Group::Apps];

    /// The name of the group's folder in the tree.
    pub fn folder(self) -> &'static str {
        match self {
            Group::Infrastructure => "infrastructure",
            Group::Apps => "apps",
        }
    }
}

/// The owner of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// A team owns the service.
    Apps,
    /// The platform owns the service, for others to use.
    Platform,
}

impl Tier {
    /// Both tiers, in the order of their folders.
    pub const ALL: [Tier; 2] = [Tier::Apps, Tier::Platform];

    /// The name in paths of ApplicationSets and in object names.
    pub fn name(self) -> &'static str {
        match self {
            Tier::Apps => "apps",
            Tier::Platform => "platform",
        }
    }

    /// The name of the folder with the values of services.
    fn values_folder(self) -> &'static str {
        match self {
            Tier::Apps => "applications",
            Tier::Platform => "platform",
        }
    }
}

/// A part of the tree with a folder for each environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputPart {
    /// The folders that sync engines read first, by environment.
    Clusters,
    /// The folders of claims, by environment or base folder.
    Group(Group),
}

impl OutputPart {
    fn folder(self) -> &'static str {
        match self {
            OutputPart::Clusters => CLUSTERS,
            OutputPart::Group(group) => group.folder(),
        }
    }
}

/// A path of the tree, with its environment and claim, if it has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output<'p> {
    /// `apps/<environment>/<claim>/…`, `infrastructure/…` and `clusters/…`.
    Own {
        /// The part of the tree.
        part: OutputPart,
        /// The environment or base folder; empty for the folder of the part.
        folder: &'p str,
        /// The claim; in `clusters` also a file of the environment itself.
        claim: Option<&'p str>,
        /// The path below the claim's folder.
        file: &'p str,
    },
    /// `environments/<cluster type>/<environment>/<tier>/<service>/…`: the values of services.
    Values {
        /// The `clusterType` of the service or environment.
        cluster_type: &'p str,
        /// The path below the cluster type, which begins with the environment.
        file: &'p str,
    },
    /// `appsets/<cluster type>/<tier>/…`.
    Sets {
        /// The `clusterType` of the service or environment.
        cluster_type: &'p str,
        /// The name of the tier's folder.
        tier: &'p str,
        /// The file with the ApplicationSet of an environment.
        file: &'p str,
    },
    /// `root-apps/<cluster type>/…`.
    Roots {
        /// The `clusterType` of the service or environment.
        cluster_type: &'p str,
        /// The path below the cluster type.
        file: &'p str,
    },
}

impl<'p> Output<'p> {
    /// Parses a path; `None` if it cannot be a path of a tree.
    pub fn parse(path: &'p TreePath) -> Option<Output<'p>> {
        let (first, rest) = split(path.as_str());
        let parts = [
            OutputPart::Clusters,
            OutputPart::Group(Group::Infrastructure),
            OutputPart::Group(Group::Apps),
        ];
        if let Some(part) = parts.into_iter().find(|it| it.folder() == first) {
            let (folder, rest) = split(rest);
            let (claim, file) = split(rest);
            return Some(Output::Own {
                part,
                folder,
                claim: (!claim.is_empty()).then_some(claim),
                file,
            });
        }
        let (cluster_type, rest) = split(rest);
        match first {
            SETS => {
                let (tier, file) = split(rest);
                Some(Output::Sets {
                    cluster_type,
                    tier,
                    file,
                })
            }
            ROOTS => Some(Output::Roots {
                cluster_type,
                file: rest,
            }),
            _ if first == Folder::Environments.name() => Some(Output::Values {
                cluster_type,
                file: rest,
            }),
            _ => None,
        }
    }

    /// The path that [`Output::parse`] parses to this value.
    pub fn path(self) -> TreePath {
        let parts = match self {
            Output::Own {
                part,
                folder,
                claim,
                file,
            } => [part.folder(), folder, claim.unwrap_or(""), file],
            Output::Values { cluster_type, file } => {
                [Folder::Environments.name(), cluster_type, file, ""]
            }
            Output::Sets {
                cluster_type,
                tier,
                file,
            } => [SETS, cluster_type, tier, file],
            Output::Roots { cluster_type, file } => [ROOTS, cluster_type, file, ""],
        };
        joined(&parts)
    }

    /// The environment or base folder, and the claim, that a path contains; `None` if it contains no environment. Files in the folder
    /// of a cluster belong to no claim.
    pub fn owner(path: &'p TreePath) -> Option<(&'p str, Option<&'p str>)> {
        match Output::parse(path)? {
            Output::Own {
                part: OutputPart::Clusters,
                folder,
                ..
            } => Some((folder, None)),
            Output::Own { folder, claim, .. } => Some((folder, claim)),
            _ => None,
        }
    }

    /// Whether a path is in `clusters/`.
    pub fn is_of_cluster(path: &TreePath) -> bool {
        path.parts().next() == Some(CLUSTERS)
    }
}

fn split(path: &str) -> (&str, &str) {
    path.split_once('/').unwrap_or((path, ""))
}

/// The environment of a folder: the name of its second level, such as `prod` in `apps/prod/orders`. For services in Argo CD, this is
/// the cluster type (`nonprod` in `appsets/nonprod/apps`), or the cluster type and the environment (`nonprod/dev` in
/// `environments/nonprod/dev`). Trees that pleach did not render need not have the same first level.
pub fn environment_of(folder: &TreePath) -> Option<&str> {
    let (first, rest) = folder.as_str().split_once('/')?;
    if first != Folder::Environments.name() {
        return Some(split(rest).0);
    }
    let (cluster_type, rest) = rest.split_once('/')?;
    let length = cluster_type.len() + 1 + split(rest).0.len();
    folder.as_str().get(first.len() + 1..)?.get(..length)
}

/// The folder of a claim. `folder` is the name of the environment or of a base folder.
pub fn claim_folder(group: Group, folder: &str, claim: &str) -> TreePath {
    let group = TreePath::root().child(group.folder());
    group.child(folder).child(claim)
}

/// The folder that the sync engine of an environment's cluster reads first.
pub fn cluster_folder(environment: &str) -> TreePath {
    TreePath::root().child(CLUSTERS).child(environment)
}

/// The folder of a tier's ApplicationSets.
pub fn set_folder(cluster_type: &str, tier: Tier) -> TreePath {
    let sets = TreePath::root().child(SETS);
    sets.child(cluster_type).child(tier.name())
}

/// The file with the ApplicationSet of a tier in an environment.
pub fn set_file(cluster_type: &str, environment: &str, tier: Tier) -> TreePath {
    set_folder(cluster_type, tier).child(&match tier {
        Tier::Apps => format!("{environment}-appset.yaml"),
        Tier::Platform => format!("{environment}-platform-appset.yaml"),
    })
}

/// The folder with the values of the services of a tier in an environment.
pub fn values_folder(cluster_type: &str, environment: &str, tier: Tier) -> TreePath {
    let folder = Folder::Environments.path().child(cluster_type);
    folder.child(environment).child(tier.values_folder())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parsing_a_path_and_printing_it_gives_the_same_path() {
        let own = |part, claim, file| Output::Own {
            part,
            folder: "prod",
            claim,
            file,
        };
        let apps = OutputPart::Group(Group::Apps);
        for (text, output) in [
            ("apps/prod", own(apps, None, "")),
            (
                "apps/prod/orders/a.yaml",
                own(apps, Some("orders"), "a.yaml"),
            ),
            (
                "clusters/prod/apps.yaml",
                own(OutputPart::Clusters, Some("apps.yaml"), ""),
            ),
            (
                "appsets/eu/apps",
                Output::Sets {
                    cluster_type: "eu",
                    tier: "apps",
                    file: "",
                },
            ),
            (
                "root-apps/eu",
                Output::Roots {
                    cluster_type: "eu",
                    file: "",
                },
            ),
            (
                "environments/eu/dev",
                Output::Values {
                    cluster_type: "eu",
                    file: "dev",
                },
            ),
        ] {
            let path = TreePath::new(text).unwrap();
            assert_eq!(Output::parse(&path), Some(output));
            assert_eq!(output.path(), path);
        }
        assert_eq!(Output::parse(&TreePath::new("charts/x").unwrap()), None);
    }

    #[test]
    fn environments_of_folders() {
        for (folder, expected) in [
            ("apps/prod/orders", Some("prod")),
            ("appsets/eu/apps", Some("eu")),
            ("environments/eu/dev/platform/a", Some("eu/dev")),
            ("apps/prod", Some("prod")),
            ("apps", None),
            ("environments/eu", None),
        ] {
            let folder = TreePath::new(folder).unwrap();
            assert_eq!(environment_of(&folder), expected);
        }
    }
}
