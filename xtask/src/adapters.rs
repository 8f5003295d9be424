//! `cargo xtask adapters`: the adapter for object stores in its own workspace, and the Python package,
//! built as a wheel with the program in it, installed into fresh virtual environments, and tested
//! there.
//!
//! The package needs Python 3.11 or newer with venv, and the packages of `tests/requirements.txt` from
//! wherever pip finds them. Where one of these is missing it says which, and fails: what was not
//! checked is never called checked.

use crate::report::{Failure, Outcome};
use crate::{object_store, shell, tools, workspace};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

const CRATE: &str = "crates/sv2-python";
const MANIFEST: &str = "crates/sv2-python/Cargo.toml";
const PYPROJECT: &str = "crates/sv2-python/pyproject.toml";
const REQUIREMENTS: &str = "crates/sv2-python/tests/requirements.txt";
/// Installed for `--torch` alone, because of its size.
const TORCH: &str = "torch==2.15.0";
/// Installed for `--engines` alone, with what they need, because of their size.
const ENGINES: [&str; 2] = ["ray==2.60.0", "pyspark==4.3.0"];
/// Which engines the tests must find.
const ENGINES_VARIABLE: &str = "STREAM_V2_ENGINES";
const USAGE: &str = "usage: cargo xtask adapters [--torch | --engines | --kills N | --bench [ARGS] | \
                     --objects [ARGS]]";

/// Interpreters that are tried, in order.
const PYTHONS: [&str; 5] = ["python3", "python3.14", "python3.13", "python3.12", "python3.11"];
/// Says its version where it is new enough and can make environments.
const FITS: &str = "import sys, venv, ensurepip; assert sys.version_info >= (3, 11); \
                    print('%d.%d.%d' % sys.version_info[:3])";
/// What every installation of packages has in common.
const PIP: [&str; 5] = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];

/// Builds, installs and tests; or the tests of torch alone, or the tables of speed.
pub(crate) fn run(args: &[String]) -> Outcome {
    match args {
        [] => {
            let store = object_store::check()?;
            Ok(format!("{}; object stores: {store}", check()?))
        }
        [arg] if arg == "--torch" => check_torch(),
        [arg] if arg == "--engines" => check_engines(),
        [arg, kills] if arg == "--kills" => kill(kills),
        [arg, rest @ ..] if arg == "--bench" => bench("bench/speed.py", rest),
        [arg, rest @ ..] if arg == "--objects" => bench("bench/objects.py", rest),
        _ => Err(Failure::new(USAGE)),
    }
}

fn check() -> Outcome {
    let environment = Environment::prepare()?;
    check_rust()?;
    let wheel = environment.build_wheel()?;
    check_bare(&environment, &wheel)?;
    environment.install(&wheel)?;
    environment.pytest(&["--ignore", "crates/sv2-python/tests/test_torch.py"])?;
    Ok(format!("Python {}: {} is installed and tested", environment.version, name_of(&wheel)))
}

fn check_torch() -> Outcome {
    let environment = Environment::prepare()?;
    let wheel = environment.build_wheel()?;
    environment.install(&wheel)?;
    shell::run(environment.python(&[&PIP[..], &[TORCH]].concat()))?;
    environment.pytest(&["-s", "crates/sv2-python/tests/test_torch.py"])?;
    Ok(format!("Python {}: {TORCH} loads from streams", environment.version))
}

/// Parts of one object on dask, Ray and Spark, each with several worker processes that may die.
fn check_engines() -> Outcome {
    if shell::probe(shell::program("java", &["-version"])).is_none() {
        return Err(Failure::new(
            "nothing was checked: Spark needs Java 17 or newer, and there is no program java\n\
             install it (package default-jre-headless on Debian) and run this again",
        ));
    }
    let environment = Environment::prepare()?;
    let wheel = environment.build_wheel()?;
    environment.install(&wheel)?;
    shell::run(environment.python(&[&PIP[..], &ENGINES].concat()))?;
    let tests = ["--durations=0", "crates/sv2-python/tests/test_engines.py"];
    let mut pytest = environment.pytest_command(&tests);
    pytest.env(ENGINES_VARIABLE, "dask,ray,spark");
    shell::run(pytest)?;
    Ok(format!("Python {}: parts by dask, {}", environment.version, ENGINES.join(", ")))
}

