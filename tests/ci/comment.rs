//! `ci/comment.sh` with a service on the loopback interface.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::script;
use crate::program::assert_contains;
use crate::vendor::server::{Answer, Request, Server};

/// A service that stores comments and returns them like the APIs of GitHub and GitLab.
pub(super) struct Forge {
    pub(super) server: Server,
    pub(super) comments: Arc<Mutex<Vec<(u64, String)>>>,
}

impl Forge {
    /// Without `may_write`, the service answers every write request with status 403.
    pub(super) fn new(comments: Vec<String>, may_write: bool) -> Forge {
        let comments = comments.into_iter().enumerate();
        let comments: Vec<(u64, String)> = comments.map(|it| (it.0 as u64 + 1, it.1)).collect();
        let comments = Arc::new(Mutex::new(comments));
        let kept = comments.clone();
        let server = Server::start(move |request| match &*request.method {
            "GET" => page(&kept.lock().unwrap(), &request.path),
            _ if !may_write => {
                let words = r#"{"message": "Resource not accessible by integration"}"#;
                Answer {
                    body: words.into(),
                    ..Answer::status(403)
                }
            }
            _ => write(&mut kept.lock().unwrap(), request),
        });
        Forge { server, comments }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.server.address)
    }

    pub(super) fn bodies(&self) -> Vec<String> {
        let comments = self.comments.lock().unwrap();
        comments.iter().map(|it| it.1.clone()).collect()
    }

    /// The write requests, as `PATCH /path`.
    pub(super) fn written(&self) -> Vec<String> {
        let requests = self.server.requests().into_iter();
        let requests = requests.filter(|it| it.method != "GET");
        requests
            .map(|it| format!("{} {}", it.method, it.path))
            .collect()
    }
}

/// A page of at most a hundred comments, with fields that could be confused with their ID and body.
fn page(comments: &[(u64, String)], path: &str) -> Answer {
    let page = path.split_once("&page=").unwrap().1.parse::<usize>();
    let list = comments.iter().skip((page.unwrap() - 1) * 100).take(100);
    let list: Vec<Value> = list
        .map(|(id, body)| {
            json!({
                "url": format!("https://example.com/{id}"),
                "id": id,
                "author": {"id": 4_000 + id, "body": "no comment"},
                "labels": [{"id": 1, "name": "a \"quoted\" \\ word"}, []],
                "body": body,
                "resolvable": false,
            })
        })
        .collect();
    Answer::ok(serde_json::to_string(&list).unwrap())
}

fn write(comments: &mut Vec<(u64, String)>, request: &Request) -> Answer {
    let body: Value = serde_json::from_str(&request.body).unwrap();
    let body = body["body"].as_str().unwrap().to_string();
    if request.method == "POST" {
        comments.push((comments.len() as u64 + 1, body));
        return Answer::status(201);
    }
    let id: u64 = request.path.rsplit('/').next().unwrap().parse().unwrap();
    comments.iter_mut().find(|it| it.0 == id).unwrap().1 = body;
    Answer::ok("{}")
}

fn comment(forge: &Forge, service: &str, folder: &str, text: &str, more: &[&str]) -> super::Run {
    let at = tempfile::tempdir().unwrap();
    std::fs::write(at.path().join("body"), text).unwrap();
    let url = forge.url();
    let variables = [
        ("GITHUB_API_URL", &*url),
        ("GITHUB_REPOSITORY", "acme/platform"),
        ("CI_API_V4_URL", &url),
        ("CI_PROJECT_ID", "12"),
        ("PLEACH_REQUEST", "7"),
        ("PLEACH_TOKEN", "s3cret"),
    ];
    let arguments = [&[service, folder, "body"], more].concat();
    script(at.path(), "comment.sh", &arguments, &variables)
}

