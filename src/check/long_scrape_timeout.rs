//! Monitors with a scrape timeout above their scrape interval.

use super::environment::EnvironmentObjects;
use super::{Check, Faults, RuleKind};
use crate::diag::Severity;
use crate::object::Object;
use crate::yaml::{FieldPath, Node};

pub(super) const CHECK: Check = Check {
    code: "long-scrape-timeout",
    severity: Severity::Error,
    summary: "the scrape timeout of a monitor is greater than its interval",
    explain: "\
Prometheus does not accept a `scrapeTimeout` that is greater than the interval. The Prometheus operator therefore ignores the whole \
ServiceMonitor, PodMonitor, Probe or ScrapeConfig and records a warning as an event; no metrics are collected.

Lower `scrapeTimeout`, or raise the interval. A timeout without an interval is compared with the interval of Prometheus, which is not \
known here, so it is not checked.",
    check: RuleKind::Each(check),
};

fn check(environment: &EnvironmentObjects<'_>, faults: &mut Faults) {
    for sourced in &environment.objects {
        let object = &*sourced.object;
        for path in scrapes(object) {
            let field = |key: &str| {
                let value = object.node.at_path(&path)?.get(key)?.as_str();
                value.filter(|it| !it.is_empty())
            };
            let interval = field("interval").or_else(|| field("scrapeInterval"));
            let (Some(interval), Some(timeout)) = (interval, field("scrapeTimeout")) else {
                continue;
            };
            if let [Some(every), Some(limit)] = [interval, timeout].map(milliseconds)
                && limit > every
            {
                let message = format!(
                    "{}: the Prometheus operator ignores it, because its `scrapeTimeout` of {timeout} is greater than the interval of {interval}",
                    object.id()
                );
                let help = "lower `scrapeTimeout`, or raise the interval";
                faults.push(sourced, &path.key("scrapeTimeout"), message, help);
            }
        }
    }
}

/// The parts of a monitor that set how targets are scraped.
fn scrapes(object: &Object) -> Vec<FieldPath> {
    if *object.gvk().group != *"monitoring.coreos.com" {
        return Vec::new();
    }
    let list = match object.kind() {
        "ServiceMonitor" => "endpoints",
        "PodMonitor" => "podMetricsEndpoints",
        "Probe" | "ScrapeConfig" => return vec![FieldPath::dotted("spec")],
        _ => return Vec::new(),
    };
    let items = object.node.at_keys(&["spec", list]);
    let count = items.and_then(Node::as_sequence).map_or(0, <[Node]>::len);
    let path = FieldPath::dotted("spec").key(list);
    (0..count).map(|it| path.index(it)).collect()
}

/// The length of a duration of Prometheus, such as `1m30s`.
fn milliseconds(text: &str) -> Option<u64> {
    const UNITS: [(&str, u64); 7] = [
        ("ms", 1),
        ("y", 365 * 86_400_000),
        ("w", 7 * 86_400_000),
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1000),
    ];
    let (mut rest, mut total) = (text, 0_u64);
    while !rest.is_empty() {
        let digits = rest.len()
            - rest
                .trim_start_matches(|it: char| it.is_ascii_digit())
                .len();
        let (number, after) = rest.split_at_checked(digits)?;
        let (unit, factor) = UNITS.iter().find(|it| after.starts_with(it.0))?;
        let part = number.parse::<u64>().ok()?.checked_mul(*factor)?;
        total = total.checked_add(part)?;
        rest = after.get(unit.len()..)?;
    }
    Some(total)
}
