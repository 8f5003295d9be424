//! The program without what can be left out of it: it compiles, RSA is gone with SSH keys, and what
//! was left out is refused with the reason.

use crate::report::{Failure, Outcome};
use crate::shell;

/// Builds of the program, each with what it leaves out.
const BUILDS: [(&str, &[&str]); 3] = [
    ("neither", &["--no-default-features"]),
    ("no SSH keys", &["--no-default-features", "--features", "plugin"]),
    ("no plugins", &["--no-default-features", "--features", "ssh"]),
];

/// Type-checks each build, runs the tests of the barest one, and looks for RSA below it.
pub(crate) fn check() -> Outcome {
    for (what, features) in BUILDS {
        println!("-- {what}");
        shell::run(shell::cargo(&[&["check", "--quiet", "-p", "sv2-cli"], features].concat()))?;
        let tree = ["tree", "-p", "sv2-cli", "-e", "normal,build", "--prefix", "none"];
        let tree = shell::read(shell::cargo(&[&tree[..], features].concat()))?;
        let has_rsa = String::from_utf8_lossy(&tree).lines().any(|line| line.starts_with("rsa "));
        if has_rsa != features.contains(&"ssh") {
            return Err(Failure::new(format!(
                "{what}: RSA belongs to SSH keys, and to them alone"
            )));
        }
    }
    let bare = ["--no-default-features", "--test", "bare"];
    shell::run(shell::cargo(&[&["test", "--quiet", "-p", "sv2-keys"], &bare[..]].concat()))?;
    Ok("the program compiles without SSH keys, and without RSA then, and without plugins"
        .to_owned())
}
