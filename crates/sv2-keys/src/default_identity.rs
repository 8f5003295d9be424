//! Making identities, and the one that a user has without asking for it.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use age::secrecy::ExposeSecret;
use age::secrecy::zeroize::Zeroizing;
use age::x25519;

use crate::file::{create_parent, create_secret_file};
use crate::identity::{Identity, parse_identities, read_identity_file};
use crate::{KeyFileError, Recipient};

/// A new identity, as the text of an identity file; printed as its recipient only.
pub struct GeneratedIdentity {
    text: Zeroizing<String>,
    recipient: Recipient,
}

impl GeneratedIdentity {
    /// The text of the identity file: the secret key with its recipient and its age in comments.
    #[must_use]
    pub fn expose_text(&self) -> &str {
        &self.text
    }

    /// The public half.
    #[must_use]
    pub fn recipient(&self) -> &Recipient {
        &self.recipient
    }
}

impl fmt::Debug for GeneratedIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GeneratedIdentity({})", self.recipient)
    }
}

/// Makes a new X25519 identity from the operating system's random source.
#[must_use]
pub fn generate_identity() -> GeneratedIdentity {
    let identity = x25519::Identity::generate();
    let recipient = Recipient::of_x25519(&identity);
    let secret = identity.to_string();
    let created = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs());
    let created = rfc_3339(created);
    // Long enough from the start: growing would leave a copy of the secret behind.
    let mut text = Zeroizing::new(String::with_capacity(512));
    for part in [
        "# created: ",
        &created,
        "\n# public key: ",
        &recipient.to_string(),
        "\n",
        secret.expose_secret(),
        "\n",
    ] {
        text.push_str(part);
    }
    GeneratedIdentity { text, recipient }
}

/// Writes a new identity to a file that only its owner can read.
///
/// # Errors
/// `Write`, with `AlreadyExists` where the file is there: an identity is never written over.
pub fn write_identity_file(path: &Path, identity: &GeneratedIdentity) -> Result<(), KeyFileError> {
    create_secret_file(path, identity.text.as_bytes())
}

/// Where the default identity lives: `sv2/identity.txt` in the user's configuration folder.
///
/// That is `XDG_CONFIG_HOME` where it is an absolute path, else `APPDATA` on Windows, else
/// `.config` in `HOME`.
///
/// # Errors
/// `NoConfigFolder` where none of them is set.
pub fn default_identity_path() -> Result<PathBuf, KeyFileError> {
    path_in(|name| env::var_os(name))
}

fn path_in(variable: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, KeyFileError> {
    let absolute = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let windows = || absolute("APPDATA").filter(|_| cfg!(windows));
    absolute("XDG_CONFIG_HOME")
        .or_else(windows)
        .or_else(|| absolute("HOME").map(|home| home.join(".config")))
        .map(|folder| folder.join("sv2").join("identity.txt"))
        .ok_or(KeyFileError::NoConfigFolder)
}

/// The default identity and how it came about.
#[derive(Debug)]
pub struct DefaultIdentity {
    /// Where it is.
    pub path: PathBuf,
    /// Whether it was made just now, or by a call whose caller never came to tell of it: the user
    /// must be told where it is and to back it up, and then [`DefaultIdentity::told`] be called.
    pub is_new: bool,
    /// What the file holds.
    pub identities: Vec<Identity>,
    /// The lock on the marker of an identity that nobody was told of.
    untold: Option<File>,
}

impl DefaultIdentity {
    /// Notes that the user was told of a new identity, so that later calls say nothing.
    pub fn told(&self) {
        if self.untold.is_some() {
            // Telling it again does no harm.
            let _ = fs::remove_file(marker(&self.path));
        }
    }
}

/// The file that lies beside a new identity until somebody was told of it, and is locked by whoever
/// makes the identity or is about to tell. It is empty until the identity is about to get its name.
fn marker(path: &Path) -> PathBuf {
    path.with_extension("untold")
}

/// Takes it upon the caller to tell of an identity whose maker never came to it.
fn take_marker(path: &Path) -> Option<File> {
    let path = marker(path);
    let file = File::open(&path).ok()?;
    // Where nothing can be locked the worst is that it is told twice.
    if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
        return None;
    }
    let is_untold = path.exists() && file.metadata().is_ok_and(|marker| marker.len() > 0);
    is_untold.then_some(file)
}

/// Reads the default identity, or makes it where there is none yet.
///
/// # Errors
/// `NoConfigFolder`, and those of [`load_or_create_identity`].
pub fn load_or_create_default_identity() -> Result<DefaultIdentity, KeyFileError> {
    load_or_create_identity(&default_identity_path()?)
}

/// Reads the identity file at `path`, or makes it (mode 0600, its folder 0700) with a new X25519
/// identity.
///
/// Programs that do this at the same moment all end up with the same identity.
///
/// # Errors
/// `Write` where it cannot be made, and those of [`read_identity_file`].
pub fn load_or_create_identity(path: &Path) -> Result<DefaultIdentity, KeyFileError> {
    let found = |untold: Option<File>, identities| DefaultIdentity {
        path: path.to_owned(),
        is_new: untold.is_some(),
        identities,
        untold,
    };
    match read_identity_file(path) {
        Err(KeyFileError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
        read => return Ok(found(take_marker(path), read?)),
    }
    create_parent(path)?;
    let place = marker(path);
    let failed = |source| KeyFileError::Write { path: place.clone(), source };
    let open = OpenOptions::new().read(true).append(true).create(true).open(&place);
    let mut marker = open.map_err(failed)?;
    // Whoever waits here finds the identity that another one made meanwhile.
    let _ = marker.lock();
    let generated = generate_identity();
    if !path.exists() {
        marker.write_all(b"new").map_err(failed)?;
        match write_identity_file(path, &generated) {
            Ok(()) => {
                let identities = parse_identities(generated.text.as_bytes(), path)?;
                return Ok(found(Some(marker), identities));
            }
            Err(KeyFileError::Write { source, .. })
                if source.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => {
                let _ = fs::remove_file(&place);
                return Err(error);
            }
        }
    }
    let identities = read_identity_file(path)?;
    let is_untold = place.exists() && marker.metadata().is_ok_and(|marker| marker.len() > 0);
    if !is_untold {
        let _ = fs::remove_file(&place);
    }
    Ok(found(is_untold.then_some(marker), identities))
}

/// A time in UTC, from seconds since 1970.
fn rfc_3339(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Years that begin in March put the leap day last, so that months have fixed starts.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute) = (second / 3_600, second / 60 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}Z", second % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_709_210_096, "2024-02-29T12:34:56Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(rfc_3339(seconds), text);
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_configuration_folder_comes_from_the_environment() {
        let path = |set: &[(&str, &str)]| {
            path_in(|name| set.iter().find(|pair| pair.0 == name).map(|pair| pair.1.into()))
        };
        let both = [("XDG_CONFIG_HOME", "/config"), ("HOME", "/home/a")];
        assert_eq!(path(&both).unwrap(), Path::new("/config/sv2/identity.txt"));
        assert_eq!(path(&both[1..]).unwrap(), Path::new("/home/a/.config/sv2/identity.txt"));
        let relative = [("XDG_CONFIG_HOME", "config"), ("HOME", "/home/a")];
        assert_eq!(path(&relative).unwrap(), Path::new("/home/a/.config/sv2/identity.txt"));
        assert!(matches!(path(&[]), Err(KeyFileError::NoConfigFolder)));
    }
}
