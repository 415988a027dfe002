//! Changes as one page that needs nothing else: a matrix of claims and environments, what is dangerous, pictures of clusters, and
//! every change to unfold.
//!
//! All of it is readable without its script, which filters, searches and listens to keys.

mod cluster;
mod matrix;
mod rollout;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::compare::{
    Comparison, DangerGroup, Found, FoundGroup, Group, Section, danger_groups, findings, sections,
};
use crate::danger::DISCLAIMER;
use crate::diag::Severity;
use crate::diff::ChangeKind;
use crate::object::ObjectId;

use super::View;
use super::escape::printable;
use super::json::quoted;
use super::summary::counted;
use super::words::{self, Mark, count, headings, name, noted, place, sign};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

const KEYS: &str = "<dialog id=\"help\" aria-label=\"Keys\"><h3>Keys</h3><dl>\
<dt><kbd>/</kbd></dt><dd>search</dd>\
<dt><kbd>j</kbd> <kbd>k</kbd></dt><dd>next and previous change</dd>\
<dt><kbd>Enter</kbd></dt><dd>unfold or fold it</dd>\
<dt><kbd>e</kbd> <kbd>c</kbd></dt><dd>unfold or fold all</dd>\
<dt><kbd>d</kbd></dt><dd>only what is dangerous</dd>\
<dt><kbd>Esc</kbd></dt><dd>show everything again</dd>\
</dl><form method=\"dialog\"><button class=\"tool\">Close</button></form></dialog>\n";

/// A sprig that is woven through another.
const LOGO: &str = "<svg viewBox=\"0 0 24 24\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"2\" stroke-linecap=\"round\" aria-hidden=\"true\"><path d=\"M5 21C5 13 19 13 19 3\"/><path d=\"M19 21C19 13 5 13 5 3\"/><path d=\"M12 12h0\"/></svg>";

/// Changes with no more rows than these are shown unfolded, as long as the page stays short.
const ROWS_OPEN: usize = 8;
const OPEN_MAX: usize = 30;

/// The comparison as one HTML page that needs no other file.
pub fn html(comparison: &Comparison, sides: [&str; 2], view: &View<'_>) -> String {
    let (sections, findings) = (sections(comparison), findings(comparison));
    let mut page = String::new();
    let groups = danger_groups(comparison);
    head(comparison, sides, &groups, &mut page);
    bar(&findings, &mut page);
    page.push_str("<main id=\"main\">\n");
    notes(comparison, view, &mut page);
    matrix::write(comparison, &sections, view, &mut page);
    dangers(&groups, view, &mut page);
    rollout::write(comparison, &mut page);
    cluster::write(comparison, &grave(&findings), &mut page);
    changes(&sections, &findings, view, &mut page);
    let version = env!("CARGO_PKG_VERSION");
    let _ = write!(
        page,
        "<footer>Made by pleach {version}. Values of Secrets, and what looks like a key, are hidden: a digest says whether they differ.</footer>\n</main>\n{KEYS}<script>\n{SCRIPT}</script>\n</body>\n</html>\n"
    );
    page
}

/// A style or script by its hash: the browser runs nothing else, whatever is in the page.
fn source_hash(text: &str) -> String {
    use base64::Engine;
    let digest = Sha256::digest(text.as_bytes());
    let digest = base64::engine::general_purpose::STANDARD.encode(digest);
    format!("'sha256-{digest}'")
}

