//! Reading objects, within bounds.

use crate::failure::Failure;
use crate::limits::Limits;
use crate::store::S3ObjectStore;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use bytes::{Bytes, BytesMut};

/// What stands under a name, beside what was to be written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Standing {
    /// Nothing.
    Nothing,
    /// An object of these bytes.
    Same,
    /// Another object.
    Other,
}

/// An object breaks off while it is read, or is not what was stored.
#[derive(Default)]
struct Broken(String);

impl Broken {
    fn for_good(self) -> Failure {
        Failure::Away(format!("the object breaks off: {}", self.0))
    }
}

impl S3ObjectStore {
    /// An object, or how large it is where it is larger than `most`. One whose bytes break off, or do not have the
    /// checksum that they were stored with, is read again.
    pub(crate) async fn read(&self, name: &str, most: usize) -> Result<Result<Option<Bytes>, u64>, Failure> {
        let attempts = async {
            let mut broken = Broken::default();
            for _ in 0..Limits::READS {
                match self.read_once(name, most).await? {
                    Ok(read) => return Ok(read),
                    Err(again) => broken = again,
                }
            }
            Err(broken.for_good())
        };
        self.in_time(attempts).await
    }

    async fn read_once(
        &self,
        name: &str,
        most: usize,
    ) -> Result<Result<Result<Option<Bytes>, u64>, Broken>, Failure> {
        let Some(mut object) = self.open(name).await? else { return Ok(Ok(Ok(None))) };
        let length = length(&object)?;
        if length > most as u64 {
            return Ok(Ok(Err(length)));
        }
        let mut bytes = BytesMut::with_capacity(length as usize);
        loop {
            match next(&mut object).await {
                Ok(None) => return Ok(Ok(Ok(Some(bytes.freeze())))),
                Ok(Some(chunk)) if bytes.len() + chunk.len() > most => {
                    return Ok(Ok(Err((bytes.len() + chunk.len()) as u64)));
                }
                Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
                Err(broken) => return Ok(Err(broken)),
            }
        }
    }

    /// What stands beside these bytes: nothing more of it is in memory than arrives at once.
    pub(crate) async fn standing(&self, name: &str, bytes: &Bytes) -> Result<Standing, Failure> {
        let attempts = async {
            let mut broken = Broken::default();
            for _ in 0..Limits::READS {
                match self.compare_once(name, bytes).await? {
                    Ok(standing) => return Ok(standing),
                    Err(again) => broken = again,
                }
            }
            Err(broken.for_good())
        };
        self.in_time(attempts).await
    }

    async fn compare_once(&self, name: &str, bytes: &Bytes) -> Result<Result<Standing, Broken>, Failure> {
        let Some(mut object) = self.open(name).await? else { return Ok(Ok(Standing::Nothing)) };
        if length(&object)? != bytes.len() as u64 {
            return Ok(Ok(Standing::Other));
        }
        // Not before the end is it known that what came is what was stored.
        let (mut left, mut same) = (&bytes[..], true);
        loop {
            match next(&mut object).await {
                Ok(None) if same && left.is_empty() => return Ok(Ok(Standing::Same)),
                Ok(None) => return Ok(Ok(Standing::Other)),
                Ok(Some(chunk)) => match left.strip_prefix(&chunk[..]) {
                    Some(rest) => left = rest,
                    None => same = false,
                },
                Err(broken) => return Ok(Err(broken)),
            }
        }
    }

    async fn in_time<T>(&self, read: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        let within = tokio::time::timeout(self.limits.read, read).await;
        within.unwrap_or_else(|_| Err(Failure::Away("reading takes too long".to_owned())))
    }

    async fn open(&self, name: &str) -> Result<Option<GetObjectOutput>, Failure> {
        let get = self.client.get_object().bucket(&self.location.bucket).key(name);
        let get = get.set_expected_bucket_owner(self.location.owner.clone());
        match get.send().await.map_err(Failure::of) {
            Ok(object) => Ok(Some(object)),
            Err(failure) if failure.is_no_object() => Ok(None),
            Err(failure) => Err(failure),
        }
    }
}

fn length(object: &GetObjectOutput) -> Result<u64, Failure> {
    let length = object.content_length().and_then(|length| u64::try_from(length).ok());
    length.ok_or_else(|| Failure::Away("an object without a length".to_owned()))
}

async fn next(object: &mut GetObjectOutput) -> Result<Option<Bytes>, Broken> {
    object.body.next().await.transpose().map_err(|error| Broken(error.to_string()))
}
