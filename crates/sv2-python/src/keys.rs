//! Keys: references that may travel, and secrets that may not.
//!
//! A reference names a file, an environment variable or a name registered in this process; it is
//! resolved when it is used, and it is all that a pickle ever holds. A secret cannot be pickled or
//! copied, prints as its kind, and is wiped when it goes.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex};

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};
use sv2_core::StreamKey;
use sv2_keys::{
    GeneratedIdentity, Passphrase, default_identity_path, generate_identity, parse_identities,
    read_identity_file, write_identity_file,
};
use zeroize::Zeroizing;

use crate::error::{Names, Trouble};

/// Names the identity file that serves where no key is given, as for the program.
const IDENTITY_VARIABLE: &str = "SV2_IDENTITY";

/// What a text or a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holds {
    Identity,
    Raw,
    Passphrase,
}

impl Holds {
    fn parse(text: &str) -> PyResult<Self> {
        match text {
            "identity" => Ok(Self::Identity),
            "raw" => Ok(Self::Raw),
            "passphrase" => Ok(Self::Passphrase),
            _ => Err(PyValueError::new_err("holds must be 'identity', 'raw' or 'passphrase'")),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Raw => "raw",
            Self::Passphrase => "passphrase",
        }
    }
}

/// What a [`Key`] is.
pub(crate) enum Kind {
    /// The user's own identities.
    Default,
    File {
        path: PathBuf,
        holds: Holds,
    },
    Environment {
        name: String,
        holds: Holds,
    },
    Registered(String),
    /// Secrets in memory.
    Raw(StreamKey),
    Passphrase(Passphrase),
    Identity(Zeroizing<String>),
    Generated(Box<GeneratedIdentity>),
}

/// Keys that were registered in this process.
static REGISTERED: LazyLock<Mutex<HashMap<String, Arc<Kind>>>> = LazyLock::new(Mutex::default);

/// What opens streams, or what they are sealed to.
///
/// `Key.identity_file`, `Key.raw_file`, `Key.passphrase_file`, `Key.environment`, `Key.registered`
/// and `Key.default` are references: they are read each time they are used, they compare by what
/// they name, and they can be pickled. `Key.generate`, `Key.identity`, `Key.raw` and
/// `Key.passphrase` hold the secret itself: they print as their kind and cannot be pickled; save
/// one to a file or register it, and hand out the reference.
///
/// >>> key = Key.generate()
/// >>> key
/// Key.identity(<secret>)
/// >>> key.recipients()[0].startswith("age1")
/// True
/// >>> Key.identity_file("id.txt")
/// Key.identity_file('id.txt')
#[pyclass(frozen, module = "stream_v2", from_py_object)]
#[derive(Clone)]
pub(crate) struct Key {
    pub(crate) kind: Arc<Kind>,
}

impl Key {
    fn new(kind: Kind) -> Self {
        Self { kind: Arc::new(kind) }
    }

    /// What a pickle holds, for a reference.
    fn reference(&self) -> Option<(&'static str, Vec<String>)> {
        let text = |path: &Path| path.to_str().map(str::to_owned);
        Some(match &*self.kind {
            Kind::Default => ("default", vec![]),
            Kind::File { path, holds: Holds::Identity } => ("identity_file", vec![text(path)?]),
            Kind::File { path, holds: Holds::Raw } => ("raw_file", vec![text(path)?]),
            Kind::File { path, holds: Holds::Passphrase } => ("passphrase_file", vec![text(path)?]),
            Kind::Environment { name, holds } => {
                ("environment", vec![name.clone(), holds.name().to_owned()])
            }
            Kind::Registered(name) => ("registered", vec![name.clone()]),
            Kind::Raw(_) | Kind::Passphrase(_) | Kind::Identity(_) | Kind::Generated(_) => {
                return None;
            }
        })
    }
}

#[pymethods]
impl Key {
    /// The user's own identities, as the program `sv2` takes them where no key is named: the file
    /// that SV2_IDENTITY names, or the default identity file.
    #[staticmethod]
    fn default() -> Self {
        Self::new(Kind::Default)
    }

