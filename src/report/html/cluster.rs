//! A picture of each cluster of servers: shards, replicas, their zones and volumes, before and after.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::compare::{ClusterChange, Comparison};
use crate::products::{Cluster, Replica, Shard, Volume, Zones};

use super::super::summary::counted;
use super::super::wording::clipped;
use super::{SevereFindings, escaped, filter_attributes, tags};

/// The maximum number of shards, and of replicas of a shard, that are drawn.
const SHARDS_MAX: usize = 12;
const REPLICAS_MAX: usize = 6;

const NODE: (usize, usize) = (146, 46);
const VOLUME_HEIGHT: usize = 20;
const GAP: usize = 10;
const TITLE: usize = 24;

/// Equal pictures are shown once, with their environments.
pub(super) fn write(comparison: &Comparison, severe: &SevereFindings<'_>, page: &mut String) {
    let mut pictures: Vec<(&ClusterChange, Vec<&str>, Vec<&str>)> = Vec::new();
    for environment in &comparison.environments {
        for change in &environment.clusters {
            let id = change
                .after
                .as_ref()
                .or(change.before.as_ref())
                .map(|it| &it.id);
            let claim = environment
                .objects
                .iter()
                .find(|it| Some(&it.change.id) == id);
            let claim = claim.and_then(|it| it.claim.as_ref()).map(|it| &*it.title);
            match pictures.iter_mut().find(|it| it.0 == change) {
                Some(picture) => picture.1.push(&environment.name),
                None => {
                    pictures.push((change, vec![&environment.name], claim.into_iter().collect()))
                }
            }
        }
    }
    if pictures.is_empty() {
        return;
    }
    let products = pictures.iter().flat_map(|it| [&it.0.before, &it.0.after]);
    let products: BTreeSet<&str> = products.flatten().map(|it| it.product).collect();
    let products = products.into_iter().collect::<Vec<_>>().join(", ");
    let _ = writeln!(
        page,
        "<section data-of=\".cluster\" id=\"clusters\"><h2>{products} clusters</h2><div class=\"clusters\">"
    );
    for (change, environments, claims) in pictures {
        let is_severe = is_severe(change, &environments, severe);
        picture(change, &environments, &claims, is_severe, page);
    }
    page.push_str("</div></section>\n");
}

fn is_severe(change: &ClusterChange, environments: &[&str], severe: &SevereFindings<'_>) -> bool {
    let ids = [change.before.as_ref(), change.after.as_ref()];
    let mut ids = ids.into_iter().flatten().map(|it| &it.id);
    ids.any(|id| environments.iter().any(|it| severe.contains(&(id, *it))))
}

fn picture(
    change: &ClusterChange,
    environments: &[&str],
    claims: &[&str],
    is_severe: bool,
    page: &mut String,
) {
    let Some(one) = change.after.as_ref().or(change.before.as_ref()) else {
        return;
    };
    let zones = zones(change);
    let sides = [change.before.as_ref(), change.after.as_ref()]
        .into_iter()
        .flatten();
    let wide = match sides.map(|it| it.shard_count).max() {
        Some(2..) => " wide",
        _ => "",
    };
    let what = if one.is_keeper { "Keeper" } else { "cluster" };
    let _ = write!(
        page,
        "<article class=\"sheet cluster{wide}\"{} data-severe=\"{is_severe}\"><h3><span class=\"same\">{what}</span> {} <span class=\"same\">of {}</span></h3><div class=\"meta\">{}</div><div class=\"views\">",
        filter_attributes(claims.iter().copied(), environments.iter().copied()),
        escaped(&one.name),
        escaped(&one.id.to_string()),
        tags(environments.iter().copied(), "tag")
    );
    side(
        "Before",
        change.before.as_ref(),
        change.after.as_ref(),
        "is-gone",
        &zones,
        page,
    );
    page.push_str("<div class=\"arrow\" aria-hidden=\"true\">→</div>");
    side(
        "After",
        change.after.as_ref(),
        change.before.as_ref(),
        "is-new",
        &zones,
        page,
    );
    page.push_str("</div>");
    legend(&zones, page);
    page.push_str("</article>\n");
}

/// The named zones, each with its colour.
fn zones(change: &ClusterChange) -> BTreeMap<String, usize> {
    let sides = [change.before.as_ref(), change.after.as_ref()];
    let shards = sides.into_iter().flatten().flat_map(|it| &it.shards);
    let replicas = shards.flat_map(|it| &it.replicas);
    let mut zones = BTreeMap::new();
    for replica in replicas {
        if let Zones::Named(names) = &replica.zones {
            names.iter().for_each(|it| _ = zones.insert(it.clone(), 0));
        }
    }
    zones
        .values_mut()
        .enumerate()
        .for_each(|(at, it)| *it = at % 6 + 1);
    zones
}

