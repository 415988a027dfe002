//! `ci/install.sh` and the archive that `.ci/pack` creates, with a server on the loopback interface.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{Run, command, finish, root};
use crate::program::assert_contains;
use crate::vendor::server::{Answer, Server};

/// The version that is installed.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A release whose program is a script.
pub(super) struct Release {
    folder: TempDir,
    pub(super) name: String,
    pub(super) archive: Vec<u8>,
    pub(super) sum: String,
}

impl Release {
    pub(super) fn new(program: &str) -> Release {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("program");
        write_program(&file, program);
        let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
        let target = match std::env::consts::OS {
            "macos" => target.replace("unknown-linux-gnu", "apple-darwin"),
            _ => target,
        };
        let packed = || {
            let arguments = [&target, file.to_str().unwrap(), "out"];
            let mut command = command(folder.path(), "bash", &[]);
            let printed = finish(command.arg(root().join(".ci/pack")).args(arguments)).expect(0);
            let name = format!("pleach-{VERSION}-{target}.tar.gz");
            let sum = fs::read_to_string(folder.path().join("out").join(name.clone() + ".sha256"));
            assert_eq!(sum.unwrap(), printed);
            (printed, name)
        };
        let (printed, name) = packed();
        assert_eq!(packed().0, printed, "the same files make the same archive");
        Release {
            archive: fs::read(folder.path().join("out").join(&name)).unwrap(),
            sum: printed.split(' ').next().unwrap().to_string(),
            name,
            folder,
        }
    }

    /// Serves the archive behind a redirect, as GitHub does.
    pub(super) fn serve(&self, cut: Option<usize>) -> Server {
        let (path, archive) = (format!("/v{VERSION}/{}", self.name), self.archive.clone());
        Server::start(move |asked| match &*asked.path {
            "/stored" => Answer {
                cut,
                ..Answer::ok(archive.clone())
            },
            it if it == path => Answer::status(302).with("Location", "/stored"),
            _ => Answer::status(404),
        })
    }

    fn bin(&self) -> PathBuf {
        self.folder.path().join("bin")
    }

    fn path_file(&self) -> PathBuf {
        self.folder.path().join("path")
    }

    /// Runs the `install.sh` of a folder.
    fn install_by(&self, scripts: &Path, server: &Server, variables: &[(&str, &str)]) -> Run {
        let (bin, path) = (self.bin(), self.path_file());
        let url = format!("http://{}", server.address);
        let own = [
            ("PLEACH_VERSION", VERSION),
            ("PLEACH_RELEASES", &*url),
            ("PLEACH_BIN", bin.to_str().unwrap()),
            ("GITHUB_PATH", path.to_str().unwrap()),
        ];
        let mut command = command(self.folder.path(), "/bin/sh", &own);
        finish(
            command
                .arg(scripts.join("install.sh"))
                .envs(variables.iter().copied()),
        )
    }

    fn install(&self, server: &Server, variables: &[(&str, &str)]) -> Run {
        self.install_by(&root().join("ci"), server, variables)
    }

    /// Asserts that nothing was installed or added to the PATH.
    #[track_caller]
    fn assert_nothing(&self) {
        assert!(!self.bin().exists());
        assert!(!self.path_file().exists());
    }

    #[track_caller]
    fn assert_installed(&self) {
        let mut program = command(
            self.folder.path(),
            self.bin().join("pleach").to_str().unwrap(),
            &[],
        );
        let printed = finish(program.arg("-V")).expect(0);
        assert_eq!(printed, format!("pleach {VERSION}\n"));
        let path = fs::read_to_string(self.path_file()).unwrap();
        assert_eq!(path, format!("{}\n", self.bin().display()));
        assert_eq!(fs::read_dir(self.bin()).unwrap().count(), 1);
    }
}

