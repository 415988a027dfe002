//! One kustomization after another: resources, generators, components and transformers, from the leaves up.

use std::collections::BTreeSet;
use std::sync::Arc;

use pleach_kube::schema::Schemas;
use pleach_yaml::diag::{Class, Diagnostic, Diagnostics, Source, Span};
use pleach_yaml::parallel;
use pleach_yaml::tree::{Recorded, TreePath};
use pleach_yaml::{parse_one, parse_one_with_duplicates};

use super::bases::{Base, BaseContent, Bases, Found};
use super::charts::ChartRenderer;
use super::config::Config;
use super::duplicates::{Keep, one_of_each};
use super::kustomization::{FILE_NAMES, Kustomization};
use super::limits::{self, ERRORS_MAX, REPEATS_MAX};
use super::load::{Loaded, Loader, ResourceLocation};
use super::origin::Origin;
use super::record::Text;
use super::resource::Resource;
use super::resources::Resources;
use super::vars::Variable;
use super::{crds, defaults, duplicates, generate, openapi, plugins, transform, vars};

/// The state of a build.
pub(super) struct Context<'a> {
    /// The renderer of charts; `None` if charts are not inflated.
    pub(super) charts: Option<&'a dyn ChartRenderer>,
    /// The bases that other builds over the same files have built.
    pub(super) bases: Option<&'a Bases>,
    pub(super) loader: Loader<'a>,
    pub(super) schemas: Arc<Schemas>,
    pub(super) diagnostics: Diagnostics,
    /// Whether origins are recorded, for `buildMetadata`.
    pub(super) track: bool,
    /// Whether a kustomization brought its own schema.
    pub(super) custom_schema: bool,
    /// The uses of the built-in schema so far.
    pub(super) needed: openapi::SchemaUse,
    /// The number of values that transformers have added so far.
    pub(super) added: limits::Added,
    pub(super) entered: Entered,
    /// The number of times that a folder was entered again.
    pub(super) repeats: usize,
}

/// The kustomizations that a build has entered.
#[derive(Clone, Default)]
pub(super) struct Entered {
    pub(super) folders: BTreeSet<TreePath>,
    pub(super) files: Vec<Arc<Source>>,
}

/// The number of files from which on reading them in parallel is worthwhile.
const FILES_MANY: usize = 8;

/// The number of files read before the errors among them are counted.
const BATCH: usize = 1_024;

/// The maximum depth of nested kustomizations, each of which uses a part of the stack.
// Real chains have a few levels; without a limit, generated folders could overflow the stack.
const CHAIN_MAX: usize = 100;

/// An error that is already in the diagnostics.
pub(super) struct Failed;

/// The result of a kustomization for its parent.
#[derive(Clone, Default)]
pub(super) struct Accumulated {
    pub(super) resources: Resources,
    /// The field specs in use; `None` while nothing was read.
    pub(super) config: Option<Arc<Config>>,
    pub(super) variables: Vec<Variable>,
}

/// The position in the chain of kustomizations.
#[derive(Clone)]
pub(super) struct KustomizationFrame<'a> {
    pub(super) kustomization: &'a Kustomization,
    /// The folder, as the chain of entries from the built folder leads to it.
    pub(super) origin: Origin,
    /// Folders of this kustomization and of those that led here.
    pub(super) folders: Vec<TreePath>,
    /// The namespace of the nearest parent kustomization that sets one, for charts without a namespace; empty for none.
    pub(super) outer_namespace: String,
}

