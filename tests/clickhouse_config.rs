//! Every rendered ClickHouse configuration is loaded by a real ClickHouse server, the one in the Python package chdb.
//!
//! The folder has the layout that Altinity's operator creates in a pod: `files` unchanged, one file for each of `settings`,
//! `profiles`, `quotas`, `users` and `zookeeper`, and the operator's own settings for system tables.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use pleach::diag::Source;
use pleach::object::Object;
use pleach::yaml::{Node, View, parse};

use crate::real_kustomize::{built, folders, plain_folders};

/// The relevant parts of the image's own `config.xml` and `users.xml`. `PLACE` is the folder of the test.
const SERVER: &str = "\
<clickhouse>
  <logger><level>none</level></logger>
  <path>PLACE/</path>
  <filesystem_caches_path>PLACE/</filesystem_caches_path>
  <users_config>PLACE/etc/users.xml</users_config>
</clickhouse>
";
const USERS: &str = "\
<clickhouse>
  <profiles><default/></profiles>
  <quotas><default/></quotas>
  <users><default>
    <password/><networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota>
  </default></users>
</clickhouse>
";
/// The operator's own files: names of the host, and system tables with an `engine`, which excludes `ttl` (error code 36).
const OPERATOR: &str = "\
<clickhouse>
  <macros><installation>i</installation><cluster>c</cluster><shard>0</shard><replica>r</replica></macros>
  <query_log><database>system</database><table>query_log</table>
    <engine>ENGINE = MergeTree PARTITION BY event_date ORDER BY event_time</engine></query_log>
  <part_log><database>system</database><table>part_log</table>
    <engine>ENGINE = MergeTree PARTITION BY event_date ORDER BY event_time</engine></part_log>
</clickhouse>
";
const LOAD: &str = "\
import sys, chdb
connection = chdb.connect(':memory:?config-file=' + sys.argv[1])
cursor = connection.cursor()
cursor.execute('select count() from system.disks, system.storage_policies')
";

/// Path below `/etc/clickhouse-server` to text.
type ConfigFiles = BTreeMap<String, String>;