fn head(
    comparison: &Comparison,
    [before, after]: [&str; 2],
    groups: &[DangerGroup<'_>],
    page: &mut String,
) {
    let title = escaped(&count(comparison));
    let (before, after) = (escaped(before), escaped(after));
    // What is between the tags, line ends and all.
    let [style, script] = [STYLE, SCRIPT].map(|it| source_hash(&format!("\n{it}")));
    let _ = write!(
        page,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src {style}; script-src {script}; base-uri 'none'; form-action 'none'\">\n<title>{title}: {before} → {after}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#main\">To the changes</a>\n<header class=\"top\"><div><div class=\"brand\">{LOGO}pleach diff</div><h1>{title}</h1><div class=\"sides\"><code>{before}</code><span>→</span><code>{after}</code></div><div class=\"chips\">"
    );
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for object in comparison.environments.iter().flat_map(|it| &it.objects) {
        *counts.entry(name(&object.change.kind)).or_default() += 1;
    }
    for (name, many) in counts {
        chip(name, many, name, page);
    }
    let first = groups.iter().filter_map(|it| it.members.first());
    let grave = first.filter(|it| is_grave(it.found)).count();
    for (class, many, word) in [
        ("stop", grave, "grave danger"),
        ("warn", groups.len() - grave, "caution"),
    ] {
        if many > 0 {
            let s = if many == 1 { "" } else { "s" };
            chip(class, many, &format!("{word}{s}"), page);
        }
    }
    page.push_str("</div></div></header>\n");
}

fn chip(class: &str, many: usize, words: &str, page: &mut String) {
    let _ = write!(
        page,
        "<span class=\"chip {class}\"><i></i><span><b>{many}</b> {words}</span></span>"
    );
}

fn bar(findings: &[FoundGroup<'_>], page: &mut String) {
    page.push_str("<div class=\"bar\"><div role=\"search\"><label class=\"find\"><input id=\"find\" type=\"search\" placeholder=\"Search objects, fields, values\" aria-label=\"Search\" autocomplete=\"off\" spellcheck=\"false\"><kbd>/</kbd></label>");
    if !findings.is_empty() {
        page.push_str(
            "<button class=\"tool\" id=\"grave\" aria-pressed=\"false\">Only dangers</button>",
        );
    }
    page.push_str("<button class=\"tool\" id=\"open\">Unfold all</button><button class=\"tool\" id=\"close\">Fold all</button><button class=\"tool keys\" id=\"keys\" aria-label=\"Keys\">?</button><div class=\"status\" id=\"status\" role=\"status\" hidden><span id=\"said\"></span><button id=\"clear\">show everything</button></div></div></div>\n");
}

fn notes(comparison: &Comparison, view: &View<'_>, page: &mut String) {
    if comparison.notes.is_empty() {
        return;
    }
    page.push_str("<section><h2>Notes</h2><div class=\"sheet\"><ul class=\"notes\">");
    for note in &words::folded(&comparison.notes) {
        let _ = write!(page, "<li>{}</li>", worded(&noted(note, view)));
    }
    page.push_str("</ul></div></section>\n");
}

fn is_grave(found: &Found) -> bool {
    found.finding.danger.severity == Severity::Error
}

/// Objects with a danger, and in which environment.
type Grave<'a> = BTreeSet<(&'a ObjectId, &'a str)>;

fn grave<'a>(findings: &[FoundGroup<'a>]) -> Grave<'a> {
    let all = findings.iter().flat_map(|it| {
        let id = &it.found.finding.id;
        it.environments
            .iter()
            .map(move |environment| (id, *environment))
    });
    all.collect()
}

