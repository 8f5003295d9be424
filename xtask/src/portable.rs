//! `cargo xtask portable`: the library crates for systems other than this one, as
//! `docs/portability.md` lists them.
//!
//! The standard library of each target is compiled with the check, from a compiler that comes with
//! its source, so that no toolchain of the target is needed. What was built and run and what was
//! only type-checked is said apart. It takes minutes and is no part of `cargo xtask ci`.

use crate::report::{Failure, Outcome};
use crate::{shell, workspace};
use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

const USAGE: &str = "usage: cargo xtask portable [windows | macos | wasm] [--check]";

/// Crates of whole streams and below, which need neither files nor threads.
const WITHOUT_IO: [&str; 6] = [
    "sv2-headers",
    "sv2-framing",
    "sv2-crypto",
    "sv2-frame-worker",
    "sv2-segment-worker",
    "sv2-stream",
];
/// Crates with files and threads.
const WITH_IO: [&str; 4] = ["sv2-pipeline", "sv2-core", "sv2-parity", "sv2-keys"];
/// Tests that run in a foreign system: layouts, and whole streams without IO from end to end. Those
/// of the crates above need AWS-LC for their benches.
const TESTED: [&str; 5] =
    ["--package=sv2-headers", "--package=sv2-framing", "--package=sv2-stream", "--lib", "--tests"];

/// A system, and how far it can be tried from here.
#[derive(Clone, Copy, PartialEq, Eq)]
enum System {
    Windows,
    MacOs,
    Wasm,
}

impl System {
    const ALL: [Self; 3] = [Self::Windows, Self::MacOs, Self::Wasm];

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|system| system.name() == name)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Windows => "windows",
            Self::MacOs => "macos",
            Self::Wasm => "wasm",
        }
    }

    fn target(self) -> &'static str {
        match self {
            Self::Windows => "x86_64-pc-windows-gnu",
            Self::MacOs => "aarch64-apple-darwin",
            Self::Wasm => "wasm32-unknown-unknown",
        }
    }

    /// The target as the compiler of ziglang calls it; Windows has a compiler of its own.
    fn zig_target(self) -> Option<&'static str> {
        match self {
            Self::Windows => None,
            Self::MacOs => Some("aarch64-macos"),
            Self::Wasm => Some("wasm32-freestanding"),
        }
    }

    /// Keys of age need an interpreter's clock and files, so a browser has the engine alone.
    fn packages(self) -> Vec<&'static str> {
        match self {
            Self::Windows | Self::MacOs => [&WITHOUT_IO[..], &WITH_IO[..]].concat(),
            Self::Wasm => [&WITHOUT_IO[..], &["sv2-pipeline", "sv2-core"]].concat(),
        }
    }

    /// Random numbers come from JavaScript where no system gives them.
    fn features(self) -> &'static [&'static str] {
        match self {
            Self::Wasm => &["--features=sv2-crypto/js"],
            Self::Windows | Self::MacOs => &[],
        }
    }
}

/// Checks all systems or one; runs the tests that can run unless `--check` is given.
pub(crate) fn run(args: &[String]) -> Outcome {
    let (mut systems, mut only_check) = (Vec::new(), false);
    for arg in args {
        match System::named(arg) {
            Some(system) => systems.push(system),
            None if arg == "--check" => only_check = true,
            None => return Err(Failure::new(USAGE)),
        }
    }
    if systems.is_empty() {
        systems.extend(System::ALL);
    }
    let compiler = compiler()?;
    // Asked for before minutes of compiling.
    let runs_wine = systems.contains(&System::Windows) && !only_check;
    if runs_wine && shell::probe(shell::program("wine", &["--version"])).is_none() {
        return Err(Failure::new(
            "no wine, which runs the tests for Windows: apt-get install wine",
        ));
    }
    let mut notes = Vec::new();
    for system in systems {
        let mut check = cargo(&compiler, system, "check")?;
        check.args(system.packages().iter().map(|name| format!("--package={name}")));
        check.args(system.features());
        shell::run(check)?;
        let done = match system {
            System::Windows if !only_check => {
                let mut test = cargo(&compiler, system, "test")?;
                test.args(TESTED);
                shell::run(test)?;
                "built, tests of streams run by wine"
            }
            _ => "checked, NOT RUN",
        };
        notes.push(format!("{}: {done}", system.target()));
    }
    Ok(notes.join("; "))
}

/// A compiler that has the source of the standard library beside it: `$SV2_PORTABLE_RUSTC`, or that of Debian.
fn compiler() -> Outcome<PathBuf> {
    let named = env::var_os("SV2_PORTABLE_RUSTC").map(PathBuf::from);
    let path = named.unwrap_or_else(|| PathBuf::from("/usr/bin/rustc"));
    let root = shell::probe(shell::program(&path.to_string_lossy(), &["--print", "sysroot"]));
    let has_source = root.is_some_and(|root| {
        PathBuf::from(root.trim()).join("lib/rustlib/src/rust/library/Cargo.lock").is_file()
    });
    match has_source {
        true => Ok(path),
        false => Err(Failure::new(
            "no compiler with the source of the standard library: install Debian's rustc-web and \
             rust-web-src, or name one in SV2_PORTABLE_RUSTC",
        )),
    }
}