impl Accumulated {
    /// Adds field specs to those in use.
    ///
    /// kustomize's behaviour is surprising here: a spec is dropped if there already is one with the same path that it would select.
    /// When specs are merged in sorted order, those for single kinds therefore displace the default for all kinds: with a
    /// configuration of `namePrefix` for ConfigMaps, nothing else gets the prefix.
    pub(super) fn merge_config(&mut self, more: &Arc<Config>) -> Result<(), Diagnostic> {
        let pristine = Arc::ptr_eq(more, defaults::config());
        match &mut self.config {
            None if pristine => self.config = Some(more.clone()),
            None => {
                let mut config = Config::default();
                config.merge(more)?;
                self.config = Some(Arc::new(config));
            }
            Some(config) if Arc::ptr_eq(config, more) => {}
            Some(config) => Arc::make_mut(config).merge(more)?,
        }
        Ok(())
    }

    fn absorb(&mut self, other: Accumulated, schemas: &Schemas, diagnostics: &mut Diagnostics) {
        // Most kustomizations have a single base, whose resources are moved as they are.
        if self.resources.is_empty() {
            self.resources = other.resources;
            diagnostics.keep(self.resources.check_renamed(schemas));
        } else {
            for resource in other.resources.into_list() {
                diagnostics.keep(self.resources.append(resource, schemas));
            }
        }
        if let Some(config) = &other.config {
            diagnostics.keep(self.merge_config(config));
        }
        diagnostics.keep(vars::merge(&mut self.variables, other.variables));
    }
}

impl KustomizationFrame<'_> {
    /// The folder of the kustomization.
    pub(super) fn folder(&self) -> TreePath {
        self.kustomization.folder()
    }

    /// The kustomization file as origins name it.
    pub(super) fn file(&self) -> Origin {
        self.origin.join(self.kustomization.path.name())
    }
}

impl<'a> Context<'a> {
    /// The state of a build that has not begun.
    pub(super) fn new(loader: Loader<'a>, schemas: Arc<Schemas>) -> Context<'a> {
        Context {
            charts: None,
            bases: None,
            loader,
            schemas,
            diagnostics: Diagnostics::default(),
            track: false,
            custom_schema: false,
            needed: openapi::SchemaUse::Nothing,
            added: limits::Added::default(),
            entered: Entered::default(),
            repeats: 0,
        }
    }
}

impl Context<'_> {
    pub(super) fn keep<T>(&mut self, result: Result<T, Diagnostic>) -> Option<T> {
        self.diagnostics.keep(result)
    }

    pub(super) fn keep_all<T>(&mut self, result: Result<T, Diagnostics>) -> Option<T> {
        result
            .map_err(|faults| {
                let faults = faults.into_iter().map(only_first_document);
                self.diagnostics.extend(faults);
            })
            .ok()
    }

    /// Fails if errors were added since there were `before` of them.
    pub(super) fn check(&self, before: usize) -> Result<(), Failed> {
        if self.diagnostics.errors() > before {
            Err(Failed)
        } else {
            Ok(())
        }
    }

    /// Reads the kustomization file of a folder.
    pub(super) fn kustomization(
        &mut self,
        folder: &TreePath,
        at: Option<&Span>,
    ) -> Result<Kustomization, Failed> {
        let location = |it: Diagnostic| match at {
            Some(span) => it.at(span),
            None => it.at(Span::of_file(folder)),
        };
        let name = self.kustomization_file(folder).map_err(|fault| {
            self.diagnostics.push(location(fault));
            Failed
        })?;
        let path = folder.child(name);
        let bytes = self.loader.files.read(&path).map_err(|error| {
            let message = format!("cannot read `{}`: {error}", self.loader.display(&path));
            self.diagnostics.push(location(
                Diagnostic::error("unreadable-file", message).class(Class::Unreadable),
            ));
            Failed
        })?;
        let empty = Source::new(path.clone(), "");
        let text = self
            .loader
            .text(path.clone(), &bytes, &Span::new(&empty, 0..0));
        let text = self.keep(text).ok_or(Failed)?;
        self.entered.files.push(text.clone());
        let parsed = self.keep_all(parse_one_with_duplicates(&text));
        let (node, duplicates) = parsed.ok_or(Failed)?;
        let node = match duplicates.is_empty() {
            true => node,
            // `sigs.k8s.io/yaml` converts the file to JSON, and Go keeps the last of equal keys.
            false => one_of_each(&node, Keep::Last),
        };
        let warnings = duplicates::warnings(duplicates, Keep::Last);
        self.diagnostics.extend(warnings);
        Kustomization::read(&path, &node, &mut self.diagnostics).ok_or(Failed)
    }