    /// The identities in a file: age identities, or an SSH private key.
    #[staticmethod]
    fn identity_file(path: PathBuf) -> Self {
        Self::new(Kind::File { path, holds: Holds::Identity })
    }

    /// The raw key in a file: 32 bytes, or 64 hexadecimal digits.
    #[staticmethod]
    fn raw_file(path: PathBuf) -> Self {
        Self::new(Kind::File { path, holds: Holds::Raw })
    }

    /// The passphrase in the first line of a file.
    #[staticmethod]
    fn passphrase_file(path: PathBuf) -> Self {
        Self::new(Kind::File { path, holds: Holds::Passphrase })
    }

    /// The text of an environment variable: identities, a raw key as 64 hexadecimal digits, or a
    /// passphrase.
    #[staticmethod]
    #[pyo3(signature = (name, holds="identity"))]
    fn environment(name: String, holds: &str) -> PyResult<Self> {
        Ok(Self::new(Kind::Environment { name, holds: Holds::parse(holds)? }))
    }

    /// The key that `register` was given under this name in the process that uses it.
    #[staticmethod]
    fn registered(name: String) -> Self {
        Self::new(Kind::Registered(name))
    }

    /// A new age identity, a secret; save it before anything is encrypted to it.
    #[staticmethod]
    fn generate() -> Self {
        Self::new(Kind::Generated(Box::new(generate_identity())))
    }

    /// An age identity by its text, `AGE-SECRET-KEY-1..`, a secret.
    #[staticmethod]
    fn identity(py: Python<'_>, text: &str) -> PyResult<Self> {
        parse_identities(text.as_bytes(), Path::new("identity"))
            .map_err(|error| Trouble::from(error).into_py(py, &Names::default()))?;
        Ok(Self::new(Kind::Identity(Zeroizing::new(text.to_owned()))))
    }

    /// A raw key of 32 bytes, a secret. A stream that is sealed to it has no key slots.
    #[staticmethod]
    fn raw(key: &Bound<'_, PyBytes>) -> PyResult<Self> {
        let key = StreamKey::from_slice(key.as_bytes());
        Ok(Self::new(Kind::Raw(
            key.ok_or_else(|| PyValueError::new_err("a raw key has 32 bytes"))?,
        )))
    }

    /// A passphrase, a secret.
    #[staticmethod]
    fn passphrase(py: Python<'_>, text: String) -> PyResult<Self> {
        let passphrase = Passphrase::new(text)
            .map_err(|error| Trouble::from(error).into_py(py, &Names::default()))?;
        Ok(Self::new(Kind::Passphrase(passphrase)))
    }

    /// Whether this is a reference, which can be pickled, and not a secret.
    #[getter]
    fn is_reference(&self) -> bool {
        self.reference().is_some()
    }

    /// The recipients whose slots this key opens, as text; they are no secret.
    ///
    /// Raises UsageError for a raw key or a passphrase, which have none.
    fn recipients(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        let key = self.clone();
        py.detach(|| crate::opening::recipients_of(&key))
            .map(|found| found.iter().map(ToString::to_string).collect())
            .map_err(|trouble| trouble.into_py(py, &Names::default()))
    }

