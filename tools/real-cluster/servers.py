"""Servers on loopback: Git over HTTP (`git http-backend`), and files (the Helm repository)."""
import http.server
import os
import pathlib
import subprocess
import threading


class Handler(http.server.SimpleHTTPRequestHandler):
    """`/git/…` is answered by Git, anything else is a file."""

    protocol_version = "HTTP/1.0"
    repositories: pathlib.Path

    def log_message(self, *_):
        pass

    def do_GET(self):
        if self.path.startswith("/git/"):
            self.git()
        else:
            super().do_GET()

    def do_POST(self):
        self.git()

    def git(self):
        path, _, query = self.path.removeprefix("/git").partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.repositories),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "REMOTE_ADDR": "127.0.0.1",
        }
        if "Git-Protocol" in self.headers:
            environment["GIT_PROTOCOL"] = self.headers["Git-Protocol"]
        if "Content-Encoding" in self.headers:
            environment["HTTP_CONTENT_ENCODING"] = self.headers["Content-Encoding"]
        done = subprocess.run(["git", "http-backend"], env=environment, input=body, stdout=subprocess.PIPE, check=False)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = [line.split(": ", 1) for line in head.decode().splitlines()]
        status = next((value for name, value in headers if name == "Status"), "200 OK")
        self.send_response(int(status.split()[0]))
        for name, value in headers:
            if name != "Status":
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


def serve(files: pathlib.Path, repositories: pathlib.Path) -> int:
    """Serves both until the program ends; the port."""

    class Here(Handler):
        pass

    Here.repositories = repositories
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), lambda *it: Here(*it, directory=str(files)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port
