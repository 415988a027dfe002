//! The built-in schemas: Kubernetes' own types by release, and the CRDs of common operators. `tools/schemas.py` makes them.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::OnceLock;

use super::crd::CustomKind;
use super::kinds::{self, Rules};
use super::lookup::Lookup;
use super::schema::{Pool, Schema};
use crate::object::Gvk;

/// Origins and licences: see `docs/schemas.md`.
static PACK: &[u8] = include_bytes!("builtin.pack");

#[derive(Debug)]
pub(super) struct Kubernetes {
    pub(super) pool: Pool,
    /// The groups and versions of each kind.
    kinds: Lookup<Vec<(Gvk, BuiltinKind)>>,
    metadata: Vec<Span>,
    first: u32,
    last: u32,
}

/// One kind in one version of its group.
#[derive(Debug)]
pub(super) struct BuiltinKind {
    /// Whether it is namespaced; unknown if it is not a resource.
    pub(super) is_namespaced: Option<bool>,
    /// Its rules in addition to types.
    pub(super) rules: Option<&'static Rules>,
    spans: Vec<Span>,
}

/// From this minor version of Kubernetes on: the number of the schema, or none.
#[derive(Clone, Copy, Debug)]
struct Span {
    minor: u32,
    number: Option<u32>,
}

fn at(spans: &[Span], minor: u32) -> Option<u32> {
    spans.iter().rev().find(|it| it.minor <= minor)?.number
}

impl Kubernetes {
    /// The built-in ones; unpacked when they are first needed.
    pub(super) fn builtin() -> &'static Kubernetes {
        static KUBERNETES: OnceLock<Kubernetes> = OnceLock::new();
        KUBERNETES.get_or_init(|| {
            let text = Pack::get().part("kubernetes");
            Kubernetes::read(text.as_deref().unwrap_or(""))
        })
    }

    fn read(text: &str) -> Kubernetes {
        let (head, schemas) = text.split_once("\n\n").unwrap_or((text, ""));
        let mut kubernetes = Kubernetes {
            pool: Pool::new(schemas.lines().map(Box::from).collect()),
            kinds: Lookup::default(),
            metadata: Vec::new(),
            first: 0,
            last: 0,
        };
        let mut kinds: BTreeMap<&str, Vec<(Gvk, BuiltinKind)>> = BTreeMap::new();
        for line in head.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            match words.as_slice() {
                ["minors", first, last] => {
                    kubernetes.first = first.parse().unwrap_or(0);
                    kubernetes.last = last.parse().unwrap_or(0);
                }
                ["meta", rest @ ..] => kubernetes.metadata = spans(rest),
                [version, name, scope, rest @ ..] => {
                    let gvk = Gvk::new(version, name);
                    let is_namespaced = match *scope {
                        "n" => Some(true),
                        "c" => Some(false),
                        _ => None,
                    };
                    let kind = BuiltinKind {
                        is_namespaced,
                        rules: kinds::find(&gvk),
                        spans: spans(rest),
                    };
                    kinds.entry(name).or_default().push((gvk, kind));
                }
                _ => {}
            }
        }
        for versions in kinds.values_mut() {
            versions.sort_by(|a, b| a.0.cmp(&b.0));
        }
        let kinds = kinds.into_iter().map(|(name, it)| (name.into(), it));
        kubernetes.kinds = Lookup::new(kinds.collect());
        kubernetes
    }

    /// The nearest minor version of Kubernetes that is known.
    pub(super) fn clamp(&self, minor: u32) -> u32 {
        minor.clamp(self.first, self.last)
    }

    /// The newest minor version that is known.
    pub(super) fn newest(&self) -> u32 {
        self.last
    }

    /// A kind and its schema in a release that serves it.
    pub(super) fn served(
        &self,
        api_version: &str,
        kind: &str,
        minor: u32,
    ) -> Option<(&BuiltinKind, &Schema)> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let mut versions = self.kinds.get(kind)?.iter();
        let is_it = |gvk: &Gvk| *gvk.version == *version && *gvk.group == *group;
        let (_, kind) = versions.find(|it| is_it(&it.0))?;
        Some((kind, self.pool.shared(at(&kind.spans, minor)?)))
    }

    fn all(&self) -> impl Iterator<Item = &(Gvk, BuiltinKind)> {
        self.kinds.iter().flat_map(|it| it.1)
    }

    /// The type of `metadata` in a release.
    pub(super) fn metadata(&self, minor: u32) -> &Schema {
        match at(&self.metadata, minor) {
            Some(number) => self.pool.shared(number),
            None => super::schema::anything(),
        }
    }

    /// The versions of a group that serve a kind in a release.
    pub(super) fn versions<'k>(
        &'k self,
        group: &'k str,
        kind: &'k str,
        minor: u32,
    ) -> impl Iterator<Item = &'k Gvk> {
        let all = self.kinds.get(kind).into_iter().flatten();
        let served =
            all.filter(move |(gvk, it)| &*gvk.group == group && at(&it.spans, minor).is_some());
        served.map(|it| &it.0)
    }

    /// Whether any version of a group is Kubernetes' own.
    pub(super) fn has_group(&self, group: &str) -> bool {
        self.all().any(|it| &*it.0.group == group)
    }

    /// The kinds of a group version in a release.
    pub(super) fn names<'k>(
        &'k self,
        version: &'k Gvk,
        minor: u32,
    ) -> impl Iterator<Item = &'k str> {
        let served = self.all().filter(move |(gvk, it)| {
            gvk.group == version.group
                && gvk.version == version.version
                && at(&it.spans, minor).is_some()
        });
        served.map(|it| &*it.0.kind)
    }
}