    /// Writes a generated identity to a new file that only its owner can read, and returns the
    /// reference to it.
    ///
    /// Raises FileExistsError where the file is there: a key is never written over another.
    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let saved = match &*self.kind {
            Kind::Generated(identity) => write_identity_file(&path, identity).map_err(Into::into),
            _ => Err(Trouble::Usage("only a generated identity can be saved".into())),
        };
        saved.map_err(|trouble| trouble.into_py(py, &Names::default()))?;
        Ok(Self::new(Kind::File { path, holds: Holds::Identity }))
    }

    fn __repr__(&self) -> String {
        match (self.reference(), &*self.kind) {
            (Some((method, arguments)), _) => {
                let arguments: Vec<String> =
                    arguments.iter().map(|text| format!("'{}'", text.escape_default())).collect();
                format!("Key.{method}({})", arguments.join(", "))
            }
            (None, Kind::Raw(_)) => "Key.raw(<secret>)".into(),
            (None, Kind::Passphrase(_)) => "Key.passphrase(<secret>)".into(),
            (None, Kind::File { path, .. }) => format!("Key of the file {}", path.display()),
            (None, _) => "Key.identity(<secret>)".into(),
        }
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        let Ok(other) = other.cast::<Self>() else { return false };
        let other = other.get();
        Arc::ptr_eq(&self.kind, &other.kind)
            || (self.reference().is_some() && self.reference() == other.reference())
    }

    fn __hash__(&self) -> u64 {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        match self.reference() {
            Some(reference) => reference.hash(&mut hasher),
            None => Arc::as_ptr(&self.kind).hash(&mut hasher),
        }
        hasher.finish()
    }

    fn __reduce__<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let Some((method, arguments)) = self.reference() else {
            return Err(PyTypeError::new_err(
                "a secret key cannot be pickled or copied; save() it to a file or register() it, \
                 and use Key.identity_file() or Key.registered()",
            ));
        };
        Ok((py.get_type::<Self>().getattr(method)?, PyTuple::new(py, arguments)?))
    }
}

/// Makes a key known to this process by a name, for `Key.registered(name)` and for the option
/// `key_name` of the file system `sv2`.
///
/// A name that is taken is given the new key. Other processes do not see it: register it there,
/// too.
///
/// >>> register("project", Key.generate())
/// >>> Key.registered("project")
/// Key.registered('project')
#[pyfunction]
pub(crate) fn register(name: String, key: Key) -> PyResult<()> {
    if matches!(&*key.kind, Kind::Registered(_)) {
        return Err(PyValueError::new_err("a registered name cannot be registered again"));
    }
    registry().insert(name, key.kind);
    Ok(())
}

/// Forgets a registered key; a name that is not known is no error.
///
/// >>> unregister("project")
#[pyfunction]
pub(crate) fn unregister(name: &str) {
    registry().remove(name);
}

fn registry() -> std::sync::MutexGuard<'static, HashMap<String, Arc<Kind>>> {
    REGISTERED.lock().unwrap_or_else(|poison| poison.into_inner())
}

/// The key that a registered name stands for.
pub(crate) fn registered(name: &str) -> Result<Arc<Kind>, Trouble> {
    registry().get(name).cloned().ok_or_else(|| {
        Trouble::Usage(format!(
            "no key is registered as '{name}' in this process; stream_v2.register() does that"
        ))
    })
}

/// One key, or several in a list or tuple; none means the user's own identities.
pub(crate) fn keys_of(object: Option<&Bound<'_, PyAny>>) -> PyResult<Vec<Key>> {
    let Some(object) = object else { return Ok(vec![Key::new(Kind::Default)]) };
    let one = |object: &Bound<'_, PyAny>| match object.cast::<Key>() {
        Ok(key) => Ok(key.get().clone()),
        Err(_) => Err(PyTypeError::new_err(format!(
            "a key must be a Key, such as Key.identity_file(PATH), not {}",
            object.get_type().name()?
        ))),
    };
    if object.is_instance_of::<PyList>() || object.is_instance_of::<PyTuple>() {
        let keys: Vec<Key> = object.try_iter()?.map(|item| one(&item?)).collect::<PyResult<_>>()?;
        if keys.is_empty() {
            return Err(PyValueError::new_err("no key was given"));
        }
        return Ok(keys);
    }
    Ok(vec![one(object)?])
}

/// Reads the identities of a user who named none; `None` where there are none.
pub(crate) fn own_identities() -> Result<Option<Vec<sv2_keys::Identity>>, Trouble> {
    let named = std::env::var_os(IDENTITY_VARIABLE).filter(|value| !value.is_empty());
    let path = match named {
        Some(path) => return Ok(Some(read_identity_file(Path::new(&path))?)),
        None => match default_identity_path() {
            Ok(path) => path,
            Err(_) => return Ok(None),
        },
    };
    if !path.exists() {
        return Ok(None);
    }
    Ok(Some(read_identity_file(&path)?))
}
