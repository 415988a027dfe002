//! The page of `pleach diff --output html` in a real browser: Chromium and its driver, from Debian's packages.
//!
//! The test is skipped if they are missing. `PAGES=folder cargo test html_report` saves screenshots.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use pleach::report::html;
use serde_json::{Value, json};

use crate::common_forms::{VIEW, comparison};

/// The process of the driver, with one session.
struct Browser {
    driver: Child,
    port: u16,
    session: String,
}

/// Starts the driver, which chooses a free port and prints it.
///
/// It chooses the port for IPv4 and exits without one if another process has the same port for IPv6.
fn start_driver() -> Option<(Child, u16)> {
    let mut driver = Command::new("chromedriver")
        .arg("--port=0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
    let port = lines.find_map(|line| {
        let line = line.ok()?;
        println!("chromedriver: {line}");
        let (_, port) = line.split_once("successfully on port ")?;
        port.trim_end_matches('.').parse().ok()
    });
    let Some(port) = port else {
        driver.kill().unwrap();
        println!("chromedriver exited: {}", driver.wait().unwrap());
        return None;
    };
    std::thread::spawn(move || lines.for_each(drop));
    Some((driver, port))
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() {
            let _ = self.try_call("DELETE", "", &Value::Null);
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

impl Browser {
    fn open() -> Browser {
        let (driver, port) = (0..5)
            .find_map(|_| start_driver())
            .expect("chromedriver starts");
        let mut browser = Browser {
            driver,
            port,
            session: String::new(),
        };
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
        ];
        let made = browser.call(
            "POST",
            "/session",
            &json!({"capabilities": {"alwaysMatch": {
                "goog:chromeOptions": {"args": arguments},
                "goog:loggingPrefs": {"browser": "ALL"},
            }}}),
        );
        browser.session = format!("/session/{}", made["sessionId"].as_str().unwrap());
        browser
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        self.try_call(method, path, body).unwrap()
    }

    /// One request of the WebDriver protocol.
    fn try_call(&self, method: &str, path: &str, body: &Value) -> std::io::Result<Value> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        write!(
            stream,
            "{method} {}{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.session,
            body.len()
        )?;
        let mut reader = BufReader::new(stream);
        let (mut line, mut length) = (String::new(), 0);
        while reader.read_line(&mut line)? > 2 {
            if let Some(text) = line.to_lowercase().strip_prefix("content-length:") {
                length = text.trim().parse().unwrap();
            }
            line.clear();
        }
        let mut answer = vec![0; length];
        reader.read_exact(&mut answer)?;
        let mut answer: Value = serde_json::from_slice(&answer)?;
        assert!(
            answer["value"]["error"].is_null(),
            "{method} {path}: {answer}"
        );
        Ok(answer["value"].take())
    }

    fn run(&self, script: &str) -> Value {
        self.call(
            "POST",
            "/execute/sync",
            &json!({"script": script, "args": []}),
        )
    }

    /// Types keys into the element that has the focus.
    fn keys(&self, text: &str) {
        let actions: Vec<Value> = text
            .chars()
            .flat_map(|key| {
                [
                    json!({"type": "keyDown", "value": key}),
                    json!({"type": "keyUp", "value": key}),
                ]
            })
            .collect();
        self.call(
            "POST",
            "/actions",
            &json!({"actions": [{"type": "key", "id": "keys", "actions": actions}]}),
        );
    }

    fn devtools(&self, command: &str, params: Value) {
        self.call(
            "POST",
            "/goog/cdp/execute",
            &json!({"cmd": command, "params": params}),
        );
    }

    fn view(&self, width: u32, scheme: &str) {
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.devtools("Emulation.setEmulatedMedia", json!({"features": features}));
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}),
        );
    }

    /// Saves a screenshot of the whole page if `PAGES` is set.
    fn save_screenshot(&self, name: &str) {
        let Some(folder) = std::env::var_os("PAGES") else {
            return;
        };
        let answer = self.call(
            "POST",
            "/goog/cdp/execute",
            &json!({"cmd": "Page.captureScreenshot", "params": {"captureBeyondViewport": true}}),
        );
        let file = Path::new(&folder).join(format!("{name}.png.base64"));
        std::fs::write(file, answer["data"].as_str().unwrap()).unwrap();
    }
}

