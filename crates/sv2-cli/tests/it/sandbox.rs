//! A home folder that vanishes, and the program run in it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use sv2_core::{EncryptOptions, Existing, InputSource, OutputSink, StreamKey, encrypt_stream_v2};
use sv2_keys::{Passphrase, seal_passphrase_slot};
use tempfile::TempDir;

/// A folder that is home, working folder and nothing else's business.
pub(crate) struct Sandbox {
    folder: TempDir,
}

/// What a finished program left.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).unwrap();
        // Files of secrets are among them, and one that others can read is told of.
        let own = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(self.path(name), own).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    /// A command that sees nothing of the machine but its programs.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path("home"))
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// The program with arguments, to be run by the caller.
    pub(crate) fn sv2(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(env!("CARGO_BIN_EXE_sv2"));
        command.args(arguments);
        command
    }

    /// Runs the program without input.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        Ended::of(self.sv2(arguments).output().unwrap())
    }

    /// Runs the program, which must succeed.
    pub(crate) fn good(&self, arguments: &[&str]) -> Ended {
        let ended = self.run(arguments);
        assert_eq!(ended.code, 0, "{arguments:?}: {}", ended.stderr);
        ended
    }

    /// Runs the program, which must fail with this code and one line that begins with its
    /// name, and a hint at most, which together hold every one of `words`.
    pub(crate) fn bad(&self, arguments: &[&str], code: i32, words: &[&str]) -> Ended {
        let ended = self.run(arguments);
        ended.expect_failure(code, words);
        ended
    }

    /// Runs the program with bytes on a pipe as its input.
    pub(crate) fn fed(&self, arguments: &[&str], input: &[u8]) -> Ended {
        let mut child = self.sv2(arguments).stdin(Stdio::piped()).spawn().unwrap();
        let mut pipe = child.stdin.take().unwrap();
        std::thread::scope(|scope| {
            // A program that refuses its input closes the pipe.
            scope.spawn(move || pipe.write_all(input).ok());
            Ended::of(child.wait_with_output().unwrap())
        })
    }

    /// The names in the working folder, sorted, without the home folder.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| name != "home").collect();
        names.sort();
        names
    }

    /// Writes a stream of `plaintext` under a passphrase that costs a reader next to nothing.
    pub(crate) fn cheap_passphrase_stream(&self, name: &str, plaintext: &[u8], passphrase: &str) {
        let key = StreamKey::generate().unwrap();
        let passphrase = Passphrase::new(passphrase.to_owned()).unwrap();
        let mut options = EncryptOptions::standard();
        options.slots = vec![seal_passphrase_slot(&key, &passphrase, 1).unwrap()];
        let output = OutputSink::Path { path: self.path(name), existing: Existing::Refuse };
        encrypt_stream_v2(InputSource::Memory(plaintext), output, &key, &options).unwrap();
    }

    /// A default identity, as a user has one.
    pub(crate) fn own_identity(&self) {
        fs::create_dir_all(self.path("home/.config/sv2")).unwrap();
        self.good(&["keygen", "-o", "home/.config/sv2/identity.txt"]);
    }

    /// A raw key in the file `key`.
    pub(crate) fn raw_key(&self) {
        self.write("key", &[7; 32]);
    }
}

impl Ended {
    pub(crate) fn of(output: Output) -> Self {
        let code = output.status.code().unwrap_or(-1);
        let stderr = String::from_utf8(output.stderr).unwrap();
        Self { code, stdout: output.stdout, stderr }
    }

    pub(crate) fn expect_failure(&self, code: i32, words: &[&str]) {
        let text = &self.stderr;
        assert_eq!(self.code, code, "{text}");
        assert!(text.starts_with("sv2: ") && text.ends_with('\n'), "{text}");
        let mut more = text.lines().skip(1);
        assert!(more.next().is_none_or(|line| line.starts_with("hint: ")), "{text}");
        assert_eq!(more.next(), None, "{text}");
        for word in words {
            assert!(text.contains(word), "'{word}' is not in: {text}");
        }
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap()
    }
}

/// Bytes that repeat with a period that fits no block.
pub(crate) fn painted(len: usize) -> Vec<u8> {
    (0..len).map(|index| (index % 251) as u8).collect()
}

/// The permission bits of a file.
pub(crate) fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}