#[test_with::path(target/chdb/bin/python)]
#[test]
fn chdb_loads_every_rendered_configuration() {
    let configurations: BTreeSet<ConfigFiles> = installations().iter().map(files_of).collect();
    assert!(configurations.len() > 5, "{}", configurations.len());
    let faults = configurations.iter().filter_map(|it| load(it).err());
    let faults: Vec<String> = faults.collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Otherwise the test above would pass if nothing were loaded.
#[test_with::path(target/chdb/bin/python)]
#[test]
fn chdb_refuses_a_wrong_configuration() {
    let wrong = [
        (
            "config.d/a.xml",
            "<a><query_log><ttl>event_date + 7</ttl></query_log></a>",
            "'ttl' setting",
        ),
        ("config.d/a.xml", "<a>", "Connection failed"),
        (
            "users.d/a.xml",
            "<a><profiles><default><max_thread>3</max_thread></default></profiles></a>",
            "max_thread",
        ),
        (
            "users.d/a.xml",
            "<a><users><eve><profile>none</profile></eve></users></a>",
            "eve",
        ),
    ];
    for (path, text, expected) in wrong {
        let text = text
            .replace("<a>", "<clickhouse>")
            .replace("</a>", "</clickhouse>");
        let stderr = load(&ConfigFiles::from([(path.to_string(), text)])).unwrap_err();
        assert!(stderr.contains(expected), "{path}: {stderr}");
    }
}

/// Loads a configuration in a server. An error has the names of the files and what the server printed.
fn load(files: &ConfigFiles) -> Result<(), String> {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("etc");
    let here = place.path().to_string_lossy().into_owned();
    let own = [
        ("config.xml", SERVER),
        ("users.xml", USERS),
        ("config.d/01-operator.xml", OPERATOR),
    ];
    let own = own.map(|(path, text)| (path, text.replace("PLACE", &here)));
    let given = files
        .iter()
        .map(|(path, text)| (&**path, text.replace("/var/lib/clickhouse", &here)));
    for (path, text) in own.into_iter().chain(given) {
        let file = folder.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/chdb/bin/python");
    let mut command = Command::new(python);
    let command = command.args(["-c", LOAD]).arg(folder.join("config.xml"));
    // chdb queries as `default`, without a password.
    let output = command.current_dir(&here).env("FROM_SECRET", "").output();
    let output = output.unwrap();
    match output.status.success() {
        true => Ok(()),
        false => {
            let stderr = String::from_utf8_lossy(&output.stderr);
            Err(format!("{:?}\n{stderr}", files.keys().collect::<Vec<_>>()))
        }
    }
}

/// The ClickHouseInstallations of all golden trees.
fn installations() -> Vec<Object> {
    let built = folders().into_iter().flat_map(|it| built(&it).objects);
    let plain = plain_folders().into_iter().flat_map(|folder| {
        let files = fs::read_dir(folder).unwrap().map(|it| it.unwrap().path());
        files.flat_map(|it| {
            let text = fs::read_to_string(it).unwrap();
            let documents = parse(&Source::internal("object", text)).unwrap();
            documents.into_iter().map(Object::new)
        })
    });
    let all = built.chain(plain);
    all.filter(|it| it.kind() == "ClickHouseInstallation")
        .collect()
}

/// The configuration files that the operator creates for the servers of an installation.
fn files_of(installation: &Object) -> ConfigFiles {
    let configuration = installation
        .node
        .at_keys(&["spec", "configuration"])
        .unwrap();
    let clusters = configuration.get("clusters").map(items).unwrap_or_default();
    let mut files = ConfigFiles::new();
    for level in std::iter::once(configuration).chain(clusters) {
        for (path, node) in level.get("files").map(entries).unwrap_or_default() {
            files.insert(path, text(node));
        }
        if let Some(settings) = level.get("settings") {
            files.insert(
                "config.d/chop-generated-settings.xml".to_string(),
                xml(None, settings),
            );
        }
    }
    for section in ["profiles", "quotas", "users"] {
        if let Some(values) = configuration.get(section) {
            files.insert(
                format!("users.d/chop-generated-{section}.xml"),
                xml(Some(section), values),
            );
        }
    }
    if let Some(nodes) = configuration.at_keys(&["zookeeper", "nodes"]) {
        let node = |it: &Node| {
            let parts = entries(it).into_iter();
            let parts = parts.map(|(name, value)| format!("<{name}>{}</{name}>", text(value)));
            format!("<node>{}</node>", parts.collect::<String>())
        };
        let nodes: String = items(nodes).into_iter().map(node).collect();
        let file = format!("<clickhouse><zookeeper>{nodes}</zookeeper></clickhouse>");
        files.insert("config.d/chop-generated-zookeeper.xml".to_string(), file);
    }
    files
}

/// An XML file from settings whose keys are paths (`default/networks/ip`). Values of Secrets come from the environment.
fn xml(section: Option<&str>, settings: &Node) -> String {
    let mut all = String::new();
    for (path, node) in entries(settings) {
        let path = section.into_iter().chain(path.split('/'));
        let names: Vec<&str> = path.filter(|it| !it.is_empty()).collect();
        let (last, above) = names.split_last().unwrap();
        let value = |it: &Node| match it.view() {
            View::Mapping(_) => format!("<{last} from_env=\"FROM_SECRET\"/>"),
            _ => format!("<{last}>{}</{last}>", text(it)),
        };
        let values: String = match node.view() {
            View::Sequence(_) => items(node).into_iter().map(value).collect(),
            _ => value(node),
        };
        let open: String = above.iter().map(|it| format!("<{it}>")).collect();
        let close: String = above.iter().rev().map(|it| format!("</{it}>")).collect();
        all.push_str(&format!("{open}{values}{close}\n"));
    }
    format!("<clickhouse>\n{all}</clickhouse>\n")
}

/// The text of a scalar, or a placeholder for a value from a Secret.
fn text(node: &Node) -> String {
    match node.view() {
        View::Scalar(it) => it.to_string(),
        _ => "secret".to_string(),
    }
}

fn entries(node: &Node) -> Vec<(String, &Node)> {
    let mapping = node.as_mapping().unwrap();
    let entries = mapping.iter();
    entries
        .map(|it| (it.key.as_str().unwrap().to_string(), &it.value))
        .collect()
}

fn items(node: &Node) -> Vec<&Node> {
    node.as_sequence().unwrap().iter().collect()
}