#[test]
fn a_comment_is_created_once_and_then_edited() {
    for (service, made, edited) in [
        (
            "github",
            "POST /repos/acme/platform/issues/7/comments?",
            "PATCH /repos/acme/platform/issues/comments/2",
        ),
        (
            "gitlab",
            "POST /projects/12/merge_requests/7/notes?",
            "PUT /projects/12/merge_requests/7/notes/2",
        ),
    ] {
        let forge = Forge::new(vec!["Please look.".to_string()], true);
        comment(&forge, service, ".", "edited?", &["edit"]).expect(0);
        assert_eq!(forge.written(), [""; 0]);
        let text = "### `a\\b` \"c\"\t→ d\r\n\n```diff\n+ é €\n```";
        comment(&forge, service, ".", text, &[]).expect(0);
        comment(&forge, service, ".", "no changes\n", &["edit"]).expect(0);
        comment(&forge, service, "other", "other\n", &[]).expect(0);
        let made = made.trim_end_matches('?');
        assert_eq!(forge.written(), [made, edited, made], "{service}");
        let bodies = forge.bodies();
        assert_eq!(bodies[0], "Please look.");
        assert!(
            bodies[1].starts_with("<!-- pleach-comment-"),
            "{}",
            bodies[1]
        );
        assert!(bodies[1].ends_with(" . -->\nno changes\n"), "{}", bodies[1]);
        assert!(bodies[2].ends_with(" other -->\nother\n"), "{}", bodies[2]);
    }
}

#[test]
fn any_text_can_be_a_comment() {
    let text = "### `a\\b\\\\` \"c\\\"\t→ d\r\n\n\u{1}```diff\n+ é €\n```";
    let forge = Forge::new(Vec::new(), true);
    comment(&forge, "github", "it's a \"folder\" — ü", text, &[]).expect(0);
    let body = forge.bodies().remove(0);
    let (first, rest) = body.split_once('\n').unwrap();
    assert!(first.is_ascii() && !first.contains('"'), "{first}");
    let kept = text.replace(['\r', '\u{1}'], "") + "\n";
    assert_eq!(rest, kept);
    // The comment is found again, whatever characters its marker has.
    comment(&forge, "github", "it's a \"folder\" — ü", "short", &[]).expect(0);
    assert_eq!(forge.bodies().len(), 1);
}

#[test]
fn a_comment_is_found_on_a_later_page() {
    let forge = Forge::new(Vec::new(), true);
    comment(&forge, "github", ".", "first\n", &[]).expect(0);
    let own = forge.bodies().remove(0);
    let mut bodies: Vec<String> = (0..100)
        .map(|it| format!("{own} {it}").replacen("<!--", "> <!-- ", 1))
        .collect();
    for body in &mut bodies {
        // A comment that quotes or mentions the marker is another comment.
        *body = format!("{}{body}", "Look at what it said: ".repeat(5));
    }
    bodies.extend(["\\".to_string(), own, "last \\\"".to_string()]);
    let forge = Forge::new(bodies, true);
    comment(&forge, "github", ".", "second\n", &[]).expect(0);
    let requests: Vec<String> = forge
        .server
        .requests()
        .into_iter()
        .map(|it| it.path)
        .collect();
    let list = "/repos/acme/platform/issues/7/comments?per_page=100&page=";
    assert_eq!(requests[..2], [format!("{list}1"), format!("{list}2")]);
    assert_eq!(
        forge.written(),
        ["PATCH /repos/acme/platform/issues/comments/102"]
    );
}

#[test]
fn a_read_only_token_is_distinguished_from_a_failure() {
    let forge = Forge::new(Vec::new(), false);
    let printed = comment(&forge, "github", ".", "a", &[]).expect(3);
    assert_contains(&printed, &["the token has no permission", "403"]);
    assert!(!printed.contains("s3cret"), "{printed}");
    let requests = forge.server.requests();
    assert_eq!(requests[0].authorization(), Some("Bearer s3cret"));
    let broken = Server::start(|_| Answer::status(422));
    let forge = Forge {
        server: broken,
        comments: Arc::default(),
    };
    let printed = comment(&forge, "gitlab", ".", "a", &[]).expect(1);
    assert_contains(&printed, &["unexpected status 422"]);
    assert_eq!(
        forge.server.requests()[0].headers["private-token"],
        "s3cret"
    );
}