pub(super) fn write_program(file: &Path, text: &str) {
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

fn program(version: &str) -> String {
    format!("#!/bin/sh\necho pleach {version}\n")
}

/// A folder with the programs that the script needs, and some more.
fn tools(folder: &Path, more: &[(&str, &str)]) -> String {
    let bin = folder.join("tools");
    fs::create_dir_all(&bin).unwrap();
    let needed =
        "sh curl tar gzip mktemp uname sed tr cut sha256sum shasum grep rm mkdir mv cat dirname";
    for name in needed
        .split(' ')
        .filter(|it| more.iter().all(|(more, _)| more != it))
    {
        let path = std::env::var("PATH").unwrap();
        let mut places = path.split(':').map(|it| Path::new(it).join(name));
        if let Some(place) = places.find(|it| it.exists()) {
            #[cfg(unix)]
            std::os::unix::fs::symlink(place, bin.join(name)).unwrap();
        }
    }
    for (name, text) in more {
        write_program(&bin.join(name), text);
    }
    bin.display().to_string()
}

#[test]
fn a_release_with_a_pinned_checksum_is_installed() {
    let release = Release::new(&program(VERSION));
    let server = release.serve(None);
    let printed = release
        .install(&server, &[("PLEACH_SHA256", &release.sum)])
        .expect(0);
    assert_contains(
        &printed,
        &["the SHA-256 matches the pinned checksum", " installed in"],
    );
    release.assert_installed();
    // Several checksums in different spellings, a version with `v`, and an existing file that is replaced.
    let sums = format!("{} sha256:{}", "0".repeat(64), release.sum.to_uppercase());
    let version = format!("v{VERSION}");
    fs::remove_file(release.path_file()).unwrap();
    let variables = [("PLEACH_SHA256", &*sums), ("PLEACH_VERSION", &version)];
    release.install(&server, &variables).expect(0);
    release.assert_installed();
}

#[test]
fn a_file_with_checksums_pins_releases() {
    let release = Release::new(&program(VERSION));
    let server = release.serve(None);
    let scripts = tempfile::tempdir().unwrap();
    fs::copy(
        root().join("ci/install.sh"),
        scripts.path().join("install.sh"),
    )
    .unwrap();
    let sums = |sum: &str| {
        let text = format!(
            "{}  pleach-other.tar.gz\n{sum}  {}\n",
            release.sum, release.name
        );
        fs::write(scripts.path().join("checksums"), text).unwrap();
    };
    sums(&"0".repeat(64));
    let printed = release.install_by(scripts.path(), &server, &[]).expect(1);
    assert_contains(
        &printed,
        &[&release.sum, "does not match the pinned checksum"],
    );
    release.assert_nothing();
    sums(&release.sum);
    release.install_by(scripts.path(), &server, &[]).expect(0);
    release.assert_installed();
}

#[test]
fn without_a_checksum_github_must_attest_the_release() {
    let release = Release::new(&program(VERSION));
    let server = release.serve(None);
    let folder = tempfile::tempdir().unwrap();
    let path = tools(folder.path(), &[]);
    let printed = release.install(&server, &[("PATH", &path)]).expect(1);
    assert_contains(&printed, &["cannot verify", "set its SHA-256"]);
    release.assert_nothing();
    let script = |code: i32| format!("#!/bin/sh\necho gh \"$@\"\nexit {code}\n");
    write_program(&Path::new(&path).join("gh"), &script(1));
    let printed = release.install(&server, &[("PATH", &path)]).expect(1);
    assert_contains(&printed, &["GitHub does not attest"]);
    release.assert_nothing();
    write_program(&Path::new(&path).join("gh"), &script(0));
    let printed = release.install(&server, &[("PATH", &path)]).expect(0);
    let tag = format!("--source-ref refs/tags/v{VERSION}");
    let workflow = "--signer-workflow pleach/pleach/.github/workflows/release.yml";
    assert_contains(
        &printed,
        &[
            "gh attestation verify",
            "--repo pleach/pleach",
            &tag,
            workflow,
        ],
    );
    release.assert_installed();
}

#[test]
fn other_archives_are_refused() {
    let release = Release::new(&program(VERSION));
    let server = release.serve(None);
    let refused = |server: &Server, variables: &[(&str, &str)], words: &[&str]| {
        let pinned = [("PLEACH_SHA256", &*release.sum)];
        let variables = [&pinned[..], variables].concat();
        let printed = release.install(server, &variables).expect(1);
        assert_contains(&printed, words);
        release.assert_nothing();
    };
    let zeros = "0".repeat(64);
    refused(
        &server,
        &[("PLEACH_SHA256", &zeros)],
        &["does not match the pinned checksum"],
    );
    // Half of an archive, although the server announces all of it.
    let half = release.serve(Some(release.archive.len() / 2));
    refused(&half, &[], &["failed"]);
    refused(
        &server,
        &[("PLEACH_VERSION", "99.0.0")],
        &["pleach 99.0.0 for", "/v99.0.0/pleach-99.0.0-"],
    );
    refused(
        &server,
        &[("PLEACH_VERSION", "../1")],
        &["invalid version `../1`"],
    );
    let gone = "http://127.0.0.1:1";
    refused(&server, &[("PLEACH_RELEASES", gone)], &["failed"]);
    let folder = tempfile::tempdir().unwrap();
    let path = tools(
        folder.path(),
        &[("uname", "#!/bin/sh\necho MINGW64_NT-10.0\n")],
    );
    refused(
        &server,
        &[("PATH", &path)],
        &["no archives for MINGW64_NT-10.0"],
    );
}

#[test]
fn an_archive_of_another_program_is_refused() {
    let release = Release::new(&program("99.0.0"));
    let server = release.serve(None);
    let printed = release
        .install(&server, &[("PLEACH_SHA256", &release.sum)])
        .expect(1);
    assert_contains(&printed, &[&format!("does not contain pleach {VERSION}")]);
    release.assert_nothing();
}
