//! The generators `matrix` and `merge`, which combine the parameters of others.

use std::collections::{BTreeMap, BTreeSet};

use super::super::parameters::{Parameters, combined, format_value, merge};
use super::{Generators, ParameterSets, not_allowed};
use crate::deploy::sync::items;
use crate::diag::Diagnostics;
use crate::yaml::Node;

impl Generators<'_> {
    /// Each set of the first generator with each of the second, which may refer to the first one's.
    pub(super) fn matrix(
        &self,
        spec: &Node,
        depth: usize,
        diagnostics: &mut Diagnostics,
    ) -> ParameterSets {
        let [first, second] = items(spec, &["generators"]) else {
            return Err(not_allowed(
                spec,
                "a matrix generator requires two generators",
            ));
        };
        let mut sets = Vec::new();
        for own in self.nested(first, &Parameters::new(), depth + 1, diagnostics)? {
            for mut set in self.nested(second, &own, depth + 1, diagnostics)? {
                match self.language.is_go {
                    true => merge(&mut set, &own).map_err(|message| not_allowed(spec, &message))?,
                    false => {
                        set =
                            combined(&own, &set).map_err(|message| not_allowed(spec, &message))?;
                    }
                }
                sets.push(set);
            }
        }
        Ok(sets)
    }

    /// The parameter sets of the first generator, with the values of the others for equal keys.
    pub(super) fn merged(
        &self,
        spec: &Node,
        depth: usize,
        diagnostics: &mut Diagnostics,
    ) -> ParameterSets {
        let keys = items(spec, &["mergeKeys"]).iter();
        let keys: Vec<&str> = keys.filter_map(Node::as_str).collect();
        if keys.is_empty() {
            return Err(not_allowed(spec, "a merge generator requires `mergeKeys`"));
        }
        let generators = items(spec, &["generators"]).split_first();
        let Some((first, others)) = generators.filter(|it| !it.1.is_empty()) else {
            return Err(not_allowed(
                spec,
                "a merge generator requires two generators or more",
            ));
        };
        let mut by_key = |generator: &Node| {
            let sets = self.nested(generator, &Parameters::new(), depth + 1, diagnostics)?;
            let message =
                "two sets of parameters of one generator have the same values for `mergeKeys`";
            with_keys(sets, &keys).ok_or_else(|| not_allowed(generator, message))
        };
        let mut sets = by_key(first)?;
        for other in others {
            let over: BTreeMap<String, Parameters> = by_key(other)?.into_iter().collect();
            for (key, set) in &mut sets {
                match over.get(key) {
                    Some(over) if self.language.is_go => {
                        merge(set, over).map_err(|message| not_allowed(spec, &message))?;
                    }
                    Some(over) => set.extend(over.clone()),
                    None => {}
                }
            }
        }
        Ok(sets.into_iter().map(|it| it.1).collect())
    }
}

/// The parameter sets with their keys; `None` if two keys are equal.
fn with_keys(sets: Vec<Parameters>, keys: &[&str]) -> Option<Vec<(String, Parameters)>> {
    let mut known = BTreeSet::new();
    let sets = sets.into_iter().map(|set| {
        let key = merge_key(keys, &set);
        known.insert(key.clone()).then_some((key, set))
    });
    sets.collect()
}

/// The values of the keys, with their types, so that 1 and "1" differ.
fn merge_key(keys: &[&str], set: &Parameters) -> String {
    let value = |key: &&str| {
        let value = set.get(key.as_bytes()).cloned().unwrap_or_default();
        format!("{}:{:?}", value.type_name(), format_value(&value))
    };
    keys.iter().map(value).collect::<Vec<_>>().join("\n")
}