fn spans(words: &[&str]) -> Vec<Span> {
    let span = |word: &&str| {
        let (minor, number) = word.split_once(':')?;
        Some(Span {
            minor: minor.parse().ok()?,
            number: number.parse().ok(),
        })
    };
    words.iter().filter_map(span).collect()
}

/// The file: an index in text, and parts that are unpacked one by one.
struct Pack {
    /// What a part is, its offset and its length.
    index: Vec<(&'static str, usize, usize)>,
    data: &'static [u8],
}

impl Pack {
    fn get() -> &'static Pack {
        static READ: OnceLock<Pack> = OnceLock::new();
        READ.get_or_init(|| {
            let end = PACK.windows(2).position(|it| it == b"\n\n").unwrap_or(0);
            let (head, data) = PACK.split_at(end);
            let head = std::str::from_utf8(head).unwrap_or("");
            let part = |line: &'static str| {
                let (name, rest) = line.split_once(' ')?;
                let (offset, rest) = rest.split_once(' ')?;
                let (length, about) = rest.split_once(' ').unwrap_or((rest, name));
                Some((about, offset.parse().ok()?, length.parse().ok()?))
            };
            Pack {
                index: head.lines().filter_map(part).collect(),
                data: data.get(2..).unwrap_or(&[]),
            }
        })
    }

    /// The text of a part.
    fn part(&self, about: &str) -> Option<String> {
        let (_, offset, length) = self.index.iter().find(|it| it.0 == about)?;
        let packed = self.data.get(*offset..offset.checked_add(*length)?)?;
        let mut text = String::new();
        flate2::read::DeflateDecoder::new(packed)
            .read_to_string(&mut text)
            .ok()?;
        Some(text)
    }
}

/// The CRDs that are built in, by group and then kind. A definition is unpacked when an object of its kind is judged.
#[derive(Debug)]
pub(super) struct BuiltinCrds {
    parts: BTreeMap<&'static str, BTreeMap<&'static str, Part>>,
}

#[derive(Debug)]
struct Part {
    about: &'static str,
    kind: OnceLock<Option<CustomKind>>,
}

impl BuiltinCrds {
    pub(super) fn get() -> &'static BuiltinCrds {
        static CRDS: OnceLock<BuiltinCrds> = OnceLock::new();
        CRDS.get_or_init(|| {
            let mut parts: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
            for (about, ..) in &Pack::get().index {
                let mut words = about.split(' ');
                if let (Some(group), Some(kind), Some(_)) =
                    (words.next(), words.next(), words.next())
                {
                    let part = Part {
                        about,
                        kind: OnceLock::new(),
                    };
                    parts.entry(group).or_default().insert(kind, part);
                }
            }
            BuiltinCrds { parts }
        })
    }

    /// The definition of a kind.
    pub(super) fn kind(&'static self, group: &str, kind: &str) -> Option<&'static CustomKind> {
        let part = self.parts.get(group)?.get(kind)?;
        let read = || CustomKind::read_packed(&Pack::get().part(part.about)?);
        part.kind.get_or_init(read).as_ref()
    }

    /// The kinds of a group.
    pub(super) fn names(&self, group: &str) -> impl Iterator<Item = &'static str> {
        let kinds = self.parts.get(group).into_iter();
        kinds.flat_map(|it| it.keys().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_releases() {
        let kubernetes = Kubernetes::builtin();
        let (_, schema) = kubernetes.served("apps/v1", "Deployment", 34).unwrap();
        assert!(schema.properties.get("spec").is_some());
        let flow =
            |minor| kubernetes.served("flowcontrol.apiserver.k8s.io/v1beta3", "FlowSchema", minor);
        assert!(flow(31).is_some());
        assert!(flow(32).is_none());
    }

    #[test]
    fn every_part_can_be_read() {
        for (group, kinds) in &BuiltinCrds::get().parts {
            for name in kinds.keys() {
                let kind = BuiltinCrds::get().kind(group, name);
                assert!(kind.is_some_and(|it| it.versions().count() > 0), "{name}");
            }
        }
    }
}
