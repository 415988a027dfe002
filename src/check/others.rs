//! The manual pages of what `pleach check` tells besides its checks.

use super::Page;
use crate::diag::Severity;

/// Codes of findings that are made elsewhere.
pub(super) const OTHERS: &[Page] = &[
    Page {
        code: "unstable-file",
        severity: Severity::Error,
        summary: "two renderings of the same inputs differ",
        explain: "\
`pleach check --twice` renders from the same inputs a second time. What differs would change in Git with every rendering, and in the \
cluster with it. Nothing that a template can ask for is different in another run, so this is most likely a fault of pleach: please report \
it with the claim and the templates that the finding names.",
    },
    Page {
        code: "unused-allow",
        severity: Severity::Warning,
        summary: "a comment allows what is not found",
        explain: "\
`# pleach: allow[code] reason` takes out the findings of that code on its own line or, where it stands alone, on the next line; above a \
document, those of the whole document. One that takes out nothing is left from a fault that was mended, or stands at the wrong line; it would \
hide the next fault. Take it out, or move it to where the finding points.",
    },
    Page {
        code: "allow-without-reason",
        severity: Severity::Warning,
        summary: "a comment allows a finding and does not say why",
        explain: "\
Who reads `# pleach: allow[code]` a year later has to know whether it still holds. Write the reason behind the bracket: \
`# pleach: allow[missing-reference] made by Terraform`.",
    },
    Page {
        code: "merge-conflict",
        severity: Severity::Error,
        summary: "a file holds the conflict markers of a merge",
        explain: "\
Merge claims, overlays and templates by hand; of pleach.lock, take either side and run `pleach vendor`. Generated files are never merged by \
hand: when the claims are merged, `pleach render --force` writes them anew.",
    },
    Page {
        code: "edited-by-hand",
        severity: Severity::Error,
        summary: "a generated file was changed by somebody",
        explain: "\
The next rendering would take the change back, so it is kept until you say otherwise. Move it to a claim or to `overlays/`, then run `pleach render --force`.",
    },
    Page {
        code: "foreign-file",
        severity: Severity::Error,
        summary: "a file that pleach did not make is in the way",
        explain: "\
Files without the line of ownership are yours and are never touched. Move the file or remove it; until then nothing is written.",
    },
    Page {
        code: "missing-file",
        severity: Severity::Error,
        summary: "a generated file is missing",
        explain: "\
The claims render to a file that the tree does not have. Run `pleach render` and commit what it writes.",
    },
    Page {
        code: "outdated-file",
        severity: Severity::Error,
        summary: "a generated file is out of date",
        explain: "\
The claims, a template or an overlay changed and the tree was not rendered since. Run `pleach render` and commit what it writes.",
    },
    Page {
        code: "unwanted-file",
        severity: Severity::Error,
        summary: "a generated file that no claim makes any more",
        explain: "\
While it stands, the sync engine goes on applying what it says. Run `pleach render`, which removes it.",
    },
    Page {
        code: "case-differs",
        severity: Severity::Error,
        summary: "a case of a claim kind renders otherwise than it says",
        explain: "\
`pleach test` shows the difference. Mend the kind's templates, or take the new outcome for right with `pleach test --accept`.",
    },
    Page {
        code: "crd-not-provided",
        severity: Severity::Warning,
        summary: "a claim needs a CRD that no claim of its environment provides",
        explain: "\
Without the CRD the cluster refuses the object. Add the operator's claim; or, where the cluster has the CRD by other means, list it under `spec.provides` of environment.yaml.",
    },
    Page {
        code: "floating-version",
        severity: Severity::Warning,
        summary: "a chart's version is a range that nothing pins",
        explain: "\
What is deployed then changes without a commit. Run `pleach vendor`, which writes the exact version and the digest into pleach.lock.",
    },
];