    /// Runs a step for an entry, and adds the entry to its diagnostics.
    fn below<T>(&mut self, entry: &Text, run: impl FnOnce(&mut Self) -> T) -> T {
        let outer = std::mem::take(&mut self.diagnostics);
        let result = run(self);
        let inner = std::mem::replace(&mut self.diagnostics, outer);
        self.diagnostics.extend(
            inner
                .into_iter()
                .map(|it| it.related(entry.span(), "included here")),
        );
        result
    }

    /// Builds a kustomization on top of existing resources.
    pub(super) fn accumulate(
        &mut self,
        level: &KustomizationFrame<'_>,
        mut sum: Accumulated,
    ) -> Result<Accumulated, Failed> {
        let before = self.diagnostics.errors();
        let kustomization = level.kustomization;
        self.add_resources(level, &mut sum, &kustomization.fields.resources);
        // After the resources, because kustomize merges the configuration of bases first and reports a
        // conflict at the overlay.
        let config = self.configuration(level);
        let merged = sum.merge_config(&config);
        self.keep(merged);
        for entry in &kustomization.fields.crds {
            if self.diagnostics.errors() - before >= ERRORS_MAX {
                break;
            }
            let config = crds::read(self, &level.folder(), entry);
            let merged = config.map(|it| sum.merge_config(&Arc::new(it)));
            merged.and_then(|it| self.keep(it));
        }
        generate::run(self, level, &mut sum.resources);
        self.check(before)?;
        for entry in &kustomization.fields.components {
            // A component changes existing resources, so it starts from the resources of its parent, including generated ones.
            sum = self.add_component(level, sum, entry)?;
        }
        transform::run(self, level, &mut sum)?;
        plugins::transform(self, level, &mut sum, &kustomization.fields.transformers)?;
        // Validators see the result of all transformers.
        plugins::validate(self, level, &mut sum)?;
        // Last, because variables refer to names after the transformers of their own kustomization,
        // and are resolved on the outermost level.
        vars::add(self, level, &mut sum);
        self.check(before)?;
        Ok(sum)
    }

    /// Adds the resources of a list of files and folders. The files are read first, all at once.
    pub(super) fn add_resources(
        &mut self,
        level: &KustomizationFrame<'_>,
        sum: &mut Accumulated,
        entries: &[Text],
    ) {
        let (loader, folder) = (self.loader, level.folder());
        let before = self.diagnostics.errors();
        let batches = entries.chunks(BATCH).flat_map(|batch| {
            let loaded = parallel::map(FILES_MANY, batch, |it| loader.load(&folder, it));
            batch.iter().zip(loaded)
        });
        for (entry, loaded) in batches {
            if self.diagnostics.errors() - before >= ERRORS_MAX {
                return;
            }
            match loaded {
                Loaded::Resources(resources) => self.add_file(level, sum, entry, resources),
                Loaded::Faulty(faults) => self.diagnostics.extend(faults),
                Loaded::Folder(folder) => {
                    let added = self.below(entry, |it| it.add_folder(level, entry, &folder));
                    if let Ok(added) = added {
                        let mut faults = Diagnostics::default();
                        sum.absorb(added, &self.schemas, &mut faults);
                        let faults = faults.into_iter();
                        self.diagnostics
                            .extend(faults.map(|it| it.related(entry.span(), "added here")));
                    }
                }
            }
        }
    }

