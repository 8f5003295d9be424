//! The suite of `object_store` itself, over stores in memory and in a folder.

use crate::probe::key;
use crate::{Sv2Store, object_store};
use object_store::ObjectStore;
use object_store::integration::{
    copy_if_not_exists, copy_rename_nonexistent_object, get_nonexistent_object, get_opts,
    list_uses_directories_correctly, list_with_delimiter, list_with_offset_exclusivity,
    multipart_out_of_order, multipart_race_condition, put_get_attributes, put_get_delete_list,
    put_opts, rename_and_copy, stream_get,
};
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use sv2_object_store::{Sizes, StoreOptions};

/// The whole suite; whether a put on the condition of a tag is in it depends on the store below.
pub(crate) async fn pass(store: &impl ObjectStore, puts_by_tag: bool) {
    put_get_delete_list(store).await;
    list_with_offset_exclusivity(store).await;
    get_opts(store).await;
    list_uses_directories_correctly(store).await;
    list_with_delimiter(store).await;
    rename_and_copy(store).await;
    copy_if_not_exists(store).await;
    copy_rename_nonexistent_object(store).await;
    get_nonexistent_object(store, None).await.unwrap_err();
    stream_get(store).await;
    put_opts(store, puts_by_tag).await;
    put_get_attributes(store).await;
    multipart_race_condition(store, true).await;
    multipart_out_of_order(store).await;
}

#[tokio::test]
async fn the_suite_of_object_store_passes_in_memory() {
    for sizes in [Sizes::Derived, Sizes::Sealed] {
        let options = StoreOptions::standard().sizes(sizes);
        pass(&Sv2Store::new(InMemory::new(), key(1), options), true).await;
    }
}

#[tokio::test]
async fn the_suite_of_object_store_passes_in_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let inner = LocalFileSystem::new_with_prefix(folder.path()).unwrap();
    pass(&Sv2Store::new(inner, key(1), StoreOptions::standard()), false).await;
}
