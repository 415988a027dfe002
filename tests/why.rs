//! `pleach diff --why`: the lines that cause a change.

use std::fs;

use crate::program::{pleach, run};

#[test]
fn the_lines_that_differ_are_shown_below_the_field() {
    let top = tempfile::tempdir().unwrap();
    let (old, new) = (top.path().join("old"), top.path().join("new"));
    for folder in [&old, &new] {
        fs::create_dir(folder).unwrap();
        run(folder, &["init"], 0);
    }
    let file = new.join("environments/prod/databases.yaml");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("shardCount: 3"), "{text}");
    fs::write(&file, text.replacen("shardCount: 3", "shardCount: 4", 1)).unwrap();
    let sides = [old.to_str().unwrap(), new.to_str().unwrap()];
    let diff = |arguments: &[&str]| {
        let output = pleach(
            top.path(),
            &[&["diff", sides[0], sides[1]], arguments].concat(),
        );
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    let at = 1 + text
        .lines()
        .position(|it| it.contains("shardCount: 3"))
        .unwrap();
    let line = format!("claim environments/prod/databases.yaml:{at}");
    assert!(!diff(&[]).contains(&line));
    for arguments in [&["--why"][..], &["--why", "-o", "md"]] {
        let shown = diff(arguments);
        assert!(shown.contains(&line), "{shown}");
    }
    let json = diff(&["--why", "-o", "json"]);
    let cause = format!(
        "\"causes\": [{{\"label\": \"claim\", \"path\": \"environments/prod/databases.yaml\", \"line\": {at}}}]"
    );
    assert!(json.contains(&cause), "{json}");
}
