//! `pleach publish`: pushes charts to a registry.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};

use super::session;
use super::{Global, Outcome, cache, output};
use pleach::chart::{Chart, digest, lint, pack, read_archive, read_chart, read_source, unpack};
use pleach::diag::{Diagnostic, Diagnostics, Source};
use pleach::disk::{self, Folder};
use pleach::fetch::{Network, Publication, RepositoryAddress, config};
use pleach::tree::{Files, Tree, TreePath};
use pleach::yaml::{Node, parse_one};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: Target,
}

#[derive(Debug, Subcommand)]
enum Target {
    /// Pack Helm charts reproducibly and push those that the registry does not have yet
    Chart(ChartArguments),
}

#[derive(Debug, Args)]
struct ChartArguments {
    /// Folders or archives of charts, then the registry without the chart's name: `oci://ghcr.io/acme/charts`
    #[arg(value_name = "PATH… [oci://…]", required = true)]
    locations: Vec<String>,
    /// Write the archive to this file; `-` is standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Overwrite a version that exists in the registry with different content
    #[arg(long)]
    force: bool,
    /// Print what would be pushed, without pushing it
    #[arg(long)]
    dry_run: bool,
    /// Use HTTP without TLS; always used for a registry on localhost
    #[arg(long)]
    plain_http: bool,
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> Result<Outcome> {
    let Target::Chart(arguments) = &arguments.what;
    let is_registry = |it: &&String| it.contains("://");
    let registries: Vec<&String> = arguments.locations.iter().filter(is_registry).collect();
    let paths: Vec<&String> = arguments
        .locations
        .iter()
        .filter(|it| !is_registry(it))
        .collect();
    let registry = match *registries {
        [] => None,
        [one] if one.starts_with("oci://") => Some(one),
        [one] => bail!("charts are pushed to `oci://…`, not `{one}`"),
        _ => bail!("expected one registry, found {}", registries.len()),
    };
    if paths.is_empty() || registry.is_none() && arguments.output.is_none() {
        bail!(
            "expected the folder of a chart, and a registry (`oci://…`) or a file for the archive (`-o FILE`)"
        );
    }
    if arguments.output.is_some() && paths.len() > 1 {
        bail!("`-o` expects one chart, found {}", paths.len());
    }
    let current = session::directory(global)?;
    let network = Network::new(cache::credentials());
    let mut outcome = Outcome::Clean;
    for path in paths {
        let packed = match PackedChart::read(&current, path, global)? {
            Some(packed) => packed,
            None => {
                outcome = Outcome::Findings;
                continue;
            }
        };
        if let Some(file) = &arguments.output {
            packed.write(&current, file)?;
        }
        if let Some(registry) = registry {
            let location = RepositoryAddress {
                address: registry.trim_end_matches('/').to_string(),
                plain: arguments.plain_http,
            };
            if let Err(fault) = packed.push(&network, &location, arguments) {
                outcome = session::report(&fault.into(), global, &|it| it.to_string());
            }
        }
    }
    Ok(outcome)
}

/// A chart and its archive.
struct PackedChart {
    chart: Chart,
    archive: Vec<u8>,
}

impl PackedChart {
    /// `None` if the chart has errors, which are reported.
    fn read(current: &Path, path: &str, global: &Global) -> Result<Option<PackedChart>> {
        let location = current.join(path).canonicalize();
        let location = location.with_context(|| format!("chart `{path}` not found"))?;
        let name = location
            .file_name()
            .and_then(|it| it.to_str())
            .unwrap_or("");
        // As given by the user, so that messages contain paths that can be opened.
        let path_as_given = TreePath::new(path).filter(|it| *it != TreePath::root());
        let path_as_given = path_as_given.unwrap_or_else(|| TreePath::root().child(name));
        let mut faults = Diagnostics::default();
        let packed = match location.is_dir() {
            true => {
                PackedChart::from_folder(&Folder::open(&location)?, &path_as_given, &mut faults)
            }
            false => {
                let files = Folder::open(location.parent().unwrap_or(&location))?;
                let archive = files.read(&TreePath::root().child(name))?.to_vec();
                let chart = faults.keep(read_archive(&archive, name));
                chart.map(|chart| PackedChart { chart, archive })
            }
        };
        let outcome = session::report(&faults, global, &|it| it.to_string());
        Ok(packed.filter(|_| outcome == Outcome::Clean))
    }