fn legend(zones: &BTreeMap<String, usize>, page: &mut String) {
    if zones.is_empty() {
        return;
    }
    page.push_str("<div class=\"legend\">");
    for (name, color) in zones {
        let _ = write!(
            page,
            "<span><svg viewBox=\"0 0 10 10\" aria-hidden=\"true\"><circle class=\"z{color}\" cx=\"5\" cy=\"5\" r=\"5\"/></svg>{}</span>",
            escaped(name)
        );
    }
    page.push_str("</div>");
}

/// One side. Parts that only this side has are drawn as `lone`.
fn side(
    word: &str,
    cluster: Option<&Cluster>,
    other: Option<&Cluster>,
    lone: &str,
    zones: &BTreeMap<String, usize>,
    page: &mut String,
) {
    let Some(cluster) = cluster else {
        let _ = write!(
            page,
            "<figure><figcaption>{word}</figcaption><div class=\"empty\">no cluster</div></figure>"
        );
        return;
    };
    let caption = caption(cluster);
    let _ = write!(
        page,
        "<figure><figcaption>{word}: <b>{}</b></figcaption>",
        escaped(&caption)
    );
    let shards = cluster.shards.iter().take(SHARDS_MAX).enumerate();
    let shards: Vec<Drawn<'_>> = shards
        .map(|(at, shard)| Drawn {
            at,
            shard,
            other: other.map(|it| it.shards.get(at)),
            lone,
            is_keeper: cluster.is_keeper,
        })
        .collect();
    // One picture per shard, so that they wrap into rows on any screen.
    page.push_str("<div class=\"shards\">");
    shards.iter().for_each(|it| it.draw(zones, page));
    page.push_str("</div>");
    let drawn = shards.len();
    let total = usize::try_from(cluster.shard_count).unwrap_or(usize::MAX);
    if total > drawn {
        let _ = write!(
            page,
            "<div class=\"legend\">… {} more</div>",
            counted(total - drawn, "shard")
        );
    }
    page.push_str("</figure>");
}

/// `3 shards of 2 replicas`
fn caption(cluster: &Cluster) -> String {
    let replicas: Vec<u64> = cluster.shards.iter().map(|it| it.replica_count).collect();
    let (low, high) = (
        replicas.iter().min().copied().unwrap_or(0),
        replicas.iter().max().copied().unwrap_or(0),
    );
    let range = match low == high {
        true => counted(
            usize::try_from(high).unwrap_or(usize::MAX),
            if cluster.is_keeper { "node" } else { "replica" },
        ),
        false => format!("{low} to {high} replicas"),
    };
    let shards = usize::try_from(cluster.shard_count).unwrap_or(usize::MAX);
    let shape = match cluster.is_keeper {
        true => range,
        false => format!("{} of {range}", counted(shards, "shard")),
    };
    let stopped = if cluster.is_stopped { ", stopped" } else { "" };
    format!("{shape}{stopped}")
}

/// A shard to draw, and the corresponding one of the other side.
struct Drawn<'a> {
    at: usize,
    shard: &'a Shard,
    /// `None` if there is no other side.
    other: Option<Option<&'a Shard>>,
    lone: &'a str,
    is_keeper: bool,
}

impl Drawn<'_> {
    fn height(&self) -> usize {
        let nodes = self.shard.replicas.iter().take(REPLICAS_MAX);
        let nodes: usize = nodes.map(|it| node_height(it) + GAP).sum();
        let more = if self.hidden() > 0 { 20 } else { 0 };
        TITLE + GAP / 2 + nodes + more
    }

    fn hidden(&self) -> usize {
        let total = usize::try_from(self.shard.replica_count).unwrap_or(usize::MAX);
        total.saturating_sub(self.shard.replicas.len().min(REPLICAS_MAX))
    }

    fn draw(&self, zones: &BTreeMap<String, usize>, out: &mut String) {
        let is_lone = matches!(self.other, None | Some(None));
        let class = if is_lone { self.lone } else { "" };
        let title = match self.is_keeper {
            true => "ensemble".to_string(),
            false => format!("shard {}", self.at),
        };
        let (width, height) = (NODE.0 + 2 * GAP, self.height());
        let _ = write!(
            out,
            "<svg width=\"{0}\" height=\"{1}\" viewBox=\"-1 -1 {0} {1}\" role=\"img\" aria-label=\"{title}: {2}\"><g class=\"{class}\"><rect class=\"shard\" width=\"{width}\" height=\"{height}\" rx=\"10\"/></g><text class=\"t2\" x=\"{GAP}\" y=\"18\" font-size=\"12.5\">{title}</text>",
            width + 2,
            height + 2,
            counted(
                usize::try_from(self.shard.replica_count).unwrap_or(usize::MAX),
                "replica"
            ),
        );
        let mut y = TITLE + GAP / 2;
        for (at, replica) in self.shard.replicas.iter().take(REPLICAS_MAX).enumerate() {
            let other = self.other.flatten().and_then(|it| it.replicas.get(at));
            let class = match other {
                None => self.lone,
                Some(other) if other != replica => "is-mod",
                Some(_) => "",
            };
            node(at, replica, other, (GAP, y, class), zones, out);
            y += node_height(replica) + GAP;
        }
        if self.hidden() > 0 {
            let hidden = self.hidden();
            let _ = write!(
                out,
                "<text class=\"t3\" x=\"{GAP}\" y=\"{}\" font-size=\"12\">… {hidden} more</text>",
                y + 8
            );
        }
        out.push_str("</svg>");
    }
}

