//! TLS with a certificate authority of the test. The server is `openssl s_server`.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::workspace::{Workspace, archive, write};

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn openssl(folder: &Path, arguments: &str) -> bool {
    let mut command = Command::new("openssl");
    command.current_dir(folder).args(arguments.split(' '));
    let output = command.output();
    output.is_ok_and(|it| it.status.success())
}

/// Serves a folder with OpenSSL 3.
fn serve(folder: &Path) -> (Server, String) {
    let certificates = [
        "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=authority",
        "req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=case -CA ca.pem -CAkey ca.key \
         -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE",
    ];
    assert!(certificates.iter().all(|it| openssl(folder, it)));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let server = Command::new("openssl")
        .current_dir(folder)
        .args([
            "s_server", "-accept", &address, "-cert", "cert.pem", "-key", "key.pem",
        ])
        .args(["-WWW", "-http_server_binmode", "-quiet"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let server = Server(server.unwrap());
    for _ in 0..200 {
        if TcpStream::connect(&address).is_ok() {
            return (server, address);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("openssl does not start");
}

#[test_with::executable(openssl)]
#[test]
fn a_private_authority_is_trusted_if_it_is_configured() {
    let folder = tempfile::tempdir().unwrap();
    let index = "entries: {app: [{version: 1.0.0, urls: [app-1.0.0.tgz]}]}\n";
    write(&folder.path().join("charts/index.yaml"), index);
    let file = folder.path().join("charts/app-1.0.0.tgz");
    std::fs::write(file, archive("app", "1.0.0")).unwrap();
    let (_server, address) = serve(folder.path());
    let workspace = Workspace::with_claim(&format!("https://{address}/charts"), "app", "^1");
    let printed = workspace.run(&["vendor"], 2);
    assert!(
        printed.contains("is not trusted") && printed.contains("SSL_CERT_FILE"),
        "{printed}"
    );
    let mut vendor = workspace.command(env!("CARGO_BIN_EXE_pleach"));
    let output = vendor
        .arg("vendor")
        .env("SSL_CERT_FILE", folder.path().join("ca.pem"))
        .output();
    assert!(output.unwrap().status.success());
}