    fn from_folder(
        files: &Folder,
        path_as_given: &TreePath,
        faults: &mut Diagnostics,
    ) -> Option<PackedChart> {
        let source = faults.keep(read_source(files, &TreePath::root()))?;
        faults.extend(lint(&source, path_as_given));
        if faults.has_errors() {
            return None;
        }
        let chart = faults.keep(read_chart(&source, path_as_given))?;
        let archive = faults.keep(pack(&source, &chart.name))?;
        Some(PackedChart { chart, archive })
    }

    fn title(&self) -> String {
        format!("{} {}", self.chart.name, self.chart.version.as_str())
    }

    fn write(&self, current: &Path, file: &Path) -> Result<()> {
        if file == Path::new("-") {
            return output::data(&self.archive);
        }
        let file = current.join(file);
        let _shared = file.parent().map(disk::Lock::share);
        disk::store(&file, &self.archive)?;
        output::status(&format!(
            "{} packed: {}, {}\n",
            self.title(),
            file.display(),
            digest(&self.archive)
        ));
        Ok(())
    }

    /// Pushes the archive, unless the registry already has the same one.
    fn push(
        &self,
        network: &Network,
        location: &RepositoryAddress,
        arguments: &ChartArguments,
    ) -> Result<(), Diagnostic> {
        let (name, version) = (&*self.chart.name, self.chart.version.as_str());
        let target = format!("{}/{name}:{}", location.address, version.replace('+', "_"));
        if let Some(published) = network.published(location, name, version)? {
            let changed = self.changed(network, location, &published)?;
            if changed.is_empty() {
                output::status(&format!("{target} already has this chart\n"));
                return Ok(());
            }
            if !arguments.force {
                let message = format!(
                    "`{target}` already exists with different content: {}",
                    changed.join(", ")
                );
                let at = self
                    .chart
                    .metadata
                    .get("version")
                    .unwrap_or(&self.chart.metadata);
                let fault = Diagnostic::error("published-version", message).at(at);
                return Err(fault.help("increase `version` in Chart.yaml, or overwrite the published chart with `--force`"));
            }
        }
        if arguments.dry_run {
            output::status(&format!(
                "{target} would be pushed: {}\n",
                digest(&self.archive)
            ));
            return Ok(());
        }
        let config = config(&self.chart.metadata);
        let pushed = network.publish(
            location,
            &Publication {
                name,
                version,
                config: &config,
                archive: &self.archive,
                annotations: self.annotations(),
            },
        )?;
        output::text(&format!("{target}@{pushed}\n"))
            .map_err(|error| Diagnostic::error("unwritable", error.to_string()))
    }

    /// The files that differ from those of a published archive. Another program may have packed the same files to different bytes.
    fn changed(
        &self,
        network: &Network,
        location: &RepositoryAddress,
        published_digest: &str,
    ) -> Result<Vec<String>, Diagnostic> {
        if digest(&self.archive) == published_digest {
            return Ok(Vec::new());
        }
        let published = network.published_archive(location, &self.chart.name, published_digest)?;
        let before = published.map_or(Ok(Tree::new()), |it| unpack(&it, &self.title()))?;
        let after = unpack(&self.archive, &self.title())?;
        let paths = before.iter().chain(after.iter()).map(|it| it.0);
        let differ = paths.filter(|it| !is_same(it, &before, &after));
        let mut changed: Vec<String> = differ.map(|it| format!("`{it}`")).collect();
        changed.sort();
        changed.dedup();
        Ok(changed)
    }

    fn annotations(&self) -> BTreeMap<String, String> {
        let text = |key: &str| self.chart.metadata.get(key).and_then(Node::as_str);
        let sources = self
            .chart
            .metadata
            .get("sources")
            .and_then(Node::as_sequence);
        let source = sources.and_then(|it| it.first()?.as_str());
        let written = [
            ("title", text("name")),
            ("version", text("version")),
            ("description", text("description")),
            ("url", text("home")),
            ("source", source),
        ];
        let given = written
            .into_iter()
            .filter_map(|(key, value)| Some((key, value?)));
        given
            .map(|(key, value)| (format!("org.opencontainers.image.{key}"), value.to_string()))
            .collect()
    }
}

/// Whether a file has the same meaning in both. Helm rewrites `Chart.yaml` when it packs.
fn is_same(path: &TreePath, before: &Tree, after: &Tree) -> bool {
    if before.get(path) == after.get(path) {
        return true;
    }
    let data = |tree: &Tree| {
        let text = String::from_utf8(tree.get(path)?.to_vec()).ok()?;
        let node = parse_one(&Source::internal("Chart.yaml", text)).ok()?;
        Some(config(&node))
    };
    let pair = data(before).zip(data(after));
    path.as_str() == "Chart.yaml" && pair.is_some_and(|(a, b)| a == b)
}
