//! Where a resource came from and what changed it, for `buildMetadata`.

use pleach_yaml::{Entry, Mapping, Node, emit_kyaml_value};

/// One origin: a file, or a generator or transformer with the file it is configured in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Origin {
    /// Relative to the folder that is built.
    pub(super) path: String,
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
    /// What a field of a kustomization does.
    pub(super) fn builtin(configured_in: String, kind: &str) -> Origin {
        let configured_by = Configured {
            api_version: "builtin".into(),
            kind: kind.into(),
            ..Configured::default()
        };
        Origin {
            path: String::new(),
            configured_in,
            configured_by: Some(configured_by),
        }
    }

    pub(super) fn to_yaml(&self) -> String {
        emit_kyaml_value(&self.to_node())
    }

    /// The origin as a map without empty fields.
    pub(super) fn to_node(&self) -> Node {
        let mut entries = Mapping::new();
        put(&mut entries, "path", &self.path);
        put(&mut entries, "configuredIn", &self.configured_in);
        if let Some(by) = &self.configured_by {
            let mut fields = Mapping::new();
            put(&mut fields, "apiVersion", &by.api_version);
            put(&mut fields, "kind", &by.kind);
            put(&mut fields, "name", &by.name);
            put(&mut fields, "namespace", &by.namespace);
            entries.entries_mut().push(Entry {
                key: Node::constant("configuredBy"),
                value: Node::mapping(fields),
            });
        }
        Node::mapping(entries)
    }
}

fn put(mapping: &mut Mapping, key: &'static str, text: &str) {
    if !text.is_empty() {
        mapping.entries_mut().push(Entry {
            key: Node::constant(key),
            value: Node::string(text),
        });
    }
}

/// Joins two paths as written and takes `.` and inner `..` out; what leads above the start stays.
pub(super) fn join(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|it| *it != "..") => _ = parts.pop(),
            part => parts.push(part),
        }
    }
    parts.join("/")
}
