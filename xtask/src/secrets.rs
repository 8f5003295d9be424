//! `cargo xtask secrets`: the manual's examples of keys and passphrases that other programs hand out,
//! run as they are printed: `pass` with gpg, and the AWS client against moto.
//!
//! It needs `pass` and `gpg` (Debian's packages of these names), and `aws` and `moto_server` (PyPI's
//! `awscli` and `moto[server]`). Where one is missing it says which, and fails.

use crate::report::{Failure, Outcome};
use crate::{bench, shell};
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

/// A program and what installs it.
const NEEDED: [(&str, &str); 4] = [
    ("pass", "apt-get install pass"),
    ("gpg", "apt-get install gnupg"),
    ("aws", "pip install awscli"),
    ("moto_server", "pip install 'moto[server]'"),
];

/// What is there before the examples run, in the folder that is also home.
const PREPARED: &str = "\
set -e
mkdir -m 700 gnupg
gpg --batch --quiet --passphrase '' --quick-generate-key sv2@example.org default default never
pass init sv2@example.org
sv2 keygen | pass insert --multiline sv2/identity
echo 'correct horse battery staple' | pass insert --multiline sv2/backup
printf 'some text' > a
";

/// How often a server that was started is asked whether it is there, and how long that is waited for.
const TRIES: u32 = 300;
const PAUSE: Duration = Duration::from_millis(100);
/// Ports that are tried.
const PORTS: u32 = 3;

/// Runs the examples.
pub(crate) fn check() -> Outcome {
    for (name, install) in NEEDED {
        if shell::probe(shell::program(name, &["--help"])).is_none()
            && shell::probe(shell::program(name, &["help"])).is_none()
        {
            return Err(Failure::new(format!(
                "{name} does not run; install it, as with: {install}"
            )));
        }
    }
    let program = bench::build(true)?;
    let programs = program.parent().map(Path::to_owned).unwrap_or_default();
    let help = shell::program(&program.to_string_lossy(), &["keygen", "--help"]);
    let help = String::from_utf8_lossy(&shell::read(help)?).into_owned();
    let folder = Folder::new()?;
    let run = |script: &str, port: u16| folder.run(script, &programs, port);

    run(PREPARED, 0)?;
    let [open, seal] = examples(&help, "'pass show sv2/")?;
    // The stream that each example names is made, or opened, by the other means.
    run("sv2 encrypt -r \"$(pass show sv2/identity | sed -n 's/^# public key: //p')\" a", 0)?;
    run(&format!("rm a; {open}; test \"$(cat a)\" = 'some text'; rm a.sv2"), 0)?;
    run(
        &format!("{seal}; rm a; sv2 decrypt --passphrase-command 'pass show sv2/backup' a.sv2"),
        0,
    )?;
    run("test \"$(cat a)\" = 'some text'; rm a.sv2", 0)?;

    let (server, port) = Server::start(&folder)?;
    let [create, open] = examples(&help, "aws secretsmanager ")?;
    run(&create, port)?;
    let get =
        "aws secretsmanager get-secret-value --secret-id sv2 --query SecretString --output text";
    run(&format!("sv2 encrypt --key-command '{get}' a; rm a"), port)?;
    run(&format!("{open}; test \"$(cat a)\" = 'some text'"), port)?;
    drop(server);
    Ok("the manual's examples work with pass and gpg, and with the AWS client".to_owned())
}

/// The two commands of the help that hold some words; what is continued on the next line is one.
fn examples(help: &str, words: &str) -> Outcome<[String; 2]> {
    let mut found = Vec::new();
    let mut lines = help.lines().map(str::trim).peekable();
    while let Some(line) = lines.next() {
        if !line.contains(words) {
            continue;
        }
        let mut command = line.to_owned();
        // A quotation that is open goes on.
        while command.matches('\'').count() % 2 == 1 {
            let more = lines.next().ok_or_else(|| Failure::new("an example has no end"))?;
            command = format!("{command} {more}");
        }
        found.push(command);
    }
    <[String; 2]>::try_from(found)
        .map_err(|found| Failure::new(format!("not two examples of {words}: {found:?}")))
}

