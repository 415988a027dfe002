//! The specs of Argo CD's Applications, including the templates of ApplicationSets.

use super::environment::{EnvironmentObjects, SourcedObject, is_of_argo};
use crate::yaml::{FieldPath, Node};

pub(super) struct Application<'a, 'b> {
    pub(super) sourced: &'a SourcedObject<'b>,
    pub(super) spec: &'a Node,
    /// The path of its spec in the object.
    path: FieldPath,
}

/// All Applications of an environment.
pub(super) fn applications<'a, 'b>(
    environment: &'a EnvironmentObjects<'b>,
) -> impl Iterator<Item = Application<'a, 'b>> {
    environment.objects.iter().filter_map(|sourced| {
        let path = FieldPath::dotted(match sourced.object.kind() {
            "Application" => "spec",
            "ApplicationSet" => "spec.template.spec",
            _ => return None,
        });
        let spec = sourced.object.node.at_path(&path)?;
        is_of_argo(&sourced.object).then_some(Application {
            sourced,
            spec,
            path,
        })
    })
}

impl<'a> Application<'a, '_> {
    /// A string of its spec, unless it contains a parameter of a generator.
    pub(super) fn text(&self, keys: &[&str]) -> Option<&'a str> {
        fixed_text(self.spec.at_keys(keys)?)
    }

    /// The path of a field of its spec in the object.
    pub(super) fn location(&self, field: &str) -> FieldPath {
        let keys = field.split('.');
        keys.fold(self.path.clone(), |path, key| match key.parse() {
            Ok(index) => path.index(index),
            Err(_) => path.key(key),
        })
    }

    /// The folders of its sources.
    pub(super) fn paths(&self) -> impl Iterator<Item = &'a str> {
        let one = self.spec.get("source").into_iter();
        let many = self.spec.get("sources").and_then(Node::as_sequence);
        let all = one.chain(many.unwrap_or_default());
        all.filter_map(|it| fixed_text(it.get("path")?))
    }

    /// The addresses of its sources, with their fields.
    pub(super) fn sources(&self) -> Vec<(&'a str, String)> {
        let one = self.spec.get("source").map(|it| (it, "source".to_string()));
        let many = self.spec.get("sources").and_then(Node::as_sequence);
        let many = many.unwrap_or_default().iter().enumerate();
        let many = many.map(|(index, it)| (it, format!("sources.{index}")));
        let all = one.into_iter().chain(many);
        all.filter_map(|(it, at)| Some((fixed_text(it.get("repoURL")?)?, format!("{at}.repoURL"))))
            .collect()
    }
}

/// A string without parameters of generators.
fn fixed_text(node: &Node) -> Option<&str> {
    node.as_str().filter(|it| !it.contains("{{"))
}
