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
        let all = self.located_sources();
        all.filter_map(|it| fixed_text(it.0.get("path")?))
    }

    /// The addresses of its sources, with their fields.
    pub(super) fn sources(&self) -> Vec<(&'a str, String)> {
        let all = self.located_sources();
        all.filter_map(|(it, at)| Some((fixed_text(it.get("repoURL")?)?, format!("{at}.repoURL"))))
            .collect()
    }

    /// The names of the releases of its charts, with their fields. Without `releaseName`, it is the name of the Application.
    pub(super) fn releases(&self) -> Vec<(&'a str, FieldPath)> {
        let object = &self.sourced.object;
        let own = match object.kind() {
            "Application" => object
                .node
                .at_keys(&["metadata", "name"])
                .and_then(fixed_text),
            _ => None,
        };
        let charts = self
            .located_sources()
            .filter(|it| it.0.get("chart").is_some());
        let name = |(source, at): (&'a Node, String)| match source.at_keys(&["helm", "releaseName"])
        {
            Some(name) => Some((
                fixed_text(name)?,
                self.location(&format!("{at}.helm.releaseName")),
            )),
            None => Some((own?, FieldPath::dotted("metadata.name"))),
        };
        charts.filter_map(name).collect()
    }

    /// Whether a plugin renders one of its sources.
    pub(super) fn has_plugin(&self) -> bool {
        self.located_sources()
            .any(|it| it.0.get("plugin").is_some())
    }

    /// Its sources, each with its field.
    fn located_sources(&self) -> impl Iterator<Item = (&'a Node, String)> {
        let one = self.spec.get("source").map(|it| (it, "source".to_string()));
        let many = self.spec.get("sources").and_then(Node::as_sequence);
        let many = many.unwrap_or_default().iter().enumerate();
        let many = many.map(|(index, it)| (it, format!("sources.{index}")));
        one.into_iter().chain(many)
    }
}

/// A string without parameters of generators.
fn fixed_text(node: &Node) -> Option<&str> {
    node.as_str().filter(|it| !it.contains("{{"))
}
