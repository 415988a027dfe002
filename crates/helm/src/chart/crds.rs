//! The CRDs of a chart, as far as they can be found without rendering it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::archive::unpack;
use pleach_yaml::diag::Source;
use pleach_yaml::tree::Tree;

const KIND: &str = "kind: CustomResourceDefinition";

/// The names of the CRDs in the files of a chart and its subcharts; `None` if a name is computed, or if subcharts are missing.
///
/// The files are searched line by line and not parsed, because templates are not YAML, and CRDs may have megabytes. The result may
/// contain too many names, but never too few.
pub(super) fn names(chart: &Tree) -> Option<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    let mut bundled = 0;
    for (path, bytes) in chart {
        let is_subchart = path.as_str().starts_with("charts/");
        if is_subchart && path.name().ends_with(".tgz") {
            found.extend(names(&unpack(bytes, path.as_str()).ok()?)?);
            bundled += 1;
        } else if path.name().ends_with(".yaml") || path.name().ends_with(".yml") {
            let text = String::from_utf8_lossy(bytes);
            bundled += usize::from(is_subchart && path.name() == "Chart.yaml");
            let own: BTreeSet<String> = text.lines().filter_map(crd_name).collect();
            let definitions = text.lines().filter(|it| it.trim() == KIND).count();
            if definitions > 0 {
                (definitions <= own.len()).then(|| found.extend(own))?;
            }
        }
    }
    let metadata = chart.iter().find(|it| it.0.as_str() == "Chart.yaml");
    let required = metadata.map_or(0, |it| dependency_count(&String::from_utf8_lossy(it.1)));
    (required <= bundled).then_some(found)
}

/// The files of a chart and its subcharts with CRDs and without template code.
pub(super) fn sources(chart: &Tree, title: &str) -> Vec<Arc<Source>> {
    let mut found = Vec::new();
    for (path, bytes) in chart {
        let is_yaml = path.name().ends_with(".yaml") || path.name().ends_with(".yml");
        if path.as_str().starts_with("charts/") && path.name().ends_with(".tgz") {
            let subchart = unpack(bytes, path.as_str()).unwrap_or_default();
            found.extend(sources(&subchart, title));
        } else if is_yaml {
            let text = String::from_utf8_lossy(bytes);
            if text.contains(KIND) && !text.contains("{{") {
                found.push(Source::internal(&format!("{title}/{path}"), text));
            }
        }
    }
    found
}

/// The name in a line such as `name: widgets.example.com`: names of CRDs contain a dot, most others do not.
fn crd_name(line: &str) -> Option<String> {
    let value = line.trim().strip_prefix("name:")?.trim();
    let value = value.trim_matches(['"', '\'']);
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    let is_crd = value.contains('.') && value.chars().all(is_name);
    is_crd.then(|| value.to_string())
}

/// The number of dependencies in the text of a `Chart.yaml`.
fn dependency_count(metadata: &str) -> usize {
    let lines = metadata
        .lines()
        .skip_while(|it| !it.starts_with("dependencies:"));
    let lines = lines
        .skip(1)
        .take_while(|it| it.starts_with([' ', '-', '#']) || it.is_empty());
    lines.filter(|it| it.contains("name:")).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names_in(text: &str) -> Option<Vec<String>> {
        names(&Tree::from_text(text)).map(|it| it.into_iter().collect())
    }

    #[test]
    fn names_are_found_in_files_and_templates() {
        let crd = "kind: CustomResourceDefinition\nmetadata:\n  name: 'widgets.example.com'\n";
        let chart = format!("-- Chart.yaml --\nname: a\n-- crds/a.yaml --\n{crd}");
        assert_eq!(
            names_in(&chart),
            Some(vec!["widgets.example.com".to_string()])
        );
        let chart = format!(
            "-- Chart.yaml --\nname: a\n-- templates/a.yaml --\n{{{{ if .Values.a }}}}\n{crd}{{{{ end }}}}\n"
        );
        assert_eq!(
            names_in(&chart),
            Some(vec!["widgets.example.com".to_string()])
        );
        assert_eq!(names_in("-- Chart.yaml --\nname: a.b\n"), Some(Vec::new()));
    }

    #[test]
    fn computed_names_and_missing_subcharts_make_names_unknown() {
        let computed = "kind: CustomResourceDefinition\nmetadata:\n  name: {{ .Values.name }}\n";
        assert_eq!(
            names_in(&format!(
                "-- Chart.yaml --\nname: a\n-- templates/a.yaml --\n{computed}"
            )),
            None
        );
        let parent = "-- Chart.yaml --\nname: a\ndependencies:\n- name: b\n  version: 1.0.0\n";
        assert_eq!(names_in(parent), None);
        let child = "-- charts/b/Chart.yaml --\nname: b\n";
        assert_eq!(names_in(&format!("{parent}{child}")), Some(Vec::new()));
    }
}