fn node_height(replica: &Replica) -> usize {
    NODE.1 + VOLUME_HEIGHT * replica.volumes.len()
}

fn node(
    at: usize,
    replica: &Replica,
    other: Option<&Replica>,
    (x, y, class): (usize, usize, &str),
    zones: &BTreeMap<String, usize>,
    out: &mut String,
) {
    let (zone, color) = match &replica.zones {
        Zones::Any => ("any zone".to_string(), 0),
        Zones::Spread => ("spread over zones".to_string(), 0),
        Zones::Named(names) => {
            let color = names
                .first()
                .and_then(|it| zones.get(it))
                .copied()
                .unwrap_or(0);
            (names.join(", "), color)
        }
    };
    let _ = write!(
        out,
        "<g class=\"{class}\" transform=\"translate({x} {y})\"><rect class=\"node\" width=\"{}\" height=\"{}\" rx=\"8\"/><text x=\"12\" y=\"19\" font-size=\"12.5\" font-weight=\"600\">replica {at}</text><circle class=\"z{color}\" cx=\"16\" cy=\"33\" r=\"4\"/><text class=\"t2\" x=\"26\" y=\"37\" font-size=\"11.5\">{}</text>",
        NODE.0,
        node_height(replica),
        escaped(&clipped(&zone, 19))
    );
    if let Some(tag) = tag(replica) {
        let is_other = other.is_some_and(|it| it.image != replica.image);
        let (class, weight) = if is_other { ("", 700) } else { ("t3", 400) };
        let (x, tag) = (NODE.0 - 10, escaped(&clipped(tag, 9)));
        let _ = write!(
            out,
            "<text class=\"{class}\" x=\"{x}\" y=\"19\" font-size=\"11\" font-weight=\"{weight}\" text-anchor=\"end\">{tag}</text>"
        );
    }
    for (at, it) in replica.volumes.iter().enumerate() {
        let was = other.map(|other| other.volumes.iter().find(|was| was.name == it.name));
        let is_other = was.is_some_and(|was| was != Some(it));
        volume(it, NODE.1 + at * VOLUME_HEIGHT, is_other, out);
    }
    out.push_str("</g>");
}

/// The tag of an image.
fn tag(replica: &Replica) -> Option<&str> {
    let image = replica.image.as_ref()?.split('@').next()?;
    let (_, tag) = image.rsplit_once(':')?;
    (!tag.contains('/')).then_some(tag)
}

/// A drum, with the size and the name beside it.
fn volume(volume: &Volume, y: usize, is_other: bool, out: &mut String) {
    let class = if is_other { "disk is-mod" } else { "disk" };
    let weight = if is_other { " font-weight=\"700\"" } else { "" };
    let named = match &volume.class {
        Some(class) => format!("{}, {class}", volume.name),
        None => volume.name.clone(),
    };
    let size = match &*volume.size {
        "" => "?",
        size => size,
    };
    let _ = write!(
        out,
        "<path class=\"{class}\" d=\"M11 {0}v7c0 1.6 2.2 2.6 5 2.6s5-1 5-2.6v-7\"/><ellipse class=\"{class}\" cx=\"16\" cy=\"{0}\" rx=\"5\" ry=\"2.4\"/><text x=\"26\" y=\"{1}\" font-size=\"11.5\"{weight}>{2} <tspan class=\"t3\" font-weight=\"400\">{3}</tspan></text>",
        y + 1,
        y + 9,
        escaped(&clipped(size, 10)),
        escaped(&clipped(&named, 14))
    );
}