/// A folder that is home and working folder, and goes with this value.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Outcome<Self> {
        // Not below the project: a socket of gpg's agent lies in it, whose path must be short.
        let folder = std::env::temp_dir().join(format!("sv2-secrets-{}", std::process::id()));
        fs::DirBuilder::new().mode(0o700).create(&folder)?;
        Ok(Self(folder))
    }

    /// Runs a script in which `sv2` is the program.
    fn run(&self, script: &str, programs: &Path, port: u16) -> Outcome<()> {
        println!("$ {script}");
        let mut command = shell::program("bash", &["-e", "-o", "pipefail", "-c", script]);
        self.prepare(&mut command);
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = [programs.to_owned()].into_iter().chain(std::env::split_paths(&path));
        command.env("PATH", std::env::join_paths(folders).unwrap_or_default());
        command.env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}"));
        let status = command.status()?;
        match status.success() {
            true => Ok(()),
            false => Err(Failure::new(format!("{script}: {status}"))),
        }
    }

    /// Sets what the examples read, and takes away what else would reach them from whoever runs this.
    fn prepare(&self, command: &mut Command) {
        for (name, _) in std::env::vars_os() {
            let of = |prefix: &&str| name.to_string_lossy().starts_with(prefix);
            if ["SV2_", "AWS_", "XDG_"].iter().any(of) {
                command.env_remove(&name);
            }
        }
        command.env("NO_PROXY", "127.0.0.1").env("no_proxy", "127.0.0.1");
        command.current_dir(&self.0).env("HOME", &self.0).env("GNUPGHOME", self.0.join("gnupg"));
        command.env("PASSWORD_STORE_DIR", self.0.join("store")).stdin(Stdio::null());
        command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
        command.env("AWS_DEFAULT_REGION", "us-east-1");
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let mut agent = shell::program("gpgconf", &["--kill", "gpg-agent"]);
        self.prepare(&mut agent);
        // An agent or a folder that stays is a nuisance and no failure.
        let _ = agent.status();
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A server of AWS's interface, which ends with this value.
struct Server(Child);

impl Server {
    /// Starts it on a free port; where somebody else was faster, it ends, and another port is tried.
    fn start(folder: &Folder) -> Outcome<(Self, u16)> {
        for _ in 0..PORTS {
            let listener = TcpListener::bind(("127.0.0.1", 0))?;
            let port = listener.local_addr()?.port();
            drop(listener);
            let port_text = port.to_string();
            let mut command = shell::program("moto_server", &["-H", "127.0.0.1", "-p", &port_text]);
            folder.prepare(&mut command);
            let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
            let mut server = Self(child);
            if server.answers(port)? {
                return Ok((server, port));
            }
        }
        Err(Failure::new("moto_server does not answer"))
    }

    /// Waits until it answers; no, where it ended.
    fn answers(&mut self, port: u16) -> Outcome<bool> {
        let (_never, silence) = channel::<()>();
        for _ in 0..TRIES {
            let is_there = TcpStream::connect(("127.0.0.1", port)).is_ok();
            if self.0.try_wait()?.is_some() {
                return Ok(false);
            }
            if is_there {
                return Ok(true);
            }
            // Nobody sends, so this ends with the time.
            let _ = silence.recv_timeout(PAUSE);
        }
        Ok(false)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that ended by itself needs no end.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_are_read_with_the_lines_that_they_go_on_in() {
        let help = "  one 'pass x'\n  two --key-command 'pass y\n      --more z' a\n  three";
        let found = examples(help, "'pass ").map_err(|error| error.to_string());
        assert_eq!(
            found,
            Ok(["one 'pass x'".into(), "two --key-command 'pass y --more z' a".into()])
        );
        assert!(examples(help, "three").is_err());
    }
}
