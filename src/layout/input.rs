//! The paths of a workspace.

use super::{BASE, joined};
use crate::tree::TreePath;

/// The file that makes a folder a workspace.
pub const WORKSPACE: &str = "pleach.yaml";
/// The file that defines an environment.
pub const ENVIRONMENT: &str = "environment.yaml";
/// The file that defines a claim kind.
pub const KIND: &str = "kind.yaml";

/// A folder at the top of a workspace with a fixed name. Kinds may also be in other folders, which `pleach.yaml` lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Folder {
    /// Environments and their claims.
    Environments,
    /// The user's kustomizations, which are applied to rendered claims, one for each environment.
    Overlays,
    /// Claim kinds, unless `pleach.yaml` sets other folders.
    Templates,
    /// Charts that claims install.
    Charts,
    /// Admission policies that are installed in clusters by other means.
    Policies,
    /// CustomResourceDefinitions that are installed in clusters by other means.
    Crds,
}

impl Folder {
    const ALL: [Folder; 6] = [
        Folder::Environments,
        Folder::Overlays,
        Folder::Templates,
        Folder::Charts,
        Folder::Policies,
        Folder::Crds,
    ];

    /// The name of the folder.
    pub fn name(self) -> &'static str {
        match self {
            Folder::Environments => "environments",
            Folder::Overlays => "overlays",
            Folder::Templates => "templates",
            Folder::Charts => "charts",
            Folder::Policies => "policies",
            Folder::Crds => "crds",
        }
    }

    /// The path of the folder in the workspace.
    pub fn path(self) -> TreePath {
        TreePath::root().child(self.name())
    }

    /// The folder that contains a path; `None` if its top folder has no fixed name.
    pub fn containing(path: &TreePath) -> Option<Folder> {
        let first = path.parts().next()?;
        Folder::ALL.into_iter().find(|it| it.name() == first)
    }

    /// Whether it has a subfolder for each environment.
    pub fn is_of_environments(self) -> bool {
        matches!(self, Folder::Environments | Folder::Overlays)
    }
}

/// The folders of inputs, except those of claim kinds, which are configurable.
pub fn input_folders() -> [TreePath; 2] {
    [Folder::Environments.path(), Folder::Overlays.path()]
}

/// A path of a workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input<'p> {
    /// The file `pleach.yaml` at the top.
    Workspace,
    /// `environments/<environment>/environment.yaml`.
    Environment(&'p str),
    /// `environments/<environment>/<file>`: claims, if it ends in `.yaml` or `.yml`.
    Claims {
        /// The environment, or base.
        environment: &'p str,
        /// The path below the environment's folder.
        file: &'p str,
    },
    /// `overlays/<environment>/<file>`.
    Overlay {
        /// The environment, base, or another folder that overlays refer to.
        environment: &'p str,
        /// The path below the overlay's folder.
        file: &'p str,
    },
    /// Any other path in one of the folders: the folder and the path below it, which is empty for the folder itself.
    Other(Folder, &'p str),
}

impl<'p> Input<'p> {
    /// Parses a path; `None` if it is not in a folder with a fixed name.
    pub fn parse(path: &'p TreePath) -> Option<Input<'p>> {
        if path.as_str() == WORKSPACE {
            return Some(Input::Workspace);
        }
        let folder = Folder::containing(path)?;
        let rest = path.as_str().split_once('/').map_or("", |it| it.1);
        Some(match (folder, rest.split_once('/')) {
            (Folder::Environments, Some((environment, ENVIRONMENT))) => {
                Input::Environment(environment)
            }
            (Folder::Environments, Some((environment, file))) => {
                Input::Claims { environment, file }
            }
            (Folder::Overlays, Some((environment, file))) => Input::Overlay { environment, file },
            _ => Input::Other(folder, rest),
        })
    }

    /// The path that [`Input::parse`] parses to this value.
    pub fn path(self) -> TreePath {
        let parts: [&str; 3] = match self {
            Input::Workspace => [WORKSPACE, "", ""],
            Input::Environment(name) => [Folder::Environments.name(), name, ENVIRONMENT],
            Input::Claims { environment, file } => [Folder::Environments.name(), environment, file],
            Input::Overlay { environment, file } => [Folder::Overlays.name(), environment, file],
            Input::Other(folder, rest) => [folder.name(), rest, ""],
        };
        joined(&parts)
    }

    /// The environment that a file belongs to, or base.
    pub fn environment(self) -> Option<&'p str> {
        match self {
            Input::Environment(environment)
            | Input::Claims { environment, .. }
            | Input::Overlay { environment, .. } => Some(environment),
            Input::Workspace | Input::Other(..) => None,
        }
    }

    /// Whether it is a file of base.
    pub fn is_base(self) -> bool {
        self.environment() == Some(BASE)
    }

    /// Whether users edit a file to change settings of environments: `pleach.yaml` and files in `environments` and `overlays`.
    pub fn is_setting(path: &TreePath) -> bool {
        path.parts().next() == Some(WORKSPACE) || Input::is_of_environments(path)
    }

    /// Whether a path is in `environments` or `overlays`.
    pub fn is_of_environments(path: &TreePath) -> bool {
        Folder::containing(path).is_some_and(Folder::is_of_environments)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parsing_a_path_and_printing_it_gives_the_same_path() {
        let (environment, file) = ("prod", "teams/orders.yaml");
        for (text, input) in [
            ("pleach.yaml", Input::Workspace),
            ("environments", Input::Other(Folder::Environments, "")),
            ("environments/x", Input::Other(Folder::Environments, "x")),
            (
                "environments/prod/environment.yaml",
                Input::Environment(environment),
            ),
            (
                "environments/prod/teams/orders.yaml",
                Input::Claims { environment, file },
            ),
            (
                "overlays/prod/teams/orders.yaml",
                Input::Overlay { environment, file },
            ),
            (
                "templates/App/kind.yaml",
                Input::Other(Folder::Templates, "App/kind.yaml"),
            ),
        ] {
            let path = TreePath::new(text).unwrap();
            assert_eq!(Input::parse(&path), Some(input));
            assert_eq!(input.path(), path);
        }
        let other = TreePath::new("deploy/clusters/prod/root.yaml").unwrap();
        assert_eq!(Input::parse(&other), None);
    }
}