/// How many changes are shown.
const SHOWN: &str = "return document.querySelectorAll('.change:not([hidden])').length";

#[test_with::executable(chromium, chromedriver)]
#[test]
fn the_page_works_in_a_browser() {
    let browser = Browser::open();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("page.html");
    std::fs::write(&file, html(&comparison(), ["main", "HEAD"], &VIEW)).unwrap();
    browser.call(
        "POST",
        "/url",
        &json!({"url": format!("file://{}", file.display())}),
    );
    let number = |script: &str| {
        browser
            .run(script)
            .as_i64()
            .unwrap_or_else(|| panic!("{script}"))
    };

    let all = number(SHOWN);
    assert!(all > 3, "{all} changes");

    // A click on a cell of the matrix shows only its claim and its environment; a second click shows all changes.
    let cell = "document.querySelector('td button[data-environment=prod]').click();";
    let filtered = number(&format!("{cell} {SHOWN}"));
    assert!(0 < filtered && filtered < all, "{filtered} of {all}");
    let others = "return [...document.querySelectorAll('.change:not([hidden])')].filter((it) => !JSON.parse(it.dataset.environments).includes('prod')).length";
    assert_eq!(number(others), 0);
    assert_eq!(number(&format!("{cell} {SHOWN}")), all);

    // One object can be unfolded, and all can be folded.
    let height =
        "return document.querySelector('.change:has(.rows)').getBoundingClientRect().height";
    let measure = |script: &str| browser.run(&format!("{script} {height}")).as_f64().unwrap();
    let folded = measure("document.querySelector('#close').click();");
    let unfolded = measure("document.querySelector('.change:has(.rows) > summary').click();");
    assert!(unfolded > folded + 20.0, "{folded} {unfolded}");

    // Keys: search, show all changes, show only dangers, go to the next change.
    browser.keys("/events");
    let found = number(SHOWN);
    assert!(0 < found && found < all, "{found} of {all}");
    browser.keys("\u{e00c}");
    assert_eq!(number(SHOWN), all);
    browser.keys("d");
    assert!(number(SHOWN) < all);
    browser.keys("\u{e00c}j");
    assert_eq!(
        browser.run("return document.activeElement.tagName"),
        "SUMMARY"
    );
    browser.keys("c");
    assert_eq!(
        number("return document.querySelectorAll('.change[open]').length"),
        0
    );
    browser.keys("e");
    assert_eq!(
        number("return document.querySelectorAll('.change:not([open])').length"),
        0
    );
    assert!(number("return document.querySelectorAll('.cluster svg').length") > 1);

    // Only scrollable elements may be wider than the screen, and each colour scheme has its own colours.
    let mut backgrounds = Vec::new();
    for (width, scheme) in [
        (360, "light"),
        (360, "dark"),
        (1280, "light"),
        (1280, "dark"),
    ] {
        browser.view(width, scheme);
        let wide = browser.run(
            "const at = (it) => it.getBoundingClientRect().right, edge = document.documentElement.clientWidth;
             return [...document.querySelectorAll('body *')].filter((it) => at(it) > edge + 0.5 && !it.closest('.scroll') && !it.closest('dialog')).map((it) => it.outerHTML.slice(0, 80)).concat(
               document.documentElement.scrollWidth > edge ? ['the page'] : [])",
        );
        assert_eq!(wide, json!([]), "wider than {width}");
        // No column of the matrix is out of sight.
        let hidden = browser.run("const table = document.querySelector('#matrix .scroll'); return table.scrollWidth - table.clientWidth");
        assert_eq!(hidden, json!(0), "the matrix is wider than {width}");
        backgrounds.push(browser.run("return getComputedStyle(document.body).backgroundColor"));
        browser.save_screenshot(&format!("{scheme}-{width}"));
    }
    assert_eq!(backgrounds[0], backgrounds[2]);
    assert_ne!(backgrounds[0], backgrounds[1]);

    let log = browser.call("POST", "/se/log", &json!({"type": "browser"}));
    assert_eq!(log, json!([]), "the console has messages");
    let requests = number("return performance.getEntriesByType('resource').length");
    assert_eq!(requests, 0, "the page loads a resource");
}