    fn add_file(
        &mut self,
        level: &KustomizationFrame<'_>,
        sum: &mut Accumulated,
        entry: &Text,
        resources: Vec<Resource>,
    ) {
        let origin = self.track.then(|| Box::new(level.origin.join(entry)));
        for mut resource in resources {
            resource.origin.clone_from(&origin);
            if self.repeats > 0 {
                let counted = self.added.add_copies(resource.node(), 1);
                if self.keep(counted.map_err(|it| it.at(entry))).is_none() {
                    return;
                }
            }
            let scope = self.schemas.is_cluster_scoped(&resource.object.gvk());
            if scope.is_none() {
                self.needed = self.needed.max(openapi::SchemaUse::Scopes);
            }
            let added = sum.resources.append(resource, &self.schemas);
            self.keep(added.map_err(|it| it.related(entry.span(), "added here")));
        }
    }

    fn add_folder(
        &mut self,
        level: &KustomizationFrame<'_>,
        entry: &Text,
        folder: &TreePath,
    ) -> Result<Accumulated, Failed> {
        if let Some(known) = self.known_base(level, entry, folder) {
            return Ok(known);
        }
        let kustomization = self.enter(level, entry, folder, false)?;
        let level = self.deeper(level, &kustomization, entry);
        self.accumulate(&level, Accumulated::default())
    }

    /// The cached result of a folder, for builds that share their bases.
    fn known_base(
        &mut self,
        level: &KustomizationFrame<'_>,
        entry: &Text,
        folder: &TreePath,
    ) -> Option<Accumulated> {
        // In each of these cases, the result depends on more than the files of the folder.
        let depends_on_more =
            self.track || self.custom_schema || self.charts.is_some() || self.repeats > 0;
        let bases = self.bases.filter(|_| !depends_on_more)?;
        let base = match bases.find(folder, self.loader.files) {
            Found::Built(base) => base,
            Found::First => return None,
            Found::Again => {
                let base = Arc::new(self.build_base(level, entry, folder)?);
                bases.keep(folder, base.clone());
                base
            }
        };
        let BaseContent {
            accumulated,
            entered,
            needed,
            added,
        } = &base.content;
        if !self.entered.folders.is_disjoint(&entered.folders) {
            return None;
        }
        self.added.add(*added).ok()?;
        self.needed = self.needed.max(*needed);
        self.entered.folders.extend(entered.folders.iter().cloned());
        self.entered.files.extend(entered.files.iter().cloned());
        Some(accumulated.clone())
    }

    /// Builds a folder by itself; `None` if there are diagnostics, or if the result depends on more than its files.
    fn build_base(
        &self,
        level: &KustomizationFrame<'_>,
        entry: &Text,
        folder: &TreePath,
    ) -> Option<Base> {
        let files = Recorded::new(self.loader.files);
        let loader = Loader {
            files: &files,
            ..self.loader
        };
        let mut context = Context::new(loader, self.schemas.clone());
        let kustomization = context.enter(level, entry, folder, false).ok()?;
        let deeper = context.deeper(level, &kustomization, entry);
        let accumulated = context.accumulate(&deeper, Accumulated::default()).ok()?;
        let is_of_its_files =
            context.diagnostics.is_empty() && !context.custom_schema && context.repeats == 0;
        let content = BaseContent {
            accumulated,
            entered: context.entered,
            needed: context.needed,
            added: context.added.values(),
        };
        let read = files.finish();
        is_of_its_files.then(|| Base::new(self.loader.files, read, content))
    }

    fn add_component(
        &mut self,
        level: &KustomizationFrame<'_>,
        sum: Accumulated,
        entry: &Text,
    ) -> Result<Accumulated, Failed> {
        let ResourceLocation::Folder(folder) = self
            .keep(self.loader.location(&level.folder(), entry, entry.span()))
            .ok_or(Failed)?
        else {
            let message = format!(
                "expected the folder of a component, found the file `{}`",
                &**entry
            );
            self.diagnostics
                .push(Diagnostic::error("not-a-component", message).at(entry));
            return Err(Failed);
        };
        self.below(entry, |it| {
            let kustomization = it.enter(level, entry, &folder, true)?;
            let level = it.deeper(level, &kustomization, entry);
            let mut sum = it.accumulate(&level, sum)?;
            let unique = sum.resources.check_renamed(&it.schemas);
            it.keep(unique).ok_or(Failed)?;
            Ok(sum)
        })
    }

