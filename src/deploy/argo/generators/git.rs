//! The generator `git`: folders and files of the repository.

use pleach_helm::value::{Str, Value};

use super::super::parameters::{Parameters, flattened, normalized, of_mapping};
use super::{Generators, ParameterSet, ParameterSets, not_allowed};
use crate::deploy::flux::plain;
use crate::deploy::glob::{Dialect, is_match};
use crate::deploy::sync::{flag, items, text};
use crate::diag::{Diagnostic, Diagnostics, Source};
use crate::tree::{EntryKind, TreePath};
use crate::yaml::{Node, parse};

impl Generators<'_> {
    pub(super) fn git(&self, spec: &Node, diagnostics: &mut Diagnostics) -> ParameterSets {
        let url = text(spec, &["repoURL"]);
        let urls = self.context.urls;
        if !urls.is_empty() && !urls.contains(&plain(url)) {
            let at = spec.get("repoURL").unwrap_or(spec);
            diagnostics.push(self.not_shown(at, &format!("`{url}` is not this repository")));
            return Ok(Vec::new());
        }
        let (directories, files) = (items(spec, &["directories"]), items(spec, &["files"]));
        if directories.is_empty() && files.is_empty() {
            let message = "a git generator requires `directories` or `files`";
            return Err(not_allowed(spec, message));
        }
        let mut sets = Vec::new();
        if !directories.is_empty() {
            let folders = self.folders.get_or_init(|| self.paths(EntryKind::Folder));
            let fits = |pattern: &str, path: &str| is_match(pattern, path, Dialect::Path);
            for folder in folders.iter().filter(|it| is_listed(directories, it, fits)) {
                sets.push(self.with_path(Parameters::new(), spec, folder, None)?);
            }
        } else {
            let found = self.files.get_or_init(|| self.paths(EntryKind::File));
            // As with `git ls-files`, unless a setting of the controller changes this.
            for file in found.iter().filter(|it| is_listed(files, it, is_pathspec)) {
                for content in self.file(file)? {
                    let folder = file.parent().unwrap_or_else(TreePath::root);
                    sets.push(self.with_path(content, spec, &folder, Some(file.name()))?);
                }
            }
        }
        Ok(sets)
    }

    /// The objects of a file.
    fn file(&self, file: &TreePath) -> Result<Vec<Parameters>, Diagnostic> {
        let failed = |reason: &str| {
            Diagnostic::error(
                "invalid-value",
                format!("`{file}` contains no parameters: {reason}"),
            )
        };
        let bytes = self.context.files.read(file);
        let bytes = bytes.map_err(|it| failed(&it.to_string()))?;
        let text = str::from_utf8(&bytes).map_err(|_| failed("it is not valid UTF-8"))?;
        let parsed = parse(&Source::new(file.clone(), text));
        let documents = parsed.map_err(|faults| {
            let fault = faults.into_iter().next();
            fault.unwrap_or_else(|| failed("it is not valid YAML"))
        })?;
        let node = documents.into_iter().next().unwrap_or_else(Node::null);
        let objects: Vec<Parameters> = match node.as_sequence() {
            Some(items) => items.iter().map(of_mapping).collect(),
            None if node.is_null() || node.as_mapping().is_some() => vec![of_mapping(&node)],
            None => {
                let message = "expected a mapping or a list of mappings";
                return Err(Diagnostic::error("invalid-value", message).at(&node));
            }
        };
        Ok(match self.language.is_go {
            true => objects,
            false => objects.iter().map(flattened).collect(),
        })
    }

    /// Folders or files of the repository, in order. Hidden folders are skipped, but files in them are not.
    fn paths(&self, kind: EntryKind) -> Vec<TreePath> {
        let (mut open, mut found) = (vec![TreePath::root()], Vec::new());
        while let Some(folder) = open.pop() {
            for entry in self.context.files.list(&folder).unwrap_or_default() {
                let path = folder.child(&entry.name);
                let is_folder = entry.kind == EntryKind::Folder;
                let is_hidden = entry.name.starts_with('.') && kind == EntryKind::Folder;
                if is_folder && (is_hidden || &*entry.name == ".git") {
                    continue;
                }
                if entry.kind == kind {
                    found.push(path.clone());
                }
                if is_folder {
                    open.push(path);
                }
            }
        }
        found.sort();
        found
    }

    /// `path`, and `values` of the generator with its templates replaced.
    fn with_path(
        &self,
        mut parameters: Parameters,
        spec: &Node,
        folder: &TreePath,
        file: Option<&str>,
    ) -> ParameterSet {
        let prefix = text(spec, &["pathParamPrefix"]);
        let path = match folder.as_str() {
            "" => ".",
            path => path,
        };
        let base = path.rsplit('/').next().unwrap_or(path);
        let mut names = vec![("basename", base), ("filename", file.unwrap_or(""))];
        names.retain(|it| it.0 == "basename" || file.is_some());
        let names = names.iter().flat_map(|(name, value)| {
            let normal = (format!("{name}Normalized"), normalized(value));
            [(name.to_string(), value.to_string()), normal]
        });
        let segments = path.split('/');
        if self.language.is_go {
            let names = names.map(|(name, value)| (Str::from(name), Value::string(value)));
            let mut own: Parameters = names.collect();
            own.insert("path".into(), Value::string(path));
            own.insert("segments".into(), Value::strings(segments));
            let own = ("path".into(), Value::map(own));
            match prefix {
                "" => parameters.extend([own]),
                prefix => parameters.extend([(prefix.into(), Value::map([own]))]),
            }
        } else {
            let name = match prefix {
                "" => "path".to_string(),
                prefix => format!("{prefix}.path"),
            };
            let mut add = |key: String, value: &str| {
                parameters.insert(key.into(), Value::string(value));
            };
            for (key, value) in names {
                add(format!("{name}.{key}"), &value);
            }
            for (at, segment) in segments.enumerate() {
                add(format!("{name}[{at}]"), segment);
            }
            add(name, path);
        }
        self.with_values(parameters, spec)
    }
}

/// Whether some entry lists a path and none excludes it.
fn is_listed(entries: &[Node], path: &TreePath, fits: impl Fn(&str, &str) -> bool) -> bool {
    let fits = |entry: &&Node| fits(text(entry, &["path"]), path.as_str());
    let is_excluded = |entry: &&Node| flag(entry, &["exclude"]);
    let mut fitting = entries.iter().filter(fits);
    let mut others = fitting.clone();
    fitting.any(|it| !is_excluded(&it)) && !others.any(|it| is_excluded(&it))
}

/// Whether `git ls-files` lists a path for a pattern: `*` also matches slashes, and the path of a folder matches all files in it.
fn is_pathspec(pattern: &str, path: &str) -> bool {
    let pattern = pattern.trim_start_matches("./");
    let folder = pattern.trim_end_matches('/');
    let below = path.strip_prefix(folder);
    let is_below =
        below.is_some_and(|it| folder.is_empty() || it.is_empty() || it.starts_with('/'));
    is_below || is_match(pattern, path, Dialect::Pathspec)
}
