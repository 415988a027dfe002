//! The origin of a resource and its transformations, for `buildMetadata`.

use pleach_yaml::{Entry, Mapping, Node, emit_kyaml_value};

use super::remote::RemoteBase;

/// One origin: a file, or a generator or transformer with the file it is configured in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Origin {
    /// Relative to the folder that is built, or to the top of the repository.
    pub(super) path: String,
    /// The repository that it was fetched from, and the reference; empty for the files that are built.
    pub(super) repository: String,
    pub(super) reference: String,
    pub(super) configured_in: String,
    pub(super) configured_by: Option<Configured>,
}

/// The generator or transformer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Configured {
    pub(super) api_version: String,
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) namespace: String,
}

impl Origin {
    /// The origin of resources from a field of a kustomization.
    pub(super) fn builtin(file: &Origin, kind: &str) -> Origin {
        let configured_by = Configured {
            api_version: "builtin".into(),
            kind: kind.into(),
            ..Configured::default()
        };
        file.configured(configured_by)
    }

    /// The origin of resources from a plugin that is configured in this file.
    pub(super) fn configured(&self, by: Configured) -> Origin {
        Origin {
            path: String::new(),
            configured_in: self.path.clone(),
            configured_by: Some(by),
            ..self.clone()
        }
    }

    /// The origin of an entry in this file. For an address, it starts at the top of its repository.
    pub(super) fn join(&self, entry: &str) -> Origin {
        match RemoteBase::parse(entry) {
            Some(base) => Origin {
                // In kustomize, paths of a remote base are relative to the top of the clone.
                path: join("", &base.folder),
                repository: base.repository,
                reference: base.reference,
                ..Origin::default()
            },
            None => Origin {
                path: join(&self.path, entry),
                ..self.clone()
            },
        }
    }

    pub(super) fn to_yaml(&self) -> String {
        emit_kyaml_value(&self.to_node())
    }

    /// The origin as a map without empty fields.
    pub(super) fn to_node(&self) -> Node {
        let mut entries = Mapping::new();
        put(&mut entries, "path", &self.path);
        put(&mut entries, "repo", &self.repository);
        put(&mut entries, "ref", &self.reference);
        put(&mut entries, "configuredIn", &self.configured_in);
        if let Some(by) = &self.configured_by {
            let mut fields = Mapping::new();
            put(&mut fields, "apiVersion", &by.api_version);
            put(&mut fields, "kind", &by.kind);
            put(&mut fields, "name", &by.name);
            put(&mut fields, "namespace", &by.namespace);
            // The keys are distinct and in the order of the Go struct.
            entries.entries_mut().push(Entry {
                key: Node::constant("configuredBy"),
                value: Node::mapping(fields),
            });
        }
        Node::mapping(entries)
    }
}

fn put(mapping: &mut Mapping, key: &'static str, text: &str) {
    // The fields have `omitempty` in Go.
    if !text.is_empty() {
        mapping.entries_mut().push(Entry {
            key: Node::constant(key),
            value: Node::string(text),
        });
    }
}

/// Joins two paths and removes `.` and inner `..`; leading `..` are kept.
fn join(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            // Purely textual, like `path.Join`, so that the annotation does not depend on links on the
            // machine.
            ".." if parts.last().is_some_and(|it| *it != "..") => _ = parts.pop(),
            part => parts.push(part),
        }
    }
    parts.join("/")
}