    /// The name of the kustomization file of a folder.
    fn kustomization_file(&self, folder: &TreePath) -> Result<&'static str, Diagnostic> {
        let entries = self.loader.files.list(folder).unwrap_or_default();
        let names = FILE_NAMES.into_iter();
        let names = names.filter(|name| entries.iter().any(|it| &*it.name == *name));
        let (names, outside): (Vec<_>, Vec<_>) =
            names.partition(|it| self.loader.may_read(folder, &folder.child(it)));
        let mut names = names.into_iter();
        let path = || match self.loader.display(folder) {
            // The built folder itself has a name only in a folder above it.
            path if path == "." && !folder.name().is_empty() => folder.name().to_string(),
            path => path,
        };
        match (names.next(), names.next()) {
            (Some(name), None) => Ok(name),
            // kustomize also rejects this: with two files, editing one of them might have no effect.
            (Some(name), Some(other)) => {
                let path = path();
                let message =
                    format!("two kustomization files in `{path}`: `{name}` and `{other}`");
                let fault = Diagnostic::error("two-kustomizations", message);
                Err(fault.help("remove one of them"))
            }
            (None, _) => Err(match outside.first() {
                // kustomize treats such a file as missing.
                Some(name) => self.linked_kustomization(&folder.child(name)),
                None => {
                    let message = format!("no kustomization file in `{}`", path());
                    let [first, second, third] = FILE_NAMES;
                    let help = format!("expected `{first}`, `{second}` or `{third}`");
                    Diagnostic::error("missing-kustomization", message).help(help)
                }
            }),
        }
    }

    fn linked_kustomization(&self, file: &TreePath) -> Diagnostic {
        let path = self.loader.display(file);
        let message = format!("`{path}` is a link to a file outside of its folder");
        Diagnostic::error("file-outside-root", message)
            .help("replace the link by a copy, or list the folder of its target under `resources`")
    }

    /// Reads the kustomization of a folder that an entry names.
    fn enter(
        &mut self,
        level: &KustomizationFrame<'_>,
        entry: &Text,
        folder: &TreePath,
        component: bool,
    ) -> Result<Kustomization, Failed> {
        self.check_chain(level, entry, folder)?;
        self.count_entry(folder, entry)?;
        let kustomization = self.kustomization(folder, Some(entry.span()))?;
        // Before the schema is used: the first kustomization with a schema decides for the whole
        // build.
        openapi::enter(self, &kustomization)?;
        if kustomization.component != component {
            let path = self.loader.display(folder);
            let (code, message, help) = match component {
                true => (
                    "not-a-component",
                    format!("`{path}` is a Kustomization, not a Component"),
                    "list it under `resources`",
                ),
                false => (
                    "component-as-resource",
                    format!("`{path}` is a component"),
                    "list it under `components`",
                ),
            };
            self.diagnostics
                .push(Diagnostic::error(code, message).at(entry).help(help));
            return Err(Failed);
        }
        Ok(kustomization)
    }

    /// Reports a folder that includes itself, and a chain of kustomizations that is too long.
    fn check_chain(
        &mut self,
        level: &KustomizationFrame<'_>,
        entry: &Text,
        folder: &TreePath,
    ) -> Result<(), Failed> {
        if let Some(seen) = level
            .folders
            .iter()
            // kustomize also rejects a base that is a parent folder of the kustomization.
            .find(|it| *it == folder || it.below(folder).is_some())
        {
            let message = match (seen == folder, &*self.loader.display(folder)) {
                (true, ".") => "the kustomization includes itself".to_string(),
                (true, path) => format!("kustomization `{path}` includes itself"),
                (false, path) => {
                    let seen = self.loader.display(seen);
                    format!(
                        "`{path}` is a parent folder of kustomization `{seen}`, which includes it"
                    )
                }
            };
            self.diagnostics
                .push(Diagnostic::error("kustomization-cycle", message).at(entry));
            return Err(Failed);
        }
        if level.folders.len() >= CHAIN_MAX {
            let message = format!("kustomizations are nested more than {CHAIN_MAX} levels deep");
            let fault = Diagnostic::error("chain-too-long", message).at(entry);
            self.diagnostics
                .push(fault.help("build from a folder closer to the resources"));
            return Err(Failed);
        }
        Ok(())
    }

    /// Counts repeated folders: a kustomization that is included several times is built once for each path that leads to it.
    fn count_entry(&mut self, folder: &TreePath, entry: &Text) -> Result<(), Failed> {
        // Only repeated folders are counted, so a large build of distinct folders never reaches the
        // limit.
        if self.entered.folders.insert(folder.clone()) {
            return Ok(());
        }
        self.repeats += 1;
        if self.repeats <= REPEATS_MAX {
            return Ok(());
        }
        let message = format!(
            "kustomizations are included repeatedly, more than {REPEATS_MAX} times in total"
        );
        let fault = limits::limit(message).at(entry);
        self.diagnostics
            .push(fault.help("include each folder from one place only"));
        Err(Failed)
    }

    fn deeper<'k>(
        &self,
        level: &KustomizationFrame<'_>,
        kustomization: &'k Kustomization,
        entry: &Text,
    ) -> KustomizationFrame<'k> {
        let mut folders = level.folders.clone();
        folders.push(kustomization.folder());
        let outer_namespace = match &*level.kustomization.fields.namespace {
            "" => level.outer_namespace.clone(),
            namespace => namespace.to_string(),
        };
        KustomizationFrame {
            kustomization,
            origin: level.origin.join(entry),
            folders,
            outer_namespace,
        }
    }

    /// kustomize's own field specs, with those of the `configurations`.
    fn configuration(&mut self, level: &KustomizationFrame<'_>) -> Arc<Config> {
        let entries = &level.kustomization.fields.configurations;
        if entries.is_empty() {
            return defaults::config().clone();
        }
        let mut custom = Config::default();
        let before = self.diagnostics.errors();
        for entry in entries {
            if self.diagnostics.errors() - before >= ERRORS_MAX {
                break;
            }
            let read = self.loader.source(&level.folder(), entry, entry.span());
            let text = self.keep(read);
            let Some(node) = text.and_then(|it| self.keep_all(parse_one(&it))) else {
                continue;
            };
            let config = Config::read_file(&node, &mut self.diagnostics);
            let merged = custom.merge(&config);
            self.keep(merged);
        }
        // Configurations are added to the defaults. The files are merged with each other first, so
        // that a conflict between two of them is reported at the file.
        let mut config = Config::clone(defaults::config());
        let merged = config.merge(&custom);
        self.keep(merged);
        Arc::new(config)
    }
}

/// Records on each resource that a transformer was run.
pub(super) fn mark(resources: &mut Resources, origin: &Arc<Origin>) {
    for resource in resources.list_mut() {
        note(resource, origin);
    }
}

fn note(resource: &mut Resource, origin: &Arc<Origin>) {
    // The first step for a resource created it; all later ones transformed it.
    if resource.origin.is_some() {
        resource.transformations.push(origin.clone());
    } else {
        resource.origin = Some(Box::new(Origin::clone(origin)));
    }
}

/// Says what kustomize does with more documents than one.
pub(super) fn only_first_document(mut fault: Diagnostic) -> Diagnostic {
    if fault.class == Class::SeveralDocuments {
        fault.message = "expected one document: kustomize ignores all after the first".into();
        fault.help.clear();
        return fault.help("move this document to a file of its own, or delete it");
    }
    fault
}
