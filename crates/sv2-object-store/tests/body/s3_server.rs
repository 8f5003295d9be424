//! A real server of S3 over a folder, on loopback: `s3s-fs`.
//!
//! It lacks what stores in the field have: it ignores the conditions of reads, fails where a range
//! of the end is longer than the object and where a prefix of keys is read as an object, and mixes
//! requests that race. `Conditional` stands in front of it and has all that.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, CompleteMultipartUploadInput,
    CompleteMultipartUploadOutput, CopyObjectInput, CopyObjectOutput, CreateMultipartUploadInput,
    CreateMultipartUploadOutput, DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput,
    DeleteObjectsOutput, ETag, ETagCondition, GetObjectInput, GetObjectOutput, HeadObjectInput,
    HeadObjectOutput, ListObjectsV2Input, ListObjectsV2Output, PutObjectInput, PutObjectOutput,
    Range, Timestamp, TimestampFormat, UploadPartCopyInput, UploadPartCopyOutput, UploadPartInput,
    UploadPartOutput,
};
use s3s::service::S3ServiceBuilder;
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::Mutex;

use crate::object_store;
use object_store::RetryConfig;
use object_store::aws::{AmazonS3, AmazonS3Builder, S3ConditionalPut, S3CopyIfNotExists};

const BUCKET: &str = "bucket";

/// A server, which goes away with the runtime of its test.
pub(crate) struct Server {
    folder: TempDir,
    endpoint: String,
}

impl Server {
    /// `s3s-fs` with what it lacks.
    pub(crate) async fn start() -> Self {
        let folder = folder();
        let files = FileSystem::new(folder.path()).unwrap();
        let path = folder.path().to_owned();
        Self::serve(folder, Conditional(Mutex::new(files), path)).await
    }

    /// `s3s-fs` as it is.
    pub(crate) async fn start_bare() -> Self {
        let folder = folder();
        let files = FileSystem::new(folder.path()).unwrap();
        Self::serve(folder, files).await
    }

    async fn serve(folder: TempDir, s3: impl S3) -> Self {
        let mut service = S3ServiceBuilder::new(s3);
        service.set_auth(SimpleAuth::from_single("name", "secret"));
        let service = service.build();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let service = service.clone();
                tokio::spawn(async move {
                    let connections = Builder::new(TokioExecutor::new());
                    // A client that goes away is the client's affair.
                    let _ = connections.serve_connection(TokioIo::new(socket), service).await;
                });
            }
        });
        Self { folder, endpoint }
    }

    /// A client that tells failures at once.
    pub(crate) fn client(&self) -> AmazonS3 {
        AmazonS3Builder::new()
            .with_endpoint(&self.endpoint)
            .with_bucket_name(BUCKET)
            .with_region("us-east-1")
            .with_access_key_id("name")
            .with_secret_access_key("secret")
            .with_allow_http(true)
            .with_conditional_put(S3ConditionalPut::ETagMatch)
            .with_copy_if_not_exists(S3CopyIfNotExists::Multipart)
            .with_retry(RetryConfig { max_retries: 0, ..RetryConfig::default() })
            .build()
            .unwrap()
    }

    /// Files of uploads that are neither completed nor aborted.
    pub(crate) fn unfinished(&self) -> Vec<String> {
        let files = std::fs::read_dir(self.folder.path()).unwrap();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.contains(".upload")).collect()
    }
}

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join(BUCKET)).unwrap();
    folder
}

/// One request at a time, under the conditions of RFC 9110.
struct Conditional(Mutex<FileSystem>, PathBuf);

/// The conditions of a read.
struct Conditions {
    matching: Option<ETagCondition>,
    none_matching: Option<ETagCondition>,
    modified: Option<Timestamp>,
    unmodified: Option<Timestamp>,
}

impl Conditions {
    fn judge(&self, tag: Option<&ETag>, modified: Option<&Timestamp>) -> S3Result<()> {
        let (tag, modified) = (tag.unwrap(), seconds(modified.unwrap()));
        let is_met = |condition: &ETagCondition| match condition {
            ETagCondition::Any => true,
            ETagCondition::ETag(wanted) => wanted.weak_cmp(tag),
        };
        let holds = match (&self.matching, &self.unmodified) {
            (Some(condition), _) => is_met(condition),
            (None, Some(time)) => modified <= seconds(time),
            (None, None) => true,
        };
        if !holds {
            return Err(s3_error!(PreconditionFailed));
        }
        let is_known = match (&self.none_matching, &self.modified) {
            (Some(condition), _) => is_met(condition),
            (None, Some(time)) => modified <= seconds(time),
            (None, None) => false,
        };
        if is_known { Err(s3_error!(NotModified)) } else { Ok(()) }
    }
}

/// HTTP tells times in whole seconds.
fn seconds(time: &Timestamp) -> i64 {
    let mut text = Vec::new();
    time.format(TimestampFormat::EpochSeconds, &mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    text.split('.').next().unwrap().parse().unwrap()
}

type Answer<'a, T> = Pin<Box<dyn Future<Output = S3Result<S3Response<T>>> + Send + 'a>>;

/// Methods that are those of the files, one call at a time.
macro_rules! pass_on {
    ($($name:ident: $input:ty => $output:ty),* $(,)?) => {$(
        fn $name<'s, 'a>(&'s self, request: S3Request<$input>) -> Answer<'a, $output>
        where
            's: 'a,
            Self: 'a,
        {
            Box::pin(async move { self.0.lock().await.$name(request).await })
        }
    )*};
}

/// Methods that read, under the conditions of the request.
macro_rules! judge {
    ($($name:ident: $input:ty => $output:ty),* $(,)?) => {$(
        fn $name<'s, 'a>(&'s self, mut request: S3Request<$input>) -> Answer<'a, $output>
        where
            's: 'a,
            Self: 'a,
        {
            Box::pin(async move {
                let files = self.0.lock().await;
                let input = &mut request.input;
                let conditions = Conditions {
                    matching: input.if_match.take(),
                    none_matching: input.if_none_match.take(),
                    modified: input.if_modified_since.take(),
                    unmodified: input.if_unmodified_since.take(),
                };
                let file = std::fs::metadata(self.1.join(&input.bucket).join(&input.key));
                let file = file.ok().filter(|file| file.is_file());
                let file = file.ok_or_else(|| s3_error!(NoSuchKey))?;
                if let Some(Range::Suffix { length }) = &mut input.range {
                    *length = file.len().min(*length);
                }
                let answer = files.$name(request).await?;
                let output = &answer.output;
                conditions.judge(output.e_tag.as_ref(), output.last_modified.as_ref())?;
                Ok(answer)
            })
        }
    )*};
}

impl S3 for Conditional {
    judge! {
        get_object: GetObjectInput => GetObjectOutput,
        head_object: HeadObjectInput => HeadObjectOutput,
    }
    pass_on! {
        put_object: PutObjectInput => PutObjectOutput,
        delete_object: DeleteObjectInput => DeleteObjectOutput,
        delete_objects: DeleteObjectsInput => DeleteObjectsOutput,
        list_objects_v2: ListObjectsV2Input => ListObjectsV2Output,
        copy_object: CopyObjectInput => CopyObjectOutput,
        create_multipart_upload: CreateMultipartUploadInput => CreateMultipartUploadOutput,
        upload_part: UploadPartInput => UploadPartOutput,
        upload_part_copy: UploadPartCopyInput => UploadPartCopyOutput,
        complete_multipart_upload: CompleteMultipartUploadInput => CompleteMultipartUploadOutput,
        abort_multipart_upload: AbortMultipartUploadInput => AbortMultipartUploadOutput,
    }
}