/// A cargo command that compiles the standard library with the rest, into a folder of its own.
fn cargo(compiler: &Path, system: System, what: &str) -> Outcome<Command> {
    let folder = workspace::root().join("target/portable");
    fs::create_dir_all(&folder)?;
    // Build scripts have folders of their own.
    let folder = folder.canonicalize()?;
    let std = match (what, system) {
        ("test", _) => "-Zbuild-std=std,panic_unwind,test",
        (_, System::Wasm) => "-Zbuild-std=std,panic_abort",
        _ => "-Zbuild-std=std,panic_unwind",
    };
    let target = system.target();
    let mut command = shell::cargo(&[what, "--locked", std, "--target", target]);
    command
        .env("RUSTC", compiler)
        // The nightly feature that compiles the standard library.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_DIR", &folder)
        // Standard library, tests and their information for a debugger would take gigabytes.
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .env("CARGO_INCREMENTAL", "0");
    match system.zig_target() {
        None => {
            if shell::probe(shell::program("x86_64-w64-mingw32-gcc", &["--version"])).is_none() {
                return Err(Failure::new("no x86_64-w64-mingw32-gcc: gcc-mingw-w64-x86-64"));
            }
            command.env("CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER", "wine");
            command.env("WINEDEBUG", "-all").env("WINEPREFIX", folder.join("wine"));
            if what == "test" {
                command.env("WINEPATH", format!("Z:{}", random_numbers(&folder)?.display()));
            }
        }
        Some(zig) => {
            let wrapper = folder.join(format!("cc-{target}"));
            fs::write(&wrapper, zig_wrapper(zig))?;
            fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755))?;
            command.env(format!("CC_{}", target.replace('-', "_")), &wrapper);
            command.env(format!("AR_{}", target.replace('-', "_")), "ar");
            // No SDK of the vendor is asked for: the compiler has its own headers.
            command.env("SDKROOT", &folder);
        }
    }
    Ok(command)
}

/// The folder of a library that wine of 2023 lacks and the standard library asks for random numbers.
fn random_numbers(folder: &Path) -> Outcome<PathBuf> {
    const SOURCE: &str = "#include <windows.h>\n\
        BOOLEAN NTAPI SystemFunction036(PVOID, ULONG);\n\
        __declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T len)\n\
        { return SystemFunction036(data, (ULONG)len); }\n";
    let folder = folder.join("wine-libraries");
    fs::create_dir_all(&folder)?;
    let (source, library) = (folder.join("prng.c"), folder.join("bcryptprimitives.dll"));
    fs::write(&source, SOURCE)?;
    let (source, library) = (source.to_string_lossy(), library.to_string_lossy());
    let args = ["-shared", "-o", &library, &source, "-ladvapi32"];
    shell::run(shell::program("x86_64-w64-mingw32-gcc", &args))?;
    Ok(folder)
}

/// A C compiler that takes the names of targets that build scripts use.
fn zig_wrapper(target: &str) -> String {
    format!(
        "#!/bin/sh\n\
         # Written by cargo xtask portable.\n\
         skip=\n\
         for arg do\n\
         \x20 shift\n\
         \x20 if [ -n \"$skip\" ]; then skip=; continue; fi\n\
         \x20 case $arg in\n\
         \x20   --target=* | -mmacosx-version-min=*) ;;\n\
         \x20   -arch | -isysroot | -target) skip=1 ;;\n\
         \x20   *) set -- \"$@\" \"$arg\" ;;\n\
         \x20 esac\n\
         done\n\
         exec ${{SV2_PORTABLE_PYTHON:-python3}} -m ziglang cc -target {target} \"$@\"\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systems_are_known_by_their_names() {
        for system in System::ALL {
            assert!(System::named(system.name()) == Some(system));
        }
        assert!(System::named("amiga").is_none());
        assert!(run(&["amiga".to_owned()]).is_err());
    }

    /// The wrapper hands on everything but what names a target.
    #[test]
    fn the_wrapper_of_the_compiler_takes_away_targets_alone() {
        let script = zig_wrapper("aarch64-macos")
            .replace("exec ${SV2_PORTABLE_PYTHON:-python3} -m ziglang cc", "printf '%s\\n'");
        let args = ["--target=arm64-apple-macosx", "-arch", "arm64", "-c", "a b.c", "-o", "x"];
        let args = [&["-c", &script, "cc"][..], &args[..]].concat();
        let said = shell::probe(shell::program("sh", &args)).expect("a shell");
        assert_eq!(
            said.lines().collect::<Vec<_>>(),
            ["-target", "aarch64-macos", "-c", "a b.c", "-o", "x"]
        );
    }
}
