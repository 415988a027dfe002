//! The built-in schemas: Kubernetes' own types by release, and the CRDs of common operators. `tools/schemas.py` makes them.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::OnceLock;

use super::crd::CustomKind;
use super::schema::{Pool, Schema};
use crate::object::Gvk;

/// Origins and licences: see `docs/schemas.md`.
static PACK: &[u8] = include_bytes!("builtin.pack");

#[derive(Debug)]
pub(super) struct Kubernetes {
    pub(super) pool: Pool,
    kinds: BTreeMap<Gvk, BuiltinKind>,
    metadata: Vec<Span>,
    first: u32,
    last: u32,
}

/// One kind in one version of its group.
#[derive(Debug)]
pub(super) struct BuiltinKind {
    /// Whether its objects are in namespaces; unknown for what is no resource.
    pub(super) is_namespaced: Option<bool>,
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
            kinds: BTreeMap::new(),
            metadata: Vec::new(),
            first: 0,
            last: 0,
        };
        for line in head.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            match words.as_slice() {
                ["minors", first, last] => {
                    kubernetes.first = first.parse().unwrap_or(0);
                    kubernetes.last = last.parse().unwrap_or(0);
                }
                ["meta", rest @ ..] => kubernetes.metadata = spans(rest),
                [version, kind, scope, rest @ ..] => {
                    let kind = Gvk::new(version, kind);
                    let is_namespaced = match *scope {
                        "n" => Some(true),
                        "c" => Some(false),
                        _ => None,
                    };
                    let spans = spans(rest);
                    kubernetes.kinds.insert(
                        kind,
                        BuiltinKind {
                            is_namespaced,
                            spans,
                        },
                    );
                }
                _ => {}
            }
        }
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

    /// A kind, whether the chosen release serves it or not.
    pub(super) fn kind(&self, gvk: &Gvk) -> Option<&BuiltinKind> {
        self.kinds.get(gvk)
    }

    /// The schema of a kind in a release.
    pub(super) fn schema(&self, gvk: &Gvk, minor: u32) -> Option<&Schema> {
        let number = at(&self.kinds.get(gvk)?.spans, minor)?;
        Some(self.pool.shared(number))
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
        let all = self.kinds.iter();
        let served = all.filter(move |(gvk, it)| {
            &*gvk.group == group && &*gvk.kind == kind && at(&it.spans, minor).is_some()
        });
        served.map(|it| it.0)
    }

    /// Whether any version of a group is Kubernetes' own.
    pub(super) fn has_group(&self, group: &str) -> bool {
        self.kinds.keys().any(|it| &*it.group == group)
    }

    /// The kinds of a group version in a release.
    pub(super) fn names<'k>(
        &'k self,
        version: &'k Gvk,
        minor: u32,
    ) -> impl Iterator<Item = &'k str> {
        let all = self.kinds.iter();
        let served = all.filter(move |(gvk, it)| {
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

/// The CRDs that are built in, by group and kind. A definition is unpacked when an object of its kind is judged.
#[derive(Debug)]
pub(super) struct BuiltinCrds {
    parts: BTreeMap<(&'static str, &'static str), Part>,
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
            let mut parts = BTreeMap::new();
            for (about, ..) in &Pack::get().index {
                let mut words = about.split(' ');
                if let (Some(group), Some(kind), Some(_)) =
                    (words.next(), words.next(), words.next())
                {
                    let part = Part {
                        about,
                        kind: OnceLock::new(),
                    };
                    parts.insert((group, kind), part);
                }
            }
            BuiltinCrds { parts }
        })
    }

    /// The definition of a kind.
    pub(super) fn kind(&'static self, group: &str, kind: &str) -> Option<&'static CustomKind> {
        let part = self.parts.iter().find(|it| *it.0 == (group, kind))?.1;
        let read = || CustomKind::read_packed(&Pack::get().part(part.about)?);
        part.kind.get_or_init(read).as_ref()
    }

    /// The kinds of a group.
    pub(super) fn names(&self, group: &str) -> impl Iterator<Item = &'static str> {
        let all = self.parts.keys();
        all.filter(move |it| it.0 == group).map(|it| it.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_releases() {
        let kubernetes = Kubernetes::builtin();
        let deployment = Gvk::new("apps/v1", "Deployment");
        let schema = kubernetes.schema(&deployment, 34).unwrap();
        assert!(schema.properties.get("spec").is_some());
        let flow = Gvk::new("flowcontrol.apiserver.k8s.io/v1beta3", "FlowSchema");
        assert!(kubernetes.schema(&flow, 31).is_some());
        assert!(kubernetes.schema(&flow, 32).is_none());
    }

    #[test]
    fn every_part_can_be_read() {
        for part in BuiltinCrds::get().parts.keys() {
            let kind = BuiltinCrds::get().kind(part.0, part.1);
            assert!(kind.is_some_and(|it| it.versions().count() > 0), "{part:?}");
        }
    }
}