/// Workers of parts of one stream in S3, killed at random moments.
fn kill(kills: &str) -> Outcome {
    if kills.parse::<u32>().is_ok_and(|kills| kills > 0) {
        return bench("tests/killed_workers.py", &["--kills".to_owned(), kills.to_owned()]);
    }
    Err(Failure::new(USAGE))
}

fn bench(script: &str, args: &[String]) -> Outcome {
    let environment = Environment::prepare()?;
    let wheel = environment.build_wheel()?;
    environment.install(&wheel)?;
    let script = format!("{CRATE}/{script}");
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    shell::run(environment.python(&[&["-B", &script], &args[..]].concat()))?;
    Ok("the tables stand above".to_owned())
}

/// Formatting, lints and dependencies of the crate, which is a workspace of its own.
fn check_rust() -> Outcome<()> {
    shell::run(shell::cargo(&["fmt", "--manifest-path", MANIFEST, "--check"]))?;
    // In release mode, so that the native part of the ciphers is built once for this and the wheel.
    let lints = ["clippy", "--quiet", "--release", "--locked", "--manifest-path", MANIFEST];
    shell::run(shell::cargo(&[&lints[..], &["--", "-D", "warnings"]].concat()))?;
    tools::need(&tools::DENY)?;
    // The rules are those of deny.toml beside the manifest.
    let deny = ["deny", "--log-level", "error", "--all-features", "--manifest-path", MANIFEST];
    let deny = [&deny[..], &["check", "bans", "licenses", "sources"]].concat();
    shell::run(shell::cargo(&deny))
}

/// The wheel in an environment with nothing beside it: it needs no other package, and its program
/// is the program itself.
fn check_bare(environment: &Environment, wheel: &str) -> Outcome<()> {
    let bare = folder().join("bare");
    let made = ["-m", "venv", "--clear", "--without-pip", &text(&bare)?];
    shell::run(environment.python(&made))?;
    let python = text(&bare.join("bin/python"))?;
    let pip = ["-m", "pip", "--python", &python, "install", "--quiet", "--no-index"];
    shell::run(environment.python(&[&pip[..], &["--disable-pip-version-check", wheel]].concat()))?;
    let code = "import stream_v2 as sv2; key = sv2.Key.generate(); \
                assert sv2.decrypt(sv2.encrypt(b'text', to=key), key=key) == b'text'";
    shell::run(shell::program(&python, &["-I", "-c", code]))?;
    let program = bare.join("bin/sv2");
    if !fs::read(&program)?.starts_with(b"\x7fELF") && cfg!(target_os = "linux") {
        return Err(Failure::new("the wheel's script sv2 is not the program itself"));
    }
    shell::run(shell::program(&text(&program)?, &["--version"]))
}

/// A virtual environment with everything that the tests use.
struct Environment {
    python: String,
    version: String,
}

