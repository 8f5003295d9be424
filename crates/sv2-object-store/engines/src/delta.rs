//! A store of delta-rs by the scheme of its URLs.

use std::sync::Arc;

use deltalake_core::logstore::{
    LogStore, LogStoreFactory, ObjectStoreFactory, ObjectStoreRef, StorageConfig, default_logstore,
    logstore_factories, object_store_factories,
};
use deltalake_core::{DeltaResult, Path};
use object_store_013::ObjectStore;
use url::Url;

/// Hands out one store for all URLs of a scheme.
struct Factory(ObjectStoreRef);

impl ObjectStoreFactory for Factory {
    fn parse_url_opts(&self, url: &Url, _: &StorageConfig) -> DeltaResult<(ObjectStoreRef, Path)> {
        Ok((self.0.clone(), Path::from_url_path(url.path())?))
    }
}

/// The log lies in the store itself, which creates an object or says that it is there.
impl LogStoreFactory for Factory {
    fn with_options(
        &self,
        prefixed: ObjectStoreRef,
        root: ObjectStoreRef,
        location: &Url,
        options: &StorageConfig,
    ) -> DeltaResult<Arc<dyn LogStore>> {
        Ok(default_logstore(prefixed, root, location, options))
    }
}

/// Lets `scheme://` mean this store in the whole process.
///
/// # Panics
/// Where that is no scheme.
pub fn register(scheme: &str, store: impl ObjectStore) {
    let url = Url::parse(&format!("{scheme}://")).expect("a scheme");
    let factory = Arc::new(Factory(Arc::new(store)));
    object_store_factories().insert(url.clone(), factory.clone());
    logstore_factories().insert(url, factory);
}