fn dangers(groups: &[DangerGroup<'_>], view: &View<'_>, page: &mut String) {
    if groups.is_empty() {
        return;
    }
    let _ = writeln!(
        page,
        "<section data-of=\".dangers > li\" id=\"dangers\"><h2>{} <small>{DISCLAIMER}</small></h2><div class=\"sheet\"><ul class=\"dangers\">",
        counted(groups.len(), "danger")
    );
    for group in groups {
        danger(group, view, page);
    }
    page.push_str("</ul></div></section>\n");
}

fn danger(group: &DangerGroup<'_>, view: &View<'_>, page: &mut String) {
    let Some(it) = group.members.first() else {
        return;
    };
    let finding = &it.found.finding;
    let (class, ink) = if is_grave(it.found) {
        ("grave", "stop")
    } else {
        ("", "warn")
    };
    let members = group.members.iter();
    let claims = members.filter_map(|it| it.found.claim.as_ref());
    let claims = claims.map(|it| &*it.title);
    let environments = group.environments();
    let _ = write!(
        page,
        "<li class=\"{class}\"{} data-grave=\"true\"><div class=\"message\">{}</div><div class=\"meta\"><span class=\"rule {ink}\">{}</span>{}",
        data(claims, environments.iter().copied()),
        worded(&finding.message),
        finding.danger.code,
        tags(environments.iter().copied(), "tag"),
    );
    if let Some(span) = &it.found.place {
        let _ = write!(page, "<code>{}</code>", escaped(&place(span, view)));
    }
    if let Some(others) = words::others(group) {
        let _ = write!(page, "<span>{}</span>", escaped(&others));
    }
    let explain = finding.danger.explain.split("\n\n");
    let explain: String = explain.map(|it| format!("<p>{}</p>", worded(it))).collect();
    let _ = writeln!(
        page,
        "</div><details><summary>Why, and what to do</summary>{explain}</details></li>"
    );
}

fn changes(
    sections: &[Section<'_>],
    findings: &[FoundGroup<'_>],
    view: &View<'_>,
    page: &mut String,
) {
    page.push_str("<section id=\"changes\"><h2>Changes</h2>\n");
    if sections.is_empty() {
        page.push_str("<div class=\"sheet nothing\">Nothing changes.</div>\n");
    }
    page.push_str("<div class=\"sheet nothing\" id=\"empty\" hidden>Nothing fits.</div>\n");
    let grave = grave(findings);
    let many: usize = sections.iter().map(|it| it.groups.len()).sum();
    for section in sections {
        page.push_str("<article class=\"sheet claim\">");
        let headings = headings(section, view);
        if !headings.is_empty() {
            page.push_str("<header>");
            for it in &headings {
                let _ = write!(page, "<h3>{}</h3><div class=\"meta\">", title(&it.title));
                it.places
                    .iter()
                    .for_each(|it| _ = write!(page, "<code>{}</code>", escaped(it)));
                let owner = |it: &String| format!("<span class=\"tag\">{}</span>", escaped(it));
                page.push_str(&it.owners.iter().map(owner).collect::<String>());
                page.push_str("</div>");
            }
            page.push_str("</header>");
        }
        page.push('\n');
        for it in &section.groups {
            change(it, &grave, many <= OPEN_MAX, page);
        }
        page.push_str("</article>\n");
    }
    page.push_str("</section>\n");
}

/// `Kind/name`, the kind in a paler ink.
fn title(title: &str) -> String {
    match title.split_once('/') {
        Some((kind, name)) => format!(
            "<span class=\"same\">{}/</span>{}",
            escaped(kind),
            escaped(name)
        ),
        None => escaped(title),
    }
}

fn change(group: &Group<'_>, grave: &Grave<'_>, may_open: bool, page: &mut String) {
    let rows = words::all_rows(group);
    let claims = group
        .places
        .iter()
        .filter_map(|it| it.object.claim.as_ref());
    let mut places = group.places.iter();
    let is_grave = places.any(|it| grave.contains(&(&it.object.change.id, it.environment)));
    let open = if may_open && (1..=ROWS_OPEN).contains(&rows.len()) && !group.kind.is_gone() {
        " open"
    } else {
        ""
    };
    let word = name(group.kind);
    let _ = write!(
        page,
        "<details class=\"change\"{open}{} data-grave=\"{is_grave}\"><summary><span class=\"sign {word}\" title=\"{word}\">{}</span><div class=\"who\">",
        data(
            claims.map(|it| &*it.title),
            group.places.iter().map(|it| it.environment)
        ),
        escaped(&sign(group.kind).to_string()),
    );
    objects(group, page);
    page.push_str("</div><span class=\"turn\" aria-hidden=\"true\">▸</span>");
    let paths: Vec<&str> = rows
        .iter()
        .filter(|it| it.mark == Mark::Path)
        .map(|it| &*it.text)
        .collect();
    let hint = match &*paths {
        [] => match rows.len() {
            0 => String::new(),
            many => counted(many, "line"),
        },
        [only] => only.to_string(),
        [first, rest @ ..] => format!("{first} and {}", counted(rest.len(), "more field")),
    };
    let _ = write!(
        page,
        "<span class=\"hint mono\">{}</span></summary>",
        escaped(&hint)
    );
    if !rows.is_empty() {
        page.push_str("<div class=\"rows\">");
    }
    for row in &rows {
        let class = match row.mark {
            Mark::Path => 'p',
            Mark::Removed => 'm',
            Mark::Added => 'a',
            Mark::Same => 's',
            Mark::Note => 'n',
        };
        let _ = write!(page, "<div class=\"{class}\">{}</div>", escaped(&row.text));
    }
    page.push_str(if rows.is_empty() {
        "</details>\n"
    } else {
        "</div></details>\n"
    });
}

/// The objects of a change, a line each, with their environments.
fn objects(group: &Group<'_>, page: &mut String) {
    const SHOWN: usize = 12;
    let objects = words::objects(group);
    for it in objects.iter().take(SHOWN) {
        let namespace = match &*it.id.namespace {
            "" => String::new(),
            namespace => format!("<span class=\"same\">{}/</span>", escaped(namespace)),
        };
        let was = match group.kind {
            ChangeKind::Renamed { before } => {
                format!(" <span class=\"tag not\">{}</span>", escaped(before))
            }
            ChangeKind::Kept => " <span class=\"tag not\">stays in the cluster</span>".to_string(),
            _ => String::new(),
        };
        let _ = write!(
            page,
            "<div><span class=\"kind\">{}</span> <span class=\"obj\">{namespace}{}</span>{was} {}{}{}</div>",
            escaped(&it.id.kind),
            escaped(&it.id.name),
            tags(it.environments.iter().copied(), "tag"),
            tags(it.otherwise.iter().copied(), "tag other"),
            tags(it.not.iter().copied(), "tag not")
        );
    }
    if objects.len() > SHOWN {
        let _ = write!(
            page,
            "<div class=\"same\">… {} more</div>",
            objects.len() - SHOWN
        );
    }
}

/// Environments as small labels. What is compared as a whole has no name.
fn tags<'a>(environments: impl Iterator<Item = &'a str>, class: &str) -> String {
    let title = match class {
        "tag not" => " title=\"it is there too, and does not change so\"",
        "tag other" => " title=\"it changes there to another value\"",
        _ => "",
    };
    let tag = |it: &str| format!("<span class=\"{class}\"{title}>{}</span>", escaped(it));
    environments.filter(|it| *it != ".").map(tag).collect()
}

/// What the script filters by.
fn data<'a>(
    claims: impl Iterator<Item = &'a str>,
    environments: impl Iterator<Item = &'a str>,
) -> String {
    let list = |mut names: Vec<&str>| {
        names.sort_unstable();
        names.dedup();
        let names: Vec<String> = names.into_iter().map(quoted).collect();
        escaped(&format!("[{}]", names.join(",")))
    };
    let claims = list(claims.collect());
    let environments = list(environments.collect());
    format!(" data-claims=\"{claims}\" data-environments=\"{environments}\"")
}

/// Words of ours, names in backticks as code.
fn worded(words: &str) -> String {
    let mut out = String::new();
    for (at, piece) in words.split('`').enumerate() {
        match at % 2 {
            1 => _ = write!(out, "<code>{}</code>", escaped(piece)),
            _ => out.push_str(&escaped(piece)),
        }
    }
    out
}

/// Text as markup, in content and in attributes.
fn escaped(text: &str) -> String {
    let text = printable(text);
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            char => out.push(char),
        }
    }
    // A runner of GitHub takes it for a command anywhere in a line.
    out.replace("##[", "#&#35;[")
}