impl Environment {
    /// Makes it with the pinned requirements, unless it is there with just these.
    fn prepare() -> Outcome<Self> {
        let (interpreter, version) = interpreter()?;
        let place = folder().join("environment");
        let python = text(&place.join("bin/python"))?;
        let wanted = fs::read_to_string(workspace::root().join(REQUIREMENTS))?;
        let wanted = format!("{version}\n{wanted}");
        let stamp = place.join("requirements");
        let environment = Self { python, version };
        if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
            return Ok(environment);
        }
        shell::run(shell::program(interpreter, &["-m", "venv", "--clear", &text(&place)?]))?;
        // All of them are in the list, so nothing has to be resolved.
        let install = [&PIP[..], &["--no-deps", "-r", REQUIREMENTS]].concat();
        shell::run(environment.python(&install)).map_err(|failure| {
            Failure::new(format!("{failure}\nthe packages of {REQUIREMENTS} cannot be installed"))
        })?;
        fs::write(stamp, wanted)?;
        Ok(environment)
    }

    fn python(&self, args: &[&str]) -> std::process::Command {
        shell::program(&self.python, args)
    }

    /// The wheel, with the program in its scripts.
    ///
    /// Program and package are built in one folder, so that what they share is built once.
    fn build_wheel(&self) -> Outcome {
        let target = text(&workspace::root().join(CRATE).join("target"))?;
        let build = ["build", "--release", "--locked", "--package", "sv2-cli"];
        shell::run(shell::cargo(&[&build[..], &["--target-dir", &target]].concat()))?;
        let scripts = Path::new(&target).join("wheel.data/scripts");
        fs::create_dir_all(&scripts)?;
        fs::copy(Path::new(&target).join("release/sv2"), scripts.join("sv2"))?;
        let wheels = folder().join("wheels");
        if wheels.exists() {
            fs::remove_dir_all(&wheels)?;
        }
        let maturin = ["-m", "maturin", "build", "--release", "--locked", "--manifest-path"];
        let out = text(&wheels)?;
        let rest =
            [MANIFEST, "--target-dir", &target, "--out", &out, "--interpreter", &self.python];
        shell::run(self.python(&[&maturin[..], &rest].concat()))?;
        let is_wheel = |path: &PathBuf| path.extension() == Some(OsStr::new("whl"));
        let mut found = fs::read_dir(&wheels)?.filter_map(|entry| Some(entry.ok()?.path()));
        let wheel = found.find(is_wheel).ok_or_else(|| Failure::new("maturin made no wheel"))?;
        text(&wheel)
    }

    fn install(&self, wheel: &str) -> Outcome<()> {
        let how = ["--no-deps", "--no-index", "--force-reinstall", wheel];
        shell::run(self.python(&[&PIP[..], &how].concat()))
    }

    /// Runs tests from an empty folder, so that what they leave behind is seen.
    fn pytest(&self, args: &[&str]) -> Outcome<()> {
        shell::run(self.pytest_command(args))
    }

    fn pytest_command(&self, args: &[&str]) -> std::process::Command {
        let place = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", PYPROJECT];
        let tests = format!("{CRATE}/tests");
        let all = args.iter().all(|arg| arg.starts_with('-') || args.contains(&"--ignore"));
        let tests: &[&str] = if all { &[&tests] } else { &[] };
        self.python(&[&place[..], args, tests].concat())
    }
}

/// The first interpreter that serves, and its version.
fn interpreter() -> Outcome<(&'static str, String)> {
    for name in PYTHONS {
        if let Some(version) = shell::probe(shell::program(name, &["-c", FITS])) {
            return Ok((name, version.trim().to_owned()));
        }
    }
    Err(Failure::new(missing(&PYTHONS)))
}

/// What a person has to do where there is no interpreter.
fn missing(tried: &[&str]) -> String {
    format!(
        "nothing was checked: Python 3.11 or newer with venv is needed, and none of {} is that\n\
         install it (packages python3 and python3-venv on Debian) and run this again",
        tried.join(", ")
    )
}

fn folder() -> PathBuf {
    workspace::root().join("target/adapters")
}

fn text(path: &Path) -> Outcome {
    let text = path.to_str().ok_or_else(|| Failure::new("the project's path is not UTF-8"))?;
    Ok(text.to_owned())
}

fn name_of(wheel: &str) -> &str {
    wheel.rsplit('/').next().unwrap_or(wheel)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_that_mean_nothing_run_nothing() {
        for line in ["--quick", "--torch --bench", "--kills", "--kills many", "x"] {
            let args: Vec<String> = line.split(' ').map(str::to_owned).collect();
            assert!(run(&args).is_err(), "{line}");
        }
    }

    #[test]
    fn a_machine_without_python_is_told_what_is_missing() {
        let said = missing(&["python3"]);
        assert!(said.starts_with("nothing was checked") && said.contains("3.11"));
    }
}
